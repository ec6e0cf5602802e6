package cli

import (
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/clew-crawler/clew"
)

// runFlags are the flags of the commands that crawl. Those that were not given
// leave the spider and the library's defaults as they are.
type runFlags struct {
	flags *pflag.FlagSet
	cmd   *cobra.Command

	crawlDir    string
	interval    time.Duration
	concurrency int
	perHost     int
	delay       time.Duration
	userAgent   string
	noRobots    bool
	maxPages    int64
	maxDuration time.Duration
	pauseLimit  time.Duration
	fresh       bool
	refuse      bool
	lenient     bool
	json        bool
	private     bool // addresses that are not public may be connected to
}

func (f *runFlags) register(cmd *cobra.Command) {
	f.flags, f.cmd = cmd.Flags(), cmd
	f.flags.SortFlags = false
	f.flags.StringVar(&f.crawlDir, "crawl-dir", "", "keep the crawl in `DIR`, and resume what is there")
	f.flags.BoolVar(&f.fresh, "fresh", false, "set aside what is there and start anew")
	f.flags.IntVar(&f.concurrency, "concurrency", 0, "at most `N` pages in flight (default 16)")
	f.flags.IntVar(&f.perHost, "concurrency-per-host", 0, "at most `N` of them of one host")
	f.flags.DurationVar(&f.delay, "delay", 0, "least `TIME` between fetches of a host")
	f.flags.BoolVar(&f.noRobots, "ignore-robots", false, "leave robots.txt unread")
	f.flags.StringVar(&f.userAgent, "user-agent", "", "be `NAME` to sites (default names Clew)")
	f.flags.Int64Var(&f.maxPages, "max-pages", 0, "pause after `N` pages of this run")
	f.flags.DurationVar(&f.maxDuration, "max-duration", 0, "pause after `TIME` of this run")
	f.flags.DurationVar(&f.pauseLimit, "pause-timeout", 20*time.Second, "a pause waits `TIME` for pages in flight")
	f.flags.DurationVar(&f.interval, "interval", 100*time.Millisecond, "commit finished pages after `TIME`")
	f.flags.BoolVar(&f.refuse, "refuse-damage", false, "fail on damage, set nothing aside")
	f.flags.BoolVar(&f.json, "json", false, "write log and result as JSON")
}

// Bounds that catch a slip of the keyboard; the library has the same.
const (
	maxConcurrency = 100_000
	maxDelay       = 24 * time.Hour
)

// check reports the first value that cannot be meant.
func (f *runFlags) check() error {
	help := f.cmd.CommandPath() + " --help"
	for _, n := range []struct {
		flag        string
		value, most int64
	}{
		{"concurrency", int64(f.concurrency), maxConcurrency},
		{"concurrency-per-host", int64(f.perHost), maxConcurrency},
		{"max-pages", f.maxPages, 0},
	} {
		switch {
		case n.value < 0:
			return usage(help, "--%s %d is negative", n.flag, n.value)
		case n.most > 0 && n.value > n.most:
			return usage(help, "--%s %d is more than %d", n.flag, n.value, n.most)
		}
	}
	for _, d := range []struct {
		flag        string
		value, most time.Duration
	}{
		{"delay", f.delay, maxDelay},
		{"interval", f.interval, 0},
		{"pause-timeout", f.pauseLimit, 0},
		{"max-duration", f.maxDuration, 0},
	} {
		switch {
		case d.value < 0:
			return usage(help, "--%s %v is negative", d.flag, d.value)
		case d.most > 0 && d.value > d.most:
			return usage(help, "--%s %v is more than %v", d.flag, d.value, d.most)
		}
	}
	return f.checkDir()
}

func (f *runFlags) checkDir() error {
	if f.crawlDir == "" {
		switch {
		case f.fresh:
			return usage("--crawl-dir ./crawl_data", "--fresh without --crawl-dir: there is nothing to set aside")
		case f.flags.Changed("crawl-dir"):
			return usage("--crawl-dir ./crawl_data", "--crawl-dir is empty")
		}
		return nil
	}
	if info, err := os.Stat(f.crawlDir); err == nil && !info.IsDir() {
		return usage("--crawl-dir with the name of a directory; it is made if need be", "--crawl-dir %s is a file", f.crawlDir)
	}
	return nil
}

// apply returns a copy of the spider, changed as the flags say.
func (f *runFlags) apply(spider *clew.Spider, log *slog.Logger) *clew.Spider {
	s := *spider
	if f.flags.Changed("concurrency") {
		s.Concurrency = f.concurrency
	}
	if f.flags.Changed("concurrency-per-host") {
		s.ConcurrencyPerHost = f.perHost
	}
	if f.flags.Changed("delay") {
		s.Delay = f.delay
	}
	if f.flags.Changed("ignore-robots") {
		s.IgnoreRobots = f.noRobots
	}
	if f.userAgent != "" {
		s.HTTP.UserAgent = f.userAgent
	}
	if s.Logger == nil {
		s.Logger = log
	}
	return &s
}

// options are what the flags say about the run.
func (f *runFlags) options() []clew.Option {
	opts := []clew.Option{
		clew.Interval(f.interval), clew.PauseTimeout(f.pauseLimit),
		clew.MaxPages(f.maxPages), clew.MaxDuration(f.maxDuration),
	}
	if f.crawlDir != "" {
		opts = append(opts, clew.CrawlDir(f.crawlDir))
	}
	if f.fresh {
		opts = append(opts, clew.Fresh())
	}
	if f.lenient {
		opts = append(opts, clew.Lenient())
	}
	if f.refuse {
		opts = append(opts, clew.OnDamage(clew.Refuse))
	}
	return opts
}

// itemsPath is where the items are, "" without a crawl directory.
func (f *runFlags) itemsPath() string {
	if f.crawlDir == "" {
		return ""
	}
	return filepath.Join(f.crawlDir, "items.jsonl")
}
