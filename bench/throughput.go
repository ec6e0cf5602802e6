package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/bench/site"
	"github.com/clew-crawler/clew/fetch"
)

// slots is the concurrency of the throughput part.
const slots = 64

// throughput measures pages per second of the whole durable job against the same
// crawl in memory and against fetching alone, on a site in a process of its own.
func throughput(ctx context.Context, cfg *config, out io.Writer) error {
	fmt.Fprintf(out, "\n## Throughput\n\nLoopback, server in a process of its own on the same cores, %d pages at concurrency %d; "+
		"median (least to greatest) of %d rounds, taken in turns.\n\n", cfg.pages, slots, cfg.rounds)
	fmt.Fprintln(out, "| page time | what | pages/s | processor µs/page | at most, MB | of fetching alone | of in memory |")
	fmt.Fprintln(out, "| --- | --- | --- | --- | --- | --- | --- |")
	for _, latency := range []time.Duration{0, 20 * time.Millisecond} {
		results, err := rounds(ctx, cfg, latency)
		if err != nil {
			return err
		}
		for _, mode := range modes() {
			r := results[mode]
			fmt.Fprintf(out, "| %v | %s | %s | %s | %s | %.2f | %.2f |\n", latency, mode,
				spreadOf(r.rate).whole(), spreadOf(r.processor).whole(), spreadOf(r.peak).whole(),
				spreadOf(r.ofBare).median, spreadOf(r.ofMemory).median)
		}
	}
	return nil
}

func modes() []string { return []string{"fetching alone", "in memory", "directory"} }

type series struct{ rate, processor, peak, ofBare, ofMemory []float64 }

func rounds(ctx context.Context, cfg *config, latency time.Duration) (map[string]*series, error) {
	server, err := spawn(ctx, "serve", job{Latency: latency})
	if err != nil {
		return nil, err
	}
	defer server.end() //nolint:errcheck // it has nothing to say at its end
	var url string
	if err := server.out.Decode(&url); err != nil {
		return nil, err
	}
	results := map[string]*series{}
	for _, mode := range modes() {
		results[mode] = new(series)
	}
	for round := range cfg.rounds {
		rate := map[string]float64{}
		for _, mode := range modes() {
			var r fetched
			j := job{URL: url, Mode: mode, Pages: cfg.pages}
			if latency == 0 && mode == "directory" && round == 0 {
				j.Profile = cfg.profile
			}
			if err := ask(ctx, "fetch", j, &r); err != nil {
				return nil, fmt.Errorf("%s: %w", mode, err)
			}
			rate[mode] = r.Rate
			s := results[mode]
			s.rate, s.processor, s.peak = append(s.rate, r.Rate), append(s.processor, r.Processor), append(s.peak, r.Peak)
		}
		for mode, s := range results {
			s.ofBare = append(s.ofBare, rate[mode]/rate["fetching alone"])
			s.ofMemory = append(s.ofMemory, rate[mode]/rate["in memory"])
		}
	}
	return results, nil
}

// serveRole serves the site until the driver is done.
func serveRole(ctx context.Context, j *job, answer func(any) error) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: site.Site{}.Handler(j.Latency), ReadHeaderTimeout: time.Minute}
	go func() {
		<-ctx.Done()
		_ = server.Close() // the process ends anyway
	}()
	if err := answer("http://" + l.Addr().String()); err != nil {
		return err
	}
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// fetched is what a process in the role "fetch" reports.
type fetched struct {
	Rate      float64 // pages/s
	Processor float64 // µs of this process per page
	Peak      float64 // MB
}

// fetchRole crawls a served site, or only fetches its pages.
func fetchRole(ctx context.Context, j *job, answer func(any) error) error {
	stop, err := profile(j.Profile)
	if err != nil {
		return err
	}
	before, err := processor()
	if err != nil {
		return err
	}
	begin := time.Now()
	switch j.Mode {
	case "fetching alone":
		err = fetchOnly(ctx, j)
	case "in memory":
		err = crawlServed(ctx, j)
	case "directory":
		var dir string
		if dir, err = os.MkdirTemp("", "clew-bench-"); err == nil {
			err = errors.Join(crawlServed(ctx, j, clew.CrawlDir(dir)), os.RemoveAll(dir))
		}
	}
	took := time.Since(begin)
	after, perr := processor()
	_, peak, merr := memory()
	if err := errors.Join(err, stop(), perr, merr); err != nil {
		return err
	}
	return answer(fetched{
		Rate: float64(j.Pages) / took.Seconds(), Peak: peak,
		Processor: float64((after - before).Microseconds()) / float64(j.Pages),
	})
}

func crawlServed(ctx context.Context, j *job, opts ...clew.Option) error {
	r, err := clew.Run(ctx, spider(j.URL+"/catalogue/page/0.html", slots), append(opts, clew.MaxPages(j.Pages))...)
	if err == nil && (r.Stats.Pages < j.Pages || r.Stats.Items < j.Pages*site.Items) {
		err = fmt.Errorf("%d pages and %d items of %d pages", r.Stats.Pages, r.Stats.Items, j.Pages)
	}
	return err
}

// fetchOnly fetches as many pages with the session that the crawls use, and drops them.
func fetchOnly(ctx context.Context, j *job) error {
	session, err := fetch.NewHTTP(fetch.HTTPOptions{MaxIdleConnsPerHost: slots})
	if err != nil {
		return err
	}
	var next atomic.Int64
	var wait sync.WaitGroup
	errs := make([]error, slots)
	for i := range errs {
		wait.Go(func() {
			for n := next.Add(1); n <= j.Pages && errs[i] == nil; n = next.Add(1) {
				_, errs[i] = session.Fetch(ctx, &fetch.Request{URL: fmt.Sprintf("%s/catalogue/page/%d.html", j.URL, n)})
			}
		})
	}
	wait.Wait()
	return errors.Join(append(errs, session.Close())...)
}

// profile writes a CPU profile to a file until the returned function is called.
func profile(name string) (stop func() error, err error) {
	if name == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(name) //nolint:gosec // named on the command line
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error { pprof.StopCPUProfile(); return f.Close() }, nil
}
