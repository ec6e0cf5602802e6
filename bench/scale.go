package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clew-crawler/clew/bench/chart"
	"github.com/clew-crawler/clew/bench/site"
	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/store/pebblestore"
)

// scaleLimit is the memory that the frontiers of the scale part are held to, the
// kernel's cache of their files included unless it is left out.
const scaleLimit = 512 << 20

// scale measures what the frontier alone costs for a page as it gets larger, and how
// soon it gives its first lease.
func scale(ctx context.Context, cfg *config, out io.Writer) (err error) {
	group, how := "", "files cached by the kernel as it likes"
	if !cfg.cached {
		group, err = newControlGroup(scaleLimit)
		how = fmt.Sprintf("a control group of %d MB", scaleLimit>>20)
	}
	switch {
	case cfg.cached:
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench: the kernel cannot hold frontiers to a limit here:", err)
		how = "no control group"
	default:
		defer func() { err = errors.Join(err, os.Remove(group)) }()
	}
	fmt.Fprintf(out, "\n## Scale of the frontier\n\nThe frontier alone: look up %d links, queue %d, lease, commit with %d items; %d hosts, %s. "+
		"Processor time of the process for %d pages, once what is known was read and the process had come to rest, without what makes the pages; median (least to greatest) of %d rounds.\n\n",
		site.Links, site.Fresh, site.Items, hosts, how, cfg.pages, cfg.rounds)
	fmt.Fprintln(out, "| pending | known | processor µs/page | of it lookups in the store | lookups/page: known, new | looks into the file/page | pages/s | "+
		"first lease after a pause, ms | after kill -9, ms | resident at most, MB | disk bytes per known |")
	fmt.Fprintln(out, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	var bars []chart.Row
	for _, l := range cfg.loads {
		for _, mode := range []string{"", "anywhere"} {
			bar, err := scaleOf(ctx, cfg, l, mode, group, out)
			if err != nil {
				return err
			}
			bars = append(bars, bar)
		}
	}
	if cfg.chart == "" {
		return nil
	}
	svg := chart.Bars("Processor time of a page in the frontier, in µs, by known requests", 0, bars)
	return os.WriteFile(cfg.chart, []byte(svg), 0o644) //nolint:gosec // a chart that anyone may read
}

func scaleOf(ctx context.Context, cfg *config, l load, mode, group string, out io.Writer) (bar chart.Row, err error) {
	dir, remove, err := copied(ctx, cfg, l)
	if err != nil {
		return bar, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	disk, err := sizeOf(dir)
	if err != nil {
		return bar, err
	}
	j := job{Dir: dir, Load: l, Duration: 30 * cfg.duration, Pages: cfg.pages, Mode: mode, Limit: group, Profile: cfg.profile}
	limit := fmt.Sprintf("GOMEMLIMIT=%d", scaleLimit/4*3)
	var processor, lookups, known, fresh, inFile, rate, clean, killed, peak []float64
	for range cfg.rounds {
		var r scaled
		if err := ask(ctx, "scale", j, &r, limit); err != nil {
			return bar, err
		}
		processor, lookups, rate = append(processor, r.Processor), append(lookups, r.Lookups), append(rate, r.Rate)
		known, fresh, inFile, peak = append(known, r.Known), append(fresh, r.Fresh), append(inFile, r.InFile), append(peak, r.Peak)
		j.Profile = "" // of the first run
		long := j
		long.Pages, long.Duration = math.MaxInt64/2, cfg.duration
		first, err := crawlAndKill(ctx, "scale", long)
		if err != nil {
			return bar, err
		}
		clean = append(clean, first)
		short := j
		short.Duration, short.Pages = 0, 0
		if err := ask(ctx, "scale", short, &r, limit); err != nil {
			return bar, err
		}
		killed = append(killed, r.First)
	}
	name := fmt.Sprint(l.Pending)
	if mode != "" {
		name += ", " + mode
	}
	_, err = fmt.Fprintf(out, "| %s | %d | %s | %s | %.1f, %.1f | %.1f | %s | %s | %s | %s | %.0f |\n", name, l.Known,
		spreadOf(processor).whole(), spreadOf(lookups).whole(), spreadOf(known).median, spreadOf(fresh).median, spreadOf(inFile).median,
		spreadOf(rate).whole(), spreadOf(clean).whole(), spreadOf(killed).whole(), spreadOf(peak).whole(),
		float64(disk)/float64(l.Known))
	took := spreadOf(processor)
	label := fmt.Sprintf("%d M", l.Known/1e6)
	if mode != "" {
		label += ", " + mode
	}
	return chart.Row{Name: label, Low: took.low, Median: took.median, High: took.high, Own: mode == ""}, err
}

// sizeOf is the size of all files below a folder.
func sizeOf(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error { //nolint:gosec // below the folder that the user named
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}

// link copies a crawl directory. The tables of its frontier, which are never written
// to again, are linked.
func link(from, to string) error {
	return filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error { //nolint:gosec // likewise
		if err != nil {
			return err
		}
		rest, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rest)
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o700) //nolint:gosec // likewise
		case strings.HasSuffix(name, ".sst"):
			return os.Link(name, target) //nolint:gosec // likewise
		}
		data, err := os.ReadFile(name) //nolint:gosec // likewise
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o600) //nolint:gosec // likewise
	})
}

// scaled is what a process in the role "scale" reports.
type scaled struct {
	First              float64 // ms from the start of the process to the first lease
	Processor, Lookups float64 // µs/page
	Known, Fresh       float64 // fingerprints that the store was asked for, by its answer, for each page
	InFile             float64 // blocks read of the file of known fingerprints, for each page
	Rate, Peak         float64 // pages/s, MB
}

// A countingStore notes what it is asked about, and the time that takes.
type countingStore struct {
	frontier.Store

	mu           sync.Mutex
	known, fresh int64
	took         time.Duration

	read   atomic.Bool  // all known fingerprints were
	inFile atomic.Int64 // blocks read of files of them
}

// A countingScratch counts what is read of a file.
type countingScratch struct {
	frontier.Scratch
	reads *atomic.Int64
}

func (s countingScratch) ReadAt(p []byte, at int64) (int, error) {
	s.reads.Add(1)
	return s.Scratch.ReadAt(p, at)
}

func (s *countingStore) Fingerprints(ctx context.Context) iter.Seq2[frontier.Fingerprint, error] {
	return func(yield func(frontier.Fingerprint, error) bool) {
		for fp, err := range s.Store.Fingerprints(ctx) {
			if !yield(fp, err) {
				return
			}
		}
		s.read.Store(true)
	}
}

func (s *countingStore) Seen(ctx context.Context, fps []frontier.Fingerprint, known []bool) error {
	begin, err := threadProcessor()
	if err != nil {
		return err
	}
	if err := s.Store.Seen(ctx, fps, known); err != nil {
		return err
	}
	end, err := threadProcessor()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, is := range known {
		if is {
			s.known++
		} else {
			s.fresh++
		}
	}
	s.took += end - begin
	return err
}

func (s *countingStore) counts() (known, fresh int64, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known, s.fresh, s.took
}

// scaleRole runs the frontier of a crawl directory without a crawl.
func scaleRole(ctx context.Context, j *job, answer func(any) error) (err error) {
	dir, err := pebblestore.OpenDirectory(j.Dir, spiderName)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	store, err := dir.Store(pebblestore.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	counting := &countingStore{Store: store}
	f, err := frontier.Open(ctx, counting, frontier.Options{
		Interval: 100 * time.Millisecond,
		Scratch: func(bytes int64) (frontier.Scratch, error) {
			s, err := dir.Scratch(bytes)
			return countingScratch{s, &counting.inFile}, err
		},
		ScratchFailed: func(err error) { fmt.Fprintln(os.Stderr, "bench:", err) },
	})
	if err != nil {
		return err
	}
	committing := make(chan error, 1)
	go func() { committing <- f.Run(ctx) }()
	report, err := workAlone(ctx, f, counting, j, answer)
	if err := errors.Join(err, f.Close(false), <-committing); err != nil {
		return err
	}
	return answer(report)
}

// A reading is what has been used up to a moment.
type reading struct {
	at               time.Time
	pages            int64
	processor, aside time.Duration // aside is what made the pages
	known, fresh     int64
	lookups          time.Duration
	inFile           int64
}

// workAlone takes pages one after the other, and measures those after what is known was
// read and the process has come to rest.
func workAlone(ctx context.Context, f *frontier.Frontier, store *countingStore, j *job, answer func(any) error) (*scaled, error) {
	runtime.LockOSThread() // its processor time is told apart
	defer runtime.UnlockOSThread()
	w := worker{frontier: f, site: j.Load.site(), mu: new(sync.Mutex)}
	if j.Mode == "anywhere" {
		w.site.Hot = 0
	}
	begin := time.Now()
	var r scaled
	var pages int64
	var aside time.Duration
	read := func() (reading, error) {
		used, err := processor()
		known, fresh, lookups := store.counts()
		return reading{time.Now(), pages, used, aside, known, fresh, lookups, store.inFile.Load()}, err
	}
	stop := func() error { return nil }
	var warm reading
	for warm.pages == 0 || pages < warm.pages+j.Pages {
		lease, err := w.lease(ctx)
		if err != nil || lease == nil {
			return nil, err
		}
		if pages == 0 {
			r.First = milliseconds(time.Since(j.Began))
			if j.Announce {
				_ = answer(r.First) // a driver that is gone needs no answer
			}
		}
		spent, err := w.page(ctx, lease)
		if err != nil {
			return nil, err
		}
		pages, aside = pages+1, aside+spent
		if warm.pages == 0 && (store.read.Load() || time.Since(begin) > j.Duration) {
			if err := rest(ctx, begin.Add(j.Duration)); err != nil {
				return nil, err
			}
			if stop, err = profile(j.Profile); err != nil {
				return nil, err
			}
			if warm, err = read(); err != nil {
				return nil, err
			}
		}
	}
	end, err := read()
	if err := errors.Join(err, stop()); err != nil {
		return nil, err
	}
	if n := float64(end.pages - warm.pages); n > 0 {
		r.Processor = microseconds(end.processor-warm.processor-(end.aside-warm.aside)) / n
		r.Lookups = microseconds(end.lookups-warm.lookups) / n
		r.Known, r.Fresh = float64(end.known-warm.known)/n, float64(end.fresh-warm.fresh)/n
		r.InFile = float64(end.inFile-warm.inFile) / n
		r.Rate = n / end.at.Sub(warm.at).Seconds()
	}
	_, r.Peak, err = memory()
	return &r, err
}

// rest waits until the process has computed next to nothing for a second, but not beyond a
// time: until the store has compacted what the building of the frontier left to it.
func rest(ctx context.Context, until time.Time) error {
	for last := time.Duration(-1); ; {
		used, err := processor()
		if err != nil || last >= 0 && used-last < 20*time.Millisecond || time.Now().After(until) {
			return err
		}
		last = used
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// page makes a page's outcome and admits it as an engine does. aside is what the
// making took of this thread's time.
func (w *worker) page(ctx context.Context, lease *frontier.Lease) (aside time.Duration, err error) {
	begin, err := threadProcessor()
	if err != nil {
		return 0, err
	}
	o, err := w.outcome(lease)
	if err != nil {
		return 0, err
	}
	end, err := threadProcessor()
	if err != nil {
		return 0, err
	}
	known := w.frontier.Recall(ctx, o.Links)
	left := o.Links[:0]
	for i := range o.Links {
		if !known[i] {
			left = append(left, o.Links[i])
		}
	}
	o.Links = left
	return end - begin, w.frontier.Admit(ctx, o)
}
