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
			row, err := slotsRow(ctx, cfg, dir, slots, "GOMAXPROCS="+strconv.Itoa(processors))
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "| %d | %d | %s\n", slots, processors, row)
		}
	}
	fmt.Fprintf(out, "\n## Garbage collection\n\nThe same with 64 slots, by how far the heap may grow beyond what lives in it.\n\n")
	fmt.Fprintln(out, "| GOGC | pages/s | processor µs/page | goroutines at most | resident at most, MB |")
	fmt.Fprintln(out, "| --- | --- | --- | --- | --- |")
	for _, percent := range []int{50, 100, 200, 400, 800} {
		row, err := slotsRow(ctx, cfg, dir, slots, "GOGC="+strconv.Itoa(percent))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "| %d | %s\n", percent, row)
	}
	return nil
}

// slotsRow crawls with so many slots and a variable of the environment.
func slotsRow(ctx context.Context, cfg *config, dir string, slots int, env string) (string, error) {
	var rate, processor, goroutines, peak []float64
	for range cfg.rounds {
		if err := os.RemoveAll(dir); err != nil { //nolint:gosec // below the folder that the user named
			return "", err
		}
		var r crawled
		j := job{Dir: dir, Pages: cfg.pages, Workers: slots}
		if err := ask(ctx, "slots", j, &r, env); err != nil {
			return "", err
		}
		rate, processor = append(rate, r.Rate), append(processor, r.Processor)
		goroutines, peak = append(goroutines, float64(r.Goroutines)), append(peak, r.Peak)
	}
	return fmt.Sprintf("%s | %s | %s | %s |", spreadOf(rate).whole(), spreadOf(processor).whole(),
		spreadOf(goroutines).whole(), spreadOf(peak).whole()), nil
}

// slotsRole crawls a site to its end with so many slots.
func slotsRole(ctx context.Context, j *job, answer func(any) error) error {
	s := spider("http://host0.example/catalogue/page/0.html", 0)
	s.Concurrency = j.Workers
	s.Sessions = map[string]fetch.Session{
		"": &site.Session{Site: site.Site{Hosts: hosts, Pages: uint64(j.Pages)}},
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
