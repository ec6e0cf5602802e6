package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/bench/site"
	"github.com/clew-crawler/clew/fetch"
)

// concurrency measures whole crawls of a site that needs no network, by the number of
// slots and of processors.
func concurrency(ctx context.Context, cfg *config, out io.Writer) (err error) {
	dir := filepath.Join(cfg.dir, "concurrency")
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }() //nolint:gosec // below the folder that the user named
	fmt.Fprintf(out, "\n## Slots and processors\n\nDurable crawls of %d pages over %d hosts, no network, pages without latency; "+
		"median (least to greatest) of %d rounds.\n\n", cfg.pages, hosts, cfg.rounds)
	fmt.Fprintln(out, "| slots | processors | pages/s | processor µs/page | goroutines at most | resident at most, MB |")
	fmt.Fprintln(out, "| --- | --- | --- | --- | --- | --- |")
	for _, slots := range []int{1, 16, 256, 2000} {
		for _, processors := range []int{1, 2} {
			rows, err := slotsOf(ctx, cfg, job{Dir: dir, Pages: cfg.pages, Workers: slots}, "GOMAXPROCS="+strconv.Itoa(processors))
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "| %d | %d | %s\n", slots, processors, rows)
		}
	}
	fmt.Fprintf(out, "\n## Garbage collection\n\nThe same with 64 slots, by how far the heap may grow beyond what lives in it.\n\n")
	fmt.Fprintln(out, "| GOGC | pages/s | processor µs/page | goroutines at most | resident at most, MB |")
	fmt.Fprintln(out, "| --- | --- | --- | --- | --- |")
	for _, percent := range []int{50, 100, 200, 400, 800} {
		rows, err := slotsOf(ctx, cfg, job{Dir: dir, Pages: cfg.pages, Workers: slots}, "GOGC="+strconv.Itoa(percent))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "| %d | %s\n", percent, rows)
	}
	return waiting(ctx, cfg, dir, out)
}

// waiting measures whether network and processors are kept busy together.
func waiting(ctx context.Context, cfg *config, dir string, out io.Writer) error {
	const pages, work = 4000, time.Millisecond
	fmt.Fprintf(out, "\n## Work and waiting\n\nCrawls of %d pages with %d slots whose handlers take %v of their processor, by how long an answer takes. "+
		"What is possible is bounded by the slots and by the processors.\n\n", pages, slots, work)
	fmt.Fprintln(out, "| an answer takes | processors | pages/s | of what is possible |")
	fmt.Fprintln(out, "| --- | --- | --- | --- |")
	for _, latency := range []time.Duration{5 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond} {
		for _, processors := range []int{1, 2} {
			j := job{Dir: dir, Pages: pages, Workers: slots, Latency: latency, Work: work}
			rows, err := slotsOf(ctx, cfg, j, "GOMAXPROCS="+strconv.Itoa(processors))
			if err != nil {
				return err
			}
			took := rows.processor.median / 1e6
			possible := min(slots/(latency.Seconds()+took), float64(processors)/took)
			fmt.Fprintf(out, "| %v | %d | %s | %.2f |\n", latency, processors, rows.rate.whole(), rows.rate.median/possible)
		}
	}
	return nil
}

// slotsResult is what crawls took in some rounds.
type slotsResult struct{ rate, processor, goroutines, peak spread }

func (r slotsResult) String() string {
	return fmt.Sprintf("%s | %s | %s | %s |", r.rate.whole(), r.processor.whole(), r.goroutines.whole(), r.peak.whole())
}

// slotsOf crawls with a variable of the environment.
func slotsOf(ctx context.Context, cfg *config, j job, env string) (r slotsResult, err error) {
	var rate, processor, goroutines, peak []float64
	for range cfg.rounds {
		if err := os.RemoveAll(j.Dir); err != nil {
			return r, err
		}
		var c crawled
		if err := ask(ctx, "slots", j, &c, env); err != nil {
			return r, err
		}
		rate, processor = append(rate, c.Rate), append(processor, c.Processor)
		goroutines, peak = append(goroutines, float64(c.Goroutines)), append(peak, c.Peak)
	}
	return slotsResult{spreadOf(rate), spreadOf(processor), spreadOf(goroutines), spreadOf(peak)}, nil
}

// slotsRole crawls a site to its end with so many slots.
func slotsRole(ctx context.Context, j *job, answer func(any) error) error {
	s := spider("http://host0.example/catalogue/page/0.html", 0)
	s.Concurrency = j.Workers
	s.Sessions = map[string]fetch.Session{
		"": &site.Session{Site: site.Site{Hosts: hosts, Pages: uint64(j.Pages)}, Latency: j.Latency},
	}
	read := s.Parse
	s.Parse = func(ctx context.Context, page *clew.Response, out *clew.Output) error {
		for begin := time.Now(); time.Since(begin) < j.Work; {
		}
		return read(ctx, page, out)
	}
	watching, stop := context.WithCancel(ctx)
	watched := make(chan crawled, 1)
	go func() { watched <- watch(watching, j.Dir) }()
	begin := time.Now()
	result, err := clew.Run(ctx, s, clew.CrawlDir(j.Dir))
	took := time.Since(begin)
	used, perr := processor()
	stop()
	report := <-watched
	if err := errors.Join(err, perr); err != nil {
		return err
	}
	report.Pages = result.Stats.Pages
	report.Rate, report.Processor = float64(report.Pages)/took.Seconds(), microseconds(used)/float64(report.Pages)
	return answer(report)
}
