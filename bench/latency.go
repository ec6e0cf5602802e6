package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/clew-crawler/clew/bench/site"
	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/store/pebblestore"
)

// latency measures how long a free slot waits for its lease, and an outcome for
// its admission, while groups are committed.
func latency(ctx context.Context, cfg *config, out io.Writer) error {
	fmt.Fprintf(out, "\n## Latency of the frontier\n\n"+
		"Next and Admit while groups are committed; pages of %d links, %d of them new, over %d hosts; worst of %d rounds.\n\n",
		site.Links, site.Fresh, hosts, cfg.rounds)
	fmt.Fprintln(out, "| pending | slots × page time | pages/s | Next p50, ms | p99.9, ms | most, ms | Admit p50, ms | p99.9, ms |")
	fmt.Fprintln(out, "| --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, l := range cfg.loads {
		if err := latencyOf(ctx, cfg, l, out); err != nil {
			return err
		}
	}
	return nil
}

func latencyOf(ctx context.Context, cfg *config, l load, out io.Writer) (err error) {
	dir, remove, err := copied(ctx, cfg, l)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	for _, pace := range []struct {
		workers int
		latency time.Duration
	}{{16, 20 * time.Millisecond}, {64, 20 * time.Millisecond}, {16, 0}} {
		var worst leases
		for range cfg.rounds {
			var r leases
			j := job{Dir: dir, Load: l, Duration: cfg.duration, Workers: pace.workers, Latency: pace.latency}
			if err := ask(ctx, "leases", j, &r); err != nil {
				return err
			}
			worst.take(&r)
		}
		fmt.Fprintf(out, "| %d | %d × %v | %.0f | %.2f | %.2f | %.2f | %.2f | %.2f |\n",
			l.Pending, pace.workers, pace.latency, worst.Rate, worst.Next50, worst.Next999, worst.NextMax, worst.Admit50, worst.Admit999)
	}
	return nil
}

// leases is what a process in the role "leases" reports, in ms and pages/s.
type leases struct {
	Rate                     float64
	Next50, Next999, NextMax float64
	Admit50, Admit999        float64
}

func (l *leases) take(r *leases) {
	if l.Rate == 0 || r.Rate < l.Rate {
		l.Rate = r.Rate
	}
	l.Next50, l.Next999, l.NextMax = max(l.Next50, r.Next50), max(l.Next999, r.Next999), max(l.NextMax, r.NextMax)
	l.Admit50, l.Admit999 = max(l.Admit50, r.Admit50), max(l.Admit999, r.Admit999)
}

// worker plays the engine on a frontier and notes how long that made it wait.
type worker struct {
	frontier *frontier.Frontier
	site     site.Site
	pause    time.Duration

	mu          *sync.Mutex // one asks for leases at a time, as the dispatcher does
	next, admit []time.Duration
}

func (w *worker) run(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		begin := time.Now()
		lease, err := w.lease(ctx)
		if lease == nil {
			return err
		}
		w.next = append(w.next, time.Since(begin))
		if w.pause > 0 {
			timer.Reset(w.pause)
			<-timer.C
		}
		o, err := w.outcome(lease)
		if err != nil {
			return err
		}
		begin = time.Now()
		if err := w.frontier.Admit(ctx, o); err != nil {
			return err
		}
		w.admit = append(w.admit, time.Since(begin))
	}
	return nil
}

func (w *worker) lease(ctx context.Context) (*frontier.Lease, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		lease, _, ok := w.frontier.Next(ctx)
		if ok {
			return lease, nil
		}
		if err := w.frontier.Err(); err != nil {
			return nil, err
		}
		select {
		case <-w.frontier.Changed():
		case <-ctx.Done():
			return nil, nil //nolint:nilnil // no lease, and nothing is wrong
		}
	}
}

// outcome is what a page of the site comes to.
func (w *worker) outcome(lease *frontier.Lease) (*frontier.Outcome, error) {
	url := storedURL(lease.Payload)
	page, err := site.Page(url)
	if err != nil {
		return nil, err
	}
	o := &frontier.Outcome{Lease: lease, State: frontier.Done}
	for _, target := range w.site.Targets(page) {
		t, err := task(w.site, target)
		if err != nil {
			return nil, err
		}
		o.Links = append(o.Links, t)
	}
	line := fmt.Appendf(nil, `{"text":%q,"author":"Author 1"}`, url+" and some hundred bytes of text that an item may well have")
	for range site.Items {
		o.Items = append(o.Items, frontier.Item{Line: line})
	}
	return o, nil
}

// leasesRole measures one frontier for a while.
func leasesRole(ctx context.Context, j *job, answer func(any) error) (err error) {
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
	f, err := frontier.Open(ctx, store, frontier.Options{Interval: 100 * time.Millisecond})
	if err != nil {
		return err
	}
	committing := make(chan error, 1)
	go func() { committing <- f.Run(ctx) }()
	report, err := playEngine(ctx, f, j)
	if err := errors.Join(err, f.Close(false), <-committing); err != nil {
		return err
	}
	return answer(report)
}

func playEngine(ctx context.Context, f *frontier.Frontier, j *job) (*leases, error) {
	ctx, cancel := context.WithTimeout(ctx, j.Duration)
	defer cancel()
	var asking sync.Mutex
	var wait sync.WaitGroup
	workers := make([]worker, j.Workers)
	errs := make([]error, j.Workers)
	begin := time.Now()
	for i := range workers {
		workers[i] = worker{frontier: f, site: j.Load.site(), pause: j.Latency, mu: &asking}
		wait.Go(func() { errs[i] = workers[i].run(ctx) })
	}
	wait.Wait()
	took := time.Since(begin)
	var next, admit []time.Duration
	for i := range workers {
		next, admit = append(next, workers[i].next...), append(admit, workers[i].admit...)
	}
	slices.Sort(next)
	slices.Sort(admit)
	return &leases{
		Rate:   float64(len(admit)) / took.Seconds(),
		Next50: milliseconds(quantile(next, 0.5)), Next999: milliseconds(quantile(next, 0.999)),
		NextMax: milliseconds(quantile(next, 1)),
		Admit50: milliseconds(quantile(admit, 0.5)), Admit999: milliseconds(quantile(admit, 0.999)),
	}, errors.Join(errs...)
}
