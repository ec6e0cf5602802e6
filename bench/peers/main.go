package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// config is what the command line says.
type config struct {
	work    string
	out     string
	peers   []string // empty is all
	stops   []string // likewise
	jobs    []string // likewise
	rounds  int
	pages   int
	seed    uint64
	latency time.Duration
	limit   time.Duration
	json    string
	docs    string
	corpus  string
}

func main() {
	is, err := played(os.Args[1:]) // whose signals are its own
	if !is {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err = run(ctx, os.Args[1:], os.Stdout)
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	parts := map[string]func(context.Context, *config, io.Writer) error{"reliability": reliability, "speed": speed}
	if len(args) == 0 || parts[args[0]] == nil {
		return errors.New("say what to measure: reliability or speed")
	}
	cfg, err := parse(args)
	if err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if cfg.work == "" {
		if cfg.work, err = os.MkdirTemp("", "clew-peers"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(cfg.work)) }() //nolint:gosec // the temporary folder made above
	} else if cfg.work, err = filepath.Abs(cfg.work); err != nil {
		return err
	}
	return parts[args[0]](ctx, cfg, out)
}

func parse(args []string) (*config, error) {
	cfg := &config{}
	fs := flag.NewFlagSet("peers "+args[0], flag.ContinueOnError)
	fs.StringVar(&cfg.work, "work", "", "folder for what is installed and crawled, which is kept; default: a temporary one, which is not")
	fs.StringVar(&cfg.out, "o", "", "file for the tables, beside standard output")
	var peers, stops, jobs string
	names := peerNames()
	if args[0] == "speed" {
		names = racerNames()
		cfg.speedFlags(fs)
		fs.StringVar(&jobs, "jobs", "", "jobs to measure, separated by commas: "+strings.Join(jobNames(), ", "))
	} else {
		cfg.reliabilityFlags(fs)
		fs.StringVar(&stops, "stop", "", "stops to measure, separated by commas: "+strings.Join(stopNames(), ", "))
	}
	fs.StringVar(&peers, "peer", "", "peers to measure, separated by commas: "+strings.Join(names, ", "))
	if err := fs.Parse(args[1:]); err != nil {
		return nil, err
	}
	var errs [3]error
	cfg.peers, errs[0] = chosenOf("peer", peers, names)
	cfg.stops, errs[1] = chosenOf("stop", stops, stopNames())
	cfg.jobs, errs[2] = chosenOf("jobs", jobs, jobNames())
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if fs.NArg() > 0 || cfg.rounds < 1 || cfg.pages < 1 {
		return nil, errors.New("arguments make no sense; see -h")
	}
	return cfg, nil
}

// reliabilityFlags are those that only this part has.
func (cfg *config) reliabilityFlags(fs *flag.FlagSet) {
	fs.IntVar(&cfg.rounds, "rounds", 3, "rounds, of which median and range are printed")
	fs.IntVar(&cfg.pages, "pages", 1000, "pages of the site")
	fs.Uint64Var(&cfg.seed, "seed", 1, "seed of the site")
	fs.DurationVar(&cfg.latency, "latency", 10*time.Millisecond, "an answer takes once to twice as long")
	fs.DurationVar(&cfg.limit, "limit", 20*time.Second, "a run that fetches nothing for so long is killed")
}

// chosenOf returns the names of a list, all of which there have to be; all if it
// is empty.
func chosenOf(flag, list string, all []string) ([]string, error) {
	if list == "" {
		return all, nil
	}
	names := strings.Split(list, ",")
	for _, name := range names {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("-%s: %q is none of %s", flag, name, strings.Join(all, ", "))
		}
	}
	return names, nil
}

// reliability measures all that was chosen and prints the table.
func reliability(ctx context.Context, cfg *config, out io.Writer) (err error) {
	w, err := serve(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	r := &report{cfg: cfg}
	for _, p := range peers() {
		if !slices.Contains(cfg.peers, p.name) {
			continue
		}
		if err := measure(ctx, cfg, w, &p, r); err != nil {
			return fmt.Errorf("measure %s: %w", p.name, err)
		}
	}
	text := r.markdown()
	if cfg.out != "" {
		if err := os.WriteFile(cfg.out, []byte(text), 0o644); err != nil { //nolint:gosec // a table that anyone may read
			return err
		}
	}
	_, err = io.WriteString(out, text)
	return err
}

// measure installs a peer and puts it through every stop.
func measure(ctx context.Context, cfg *config, w *web, p *peer, r *report) error {
	in, err := p.install(ctx, filepath.Join(cfg.work, "installed"))
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.absent(p, err)
		return nil
	}
	r.present(p, in)
	for _, s := range stops() {
		if !slices.Contains(cfg.stops, s.name) {
			continue
		}
		for round := range cfg.rounds {
			dir := filepath.Join(cfg.work, "crawls", p.name, s.name, fmt.Sprint(round+1))
			e, err := newTrial(cfg, w, p, in, dir).play(ctx, &s)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", s.name, round+1, err)
			}
			fmt.Fprintf(os.Stderr, "%s, %s, round %d: %s\n", p.name, s.name, round+1, e)
			r.add(p, &s, e)
		}
	}
	return nil
}
