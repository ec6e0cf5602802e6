package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/clew-crawler/clew"
)

// serveDemo only serves the demo's site.
func (p *program) serveDemo(ctx context.Context, f *demoFlags) error {
	site := newDemoSite(f)
	if err := site.listen(ctx, f.serve); err != nil {
		return &hintedError{err, "--serve 127.0.0.1:8000, or another port"}
	}
	_, err := fmt.Fprintf(p.out, "A site of about %d pages is at %s until Ctrl+C.\nTry: clew crawl %s --crawl-dir ./crawl_data\n",
		f.pages, site.url, site.url)
	if err == nil {
		select {
		case <-ctx.Done():
		case err := <-site.ended:
			return fmt.Errorf("serve the site: %w", err)
		}
	}
	return errors.Join(err, site.close())
}

// demo shows that a killed crawl comes to the same end as one that never stopped.
func (p *program) demo(ctx context.Context, f *demoFlags) (err error) {
	dir, done, err := f.workDir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	d := &demo{program: p, flags: f, site: newDemoSite(f), screen: newScreen(p.err), dir: dir}
	if err := d.site.listen(ctx, "127.0.0.1:0"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.site.close()) }()
	if err := d.show("A made-up site of quotes is served at %s\n", d.site.url); err != nil {
		return err
	}
	whole, err := d.uninterrupted(ctx)
	if err == nil {
		err = d.killedRuns(ctx)
	}
	if err == nil {
		err = d.compare(whole)
	}
	switch {
	case ctx.Err() != nil:
		return errors.New("demo interrupted")
	case err == nil && (f.keep || f.dir != ""):
		err = d.show("\nThe crawl directory is %s\n", dir)
	}
	return err
}

func (d *demo) show(format string, args ...any) error {
	return d.screen.printTo(d.program.out, fmt.Sprintf(format, args...))
}

// A demoResult is what one of the two crawls came to.
type demoResult struct {
	stats   clew.Stats
	items   []string // sorted
	fetched int      // requests that the site has seen
}

// uninterrupted crawls the site in this process.
func (d *demo) uninterrupted(ctx context.Context) (*demoResult, error) {
	if err := d.show("\n1. Crawled without a stop\n"); err != nil {
		return nil, err
	}
	log := newLog(d.screen, false, slog.LevelWarn)
	crawl, err := clew.Open(demoCrawl(d.site.url, 0, d.flags.concurrency, log))
	if err != nil {
		return nil, err
	}
	w := &watch{crawl: crawl, screen: d.screen, log: log}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { defer close(stopped); w.run(stop) }()
	r, err := crawl.Run(ctx)
	close(stop)
	<-stopped
	if err != nil {
		return nil, err
	}
	whole := &demoResult{stats: r.Stats, fetched: d.site.requests(0)}
	for line, err := range r.Items() {
		if err != nil {
			return nil, err
		}
		whole.items = append(whole.items, string(line))
	}
	slices.Sort(whole.items)
	d.pages = r.Stats.Pages
	return whole, d.show("   %s, %s in %s\n", count(r.Stats.Pages, "page"), count(r.Stats.Items, "item"), round(r.Stats.Elapsed))
}

// killedRuns crawls the site in processes that are killed, and lets the last end.
func (d *demo) killedRuns(ctx context.Context) error {
	err := d.show("\n2. Crawled again in %s, killed at random moments (seed %d)\n",
		plural(int64(d.flags.kills+1), "process", "processes"), d.flags.seed)
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(d.flags.seed, 1)) //nolint:gosec // chosen to be repeatable
	for n, after := range moments(d.flags.seed, d.flags.kills, int(d.pages)) {
		begun := time.Now()
		killed, err := d.until(ctx, n+1, after, rng)
		if err != nil {
			return err
		}
		if !killed {
			return fmt.Errorf("run %d ended before it could be killed", n+1)
		}
		k, err := d.look()
		if err != nil {
			return err
		}
		k.after = time.Since(begun)
		d.kills = append(d.kills, k)
		err = d.show("   run %d  kill -9 after %5.1fs   committed %4d pages %5d items   pending %4d\n",
			n+1, k.after.Seconds(), k.stats.Pages, k.stats.Items, k.stats.Pending+k.stats.Delayed)
		if err != nil {
			return err
		}
	}
	begun := time.Now()
	if _, err := d.until(ctx, d.flags.kills+1, -1, rng); err != nil {
		return err
	}
	return d.show("   run %d  finished after %4.1fs\n", d.flags.kills+1, time.Since(begun).Seconds())
}

// lostByKill is the most that one kill may cost, by the library's settings: the
// pages in flight, the group of pages that is being committed, and the next one.
func (d *demo) lostByKill() int {
	const groupPages = 1024
	return d.flags.concurrency + 2*groupPages
}

// compare shows both crawls side by side. It fails if the promise is not kept.
func (d *demo) compare(whole *demoResult) error {
	i, err := clew.Inspect(d.dir)
	if err != nil {
		return err
	}
	killed := &demoResult{stats: i.Stats}
	if killed.items, err = readItems(filepath.Join(d.dir, "items.jsonl"), i.Stats.ItemBytes); err != nil {
		return err
	}
	slices.Sort(killed.items)
	most, refetched, broken := 0, 0, 0
	for run := 1; run <= d.flags.kills+1; run++ {
		killed.fetched += d.site.requests(run)
		again := d.site.again(run)
		refetched += again
		most = max(most, again)
	}
	for n, k := range d.kills {
		broken += d.site.askedAfter(n+1, k.committed)
	}
	lost, extra := difference(whole.items, killed.items)
	rows := []row{
		{"pages", whole.stats.Pages, killed.stats.Pages, "the same", whole.stats.Pages == killed.stats.Pages},
		{"items", whole.stats.Items, killed.stats.Items, "the same", whole.stats.Items == killed.stats.Items},
		{"failed", whole.stats.Failed, killed.stats.Failed, "the same", whole.stats.Failed == killed.stats.Failed},
		{"items lost", 0, lost, "0", lost == 0},
		{"items twice or changed", 0, extra, "0", extra == 0},
		{"committed pages fetched again", 0, int64(broken), "0", broken == 0},
		{"page fetches", int64(whole.fetched), int64(killed.fetched), "", true},
		{
			"uncommitted pages fetched again", 0, int64(refetched),
			fmt.Sprintf("at most %d a kill; here %d", d.lostByKill(), most),
			most <= d.lostByKill(),
		},
	}
	return d.verdict(i.State, rows)
}

// A row of the table compares one number of the two crawls.
type row struct {
	name          string
	whole, killed int64
	wanted        string
	holds         bool
}

func (d *demo) verdict(state clew.CrawlState, rows []row) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n3. Compared\n   %-32s %9s %9s   %s\n", "", "unstopped", "killed", "must be")
	holds := state == clew.StateFinished
	for _, r := range rows {
		mark := ""
		if !r.holds {
			holds, mark = false, "  <-- IT IS NOT"
		}
		b.WriteString(strings.TrimRight(fmt.Sprintf("   %-32s %9d %9d   %s%s", r.name, r.whole, r.killed, r.wanted, mark), " ") + "\n")
	}
	if !holds {
		if err := d.show("%s\n", b.String()); err != nil {
			return err
		}
		return fmt.Errorf("the promise was not kept with seed %d: the crawl is %s", d.flags.seed, state)
	}
	b.WriteString("\n" + d.colour("Killed "+plural(int64(d.flags.kills), "time", "times")+
		", and the result is the one of a crawl that never stopped.") + "\n")
	return d.show("%s", b.String())
}

// colour makes good news green on a terminal, unless NO_COLOR is set.
func (d *demo) colour(text string) string {
	f, ok := d.program.out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || !term.IsTerminal(int(f.Fd())) {
		return text
	}
	return "\x1b[32m" + text + "\x1b[0m"
}

// difference counts what is missing from the second of two sorted lists, and what
// is there that should not be.
func difference(want, got []string) (missing, extra int64) {
	for len(want) > 0 || len(got) > 0 {
		switch {
		case len(got) == 0 || len(want) > 0 && want[0] < got[0]:
			missing++
			want = want[1:]
		case len(want) == 0 || got[0] < want[0]:
			extra++
			got = got[1:]
		default:
			want, got = want[1:], got[1:]
		}
	}
	return missing, extra
}
