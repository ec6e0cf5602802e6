package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// speedFlags are those that only this part has.
func (cfg *config) speedFlags(fs *flag.FlagSet) {
	fs.IntVar(&cfg.rounds, "rounds", 5, "rounds, in each of which every peer runs once")
	fs.IntVar(&cfg.pages, "pages", 20_000, "pages of the largest site; some jobs and slow peers have a share of it")
	fs.DurationVar(&cfg.limit, "limit", 10*time.Minute, "a run that takes longer is killed")
	fs.StringVar(&cfg.json, "json", "", "file for the figures of every run")
	fs.StringVar(&cfg.docs, "docs", "", "folder for the charts")
	fs.StringVar(&cfg.corpus, "corpus", "", "folder with HTML pages for the job docs, which is left out without one")
}

// A race is all that is measured at once.
type race struct {
	cfg    *config
	host   host
	heads  []string // a line about each peer
	racers []*entrant
	jobs   []*job
	runs   []*figures
}

// An entrant is a peer that could be installed.
type entrant struct {
	racer
	in    *installed
	start float64 // seconds of processor for a site of one page
}

// speed measures all that was chosen and prints the tables.
func speed(ctx context.Context, cfg *config, out io.Writer) error {
	r := &race{cfg: cfg, host: thisHost()}
	for _, j := range jobs() {
		if slices.Contains(cfg.jobs, j.name) && (!j.corpus || cfg.corpus != "") {
			r.jobs = append(r.jobs, &j)
		}
	}
	for _, p := range racers() {
		if !slices.Contains(cfg.peers, p.name) {
			continue
		}
		if err := r.enter(ctx, p); err != nil {
			return err
		}
	}
	return errors.Join(r.all(ctx), r.publish(out)) // what was measured before an error as well
}

// all runs every job in every round.
func (r *race) all(ctx context.Context) error {
	if err := r.warm(ctx); err != nil {
		return err
	}
	for _, j := range r.jobs {
		for round := range r.cfg.rounds {
			if err := r.round(ctx, j, round+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// enter installs a peer.
func (r *race) enter(ctx context.Context, p racer) error {
	in, err := p.install(ctx, filepath.Join(r.cfg.work, "installed"))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		r.heads = append(r.heads, fmt.Sprintf("- **%s**: not measured, since it could not be installed: %s", p.name, oneLine(err.Error())))
	default:
		r.racers = append(r.racers, &entrant{racer: p, in: in})
		share := ""
		if p.share > 1 {
			share = fmt.Sprintf("; a site of 1/%d of the pages", p.share)
		}
		r.heads = append(r.heads, fmt.Sprintf("- **%s** %s: %s%s", p.name, in.version, p.about, share))
	}
	return nil
}

// warm runs every peer on a site of one page. What that takes of the processor is
// its start, which would count the more the fewer pages it is given.
func (r *race) warm(ctx context.Context) error {
	for _, p := range r.racers {
		f, err := r.run(ctx, p, &jobs()[0], 1)
		if err != nil {
			return fmt.Errorf("start %s: %w", p.name, err)
		}
		p.start = f.Processor
		fmt.Fprintf(os.Stderr, "start of %s: %.3f s of processor\n", p.name, p.start)
	}
	return nil
}

// round runs every peer once, one after another.
func (r *race) round(ctx context.Context, j *job, round int) error {
	for _, p := range r.racers {
		f, err := r.run(ctx, p, j, j.pages(r.cfg.pages, p.share))
		if err != nil {
			return fmt.Errorf("%s, %s, round %d: %w", j.name, p.name, round, err)
		}
		f.Job, f.Peer, f.Round = j.name, p.name, round
		r.runs = append(r.runs, f)
		fmt.Fprintf(os.Stderr, "%s, round %d, %s: %s\n", j.name, round, p.name, f)
	}
	return nil
}

// publish prints the tables and writes the files that were asked for.
func (r *race) publish(out io.Writer) error {
	if r.cfg.json != "" {
		raw, err := json.MarshalIndent(map[string]any{"host": r.host, "peers": r.heads, "runs": r.runs}, "", "\t")
		if err != nil {
			return err
		}
		if err := os.WriteFile(r.cfg.json, append(raw, '\n'), 0o644); err != nil { //nolint:gosec // figures that anyone may read
			return err
		}
	}
	if r.cfg.docs != "" {
		for name, chart := range r.charts() {
			if err := os.WriteFile(filepath.Join(r.cfg.docs, name), []byte(chart), 0o644); err != nil { //nolint:gosec // a chart that anyone may read
				return err
			}
		}
	}
	text := r.markdown()
	if r.cfg.out != "" {
		if err := os.WriteFile(r.cfg.out, []byte(text), 0o644); err != nil { //nolint:gosec // a table that anyone may read
			return err
		}
	}
	_, err := io.WriteString(out, text)
	return err
}

// A host is what the figures depend on beside the programs.
type host struct {
	Processor string    `json:"processor"`
	Cores     int       `json:"cores"`
	Kernel    string    `json:"kernel"`
	Go        string    `json:"go"`
	Load      string    `json:"load"` // when it began
	Pinned    bool      `json:"pinned"`
	Began     time.Time `json:"began"`
}

// thisHost describes the machine as far as it tells.
func thisHost() host {
	h := host{Cores: runtime.NumCPU(), Go: runtime.Version(), Began: time.Now()}
	h.Kernel = firstField("/proc/sys/kernel/osrelease", "")
	h.Load = firstField("/proc/loadavg", "")
	h.Processor = firstField("/proc/cpuinfo", "model name")
	_, err := exec.LookPath("taskset")
	h.Pinned = err == nil && h.Cores > 1
	return h
}

// firstField reads the first word of a file, or what stands behind a name and a
// colon in it; "unknown" if it cannot be had.
func firstField(file, name string) string {
	text, err := os.ReadFile(file) //nolint:gosec // one of the names above
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		key, value, found := strings.Cut(line, ":")
		switch {
		case name == "":
			return strings.Fields(line)[0]
		case found && strings.TrimSpace(key) == name:
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// pinned makes a command that runs on one core only, where that can be had.
func (h host) pinned(ctx context.Context, core int, command ...string) *exec.Cmd {
	if h.Pinned {
		command = append([]string{"taskset", "-c", fmt.Sprint(core)}, command...)
	}
	return exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // this program, or a peer that was installed
}
