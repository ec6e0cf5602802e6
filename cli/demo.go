package cli

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// demoFlags are the flags of the demo.
type demoFlags struct {
	serve       string
	seed        uint64
	pages       int
	kills       int
	concurrency int
	latency     time.Duration
	dir         string
	keep        bool
}

// Bounds of the demo, within which it shows something.
const (
	minDemoPages = 20
	maxDemoPages = 20_000
	maxDemoKills = 50
)

func (p *program) demoCommand() *cobra.Command {
	f := new(demoFlags)
	cmd := &cobra.Command{
		Use:   "demo [flags]",
		Short: "Watch a crawl being killed and resumed",
		Long: "Serve a made-up site of quotes on this machine and crawl it twice: once without\n" +
			"a stop, and once in processes that are really killed (kill -9) again and again.\n" +
			"Then compare the two, page by page and item by item. Nothing leaves this machine.\n" +
			"It fails if the two crawls differ, or if a committed page was fetched again.",
		Example:               "clew demo\nclew demo --kills 10 --seed 7\nclew demo --serve 127.0.0.1:8000",
		DisableFlagsInUseLine: true,
		Args:                  p.noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
			defer stop()
			if f.serve != "" {
				return p.serveDemo(ctx, f)
			}
			return p.demo(ctx, f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.IntVar(&f.kills, "kills", 4, "kill the crawl `N` times")
	flags.IntVar(&f.pages, "pages", 600, "serve a site of about `N` pages")
	flags.Uint64Var(&f.seed, "seed", 1, "site and kills follow from `N`")
	flags.IntVar(&f.concurrency, "concurrency", 8, "at most `N` pages in flight")
	flags.DurationVar(&f.latency, "latency", 60*time.Millisecond, "every page takes about `TIME`")
	flags.StringVar(&f.dir, "dir", "", "keep the crawl in `DIR` (default a temporary one)")
	flags.BoolVar(&f.keep, "keep", false, "keep the temporary directory")
	flags.StringVar(&f.serve, "serve", "", "only serve the site at `ADDRESS`")
	return cmd
}

func (f *demoFlags) check() error {
	const try = "clew demo --help"
	switch {
	case f.pages < minDemoPages || f.pages > maxDemoPages:
		return usage(try, "--pages %d is not between %d and %d", f.pages, minDemoPages, maxDemoPages)
	case f.kills < 0 || f.kills > maxDemoKills:
		return usage(try, "--kills %d is not between 0 and %d", f.kills, maxDemoKills)
	case f.kills > f.pages/10 && f.serve == "":
		return usage(try, "--kills %d are too many for %d pages: at most one for ten pages", f.kills, f.pages)
	case f.concurrency < 1 || f.concurrency > maxConcurrency:
		return usage(try, "--concurrency %d is not between 1 and %d", f.concurrency, maxConcurrency)
	case f.latency < 0 || f.latency > time.Minute:
		return usage(try, "--latency %v is not between 0s and 1m", f.latency)
	}
	if info, err := os.Stat(f.dir); f.dir != "" && err == nil && !info.IsDir() {
		return usage("--dir with a directory", "--dir %s is a file", f.dir)
	}
	if f.dir != "" {
		if _, err := os.Stat(filepath.Join(f.dir, "crawl.json")); err == nil {
			return usage("--dir with another directory", "--dir %s holds a crawl already", f.dir)
		}
	}
	return nil
}

// workDir makes the directory of the demo's crawl. done removes it if it is to go.
func (f *demoFlags) workDir() (dir string, done func() error, err error) {
	if f.dir != "" {
		return f.dir, func() error { return nil }, nil
	}
	tmp, err := os.MkdirTemp("", "clew-demo-")
	if err != nil {
		return "", nil, fmt.Errorf("make a temporary directory: %w", err)
	}
	done = func() error {
		if f.keep {
			return nil
		}
		return os.RemoveAll(tmp)
	}
	return filepath.Join(tmp, "crawl"), done, nil
}

// demoSpider is the name of the demo's spider.
const demoSpider = "demo"

// runHeader tells the demo's site which run a request belongs to, so that one which
// arrives after its process died is not counted for the next.
const runHeader = "X-Clew-Demo-Run"

// moments draws after how many requests of each run it is killed. Together they
// are fewer than the site has pages, so that no run ends before it is killed.
func moments(seed uint64, kills, pages int) []int {
	rng := rand.New(rand.NewPCG(seed, 0x6b696c6c)) //nolint:gosec // chosen to be repeatable
	share := pages / (kills + 1)
	var after []int
	for range kills {
		after = append(after, share/2+rng.IntN(share/2+1))
	}
	return after
}

// demoRunCommand is the process that the demo kills. It is not for people.
func (p *program) demoRunCommand() *cobra.Command {
	f := new(demoFlags)
	var run int
	var url string
	cmd := &cobra.Command{
		Use:    "demo-run",
		Hidden: true,
		Args:   p.noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.demoRun(cmd.Context(), f, url, run)
		},
	}
	cmd.Flags().StringVar(&url, "url", "", "the site")
	cmd.Flags().StringVar(&f.dir, "dir", "", "the crawl directory")
	cmd.Flags().IntVar(&run, "run", 0, "the number of the run")
	cmd.Flags().IntVar(&f.concurrency, "concurrency", 0, "pages in flight")
	return cmd
}

// demoRunArgs is the command line of such a process.
func demoRunArgs(f *demoFlags, dir, url string, run int) []string {
	return []string{
		"demo-run", "--url", url, "--dir", dir,
		"--run", strconv.Itoa(run), "--concurrency", strconv.Itoa(f.concurrency),
	}
}

// untilClosed returns a context that ends when the other end of r does, so that a
// process does not outlive the one that started it.
func (p *program) untilClosed(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		var b [1]byte
		for {
			if _, err := p.in.Read(b[:]); err != nil {
				cancel()
				return
			}
		}
	}()
	return ctx, cancel
}
