package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/bench/site"
	"github.com/clew-crawler/clew/fetch"
)

// cost measures what a crawl of a size needs: memory, and the time from the start
// of the process to the first fetch, after a pause and after a kill.
func cost(ctx context.Context, cfg *config, out io.Writer) error {
	fmt.Fprintf(out, "\n## Cost of a large frontier\n\n"+
		"Fresh process, default options, %d hosts, no network; median (least to greatest) of %d rounds.\n\n", hosts, cfg.rounds)
	fmt.Fprintln(out, "| pending | known | first fetch after a pause, ms | after kill -9, ms | resident, MB | at most, MB | pages/s |")
	fmt.Fprintln(out, "| --- | --- | --- | --- | --- | --- | --- |")
	for _, l := range cfg.loads {
		for _, mode := range []string{"", "anywhere"} {
			if err := costOf(ctx, cfg, l, mode, out); err != nil {
				return err
			}
		}
	}
	return nil
}

// costOf measures one size; with the mode "anywhere" no known page is linked to
// more often than others, which is the worst case for remembering them.
func costOf(ctx context.Context, cfg *config, l load, mode string, out io.Writer) (err error) {
	dir, remove, err := copied(ctx, cfg, l)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	j := job{Dir: dir, Load: l, Duration: cfg.duration, Mode: mode}
	var clean, killed, resident, peak, rate []float64
	for range cfg.rounds {
		// Ends with a pause, whatever was before.
		var r crawled
		if err := ask(ctx, "crawl", j, &r); err != nil {
			return err
		}
		resident, peak, rate = append(resident, r.Resident), append(peak, r.Peak), append(rate, r.Rate)
		// Starts after that pause, and is killed at full speed.
		first, err := crawlAndKill(ctx, "crawl", j)
		if err != nil {
			return err
		}
		clean = append(clean, first)
		// Starts after the kill, and ends with a pause again.
		short := j
		short.Duration = time.Millisecond
		if err := ask(ctx, "crawl", short, &r); err != nil {
			return err
		}
		killed = append(killed, r.First)
	}
	name := strconv.FormatUint(l.Pending, 10)
	if mode != "" {
		name += ", " + mode
	}
	_, err = fmt.Fprintf(out, "| %s | %d | %s | %s | %s | %s | %s |\n", name, l.Known,
		spreadOf(clean).whole(), spreadOf(killed).whole(),
		spreadOf(resident).whole(), spreadOf(peak).whole(), spreadOf(rate).whole())
	return err
}

// crawlAndKill kills a process in a role in the middle and returns when its first fetch began, in ms.
func crawlAndKill(ctx context.Context, role string, j job) (first float64, err error) {
	long := j
	long.Duration = time.Hour
	long.Announce = true
	c, err := spawn(ctx, role, long)
	if err != nil {
		return 0, err
	}
	if err := c.out.Decode(&first); err != nil {
		return 0, errors.Join(err, c.kill())
	}
	timer := time.NewTimer(j.Duration)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return first, c.kill()
}

// crawled is what a process in the role "crawl" reports.
type crawled struct {
	First          float64 // ms from the start of the process to the first fetch
	Resident, Peak float64 // MB, while crawling
	Rate           float64 // pages/s
	Processor      float64 // µs/page
	Pages          int64
	Goroutines     int // at most at a time, as the following
	Files          int // open ones
	Entries        int // files and folders of the crawl directory
}

// crawlRole resumes a crawl with a session that needs no network.
func crawlRole(ctx context.Context, j *job, answer func(any) error) error {
	var once sync.Once
	var first time.Duration
	fetching := make(chan struct{})
	pages := j.Load.site()
	if j.Mode == "anywhere" {
		pages.Hot = 0
	}
	ctx, cancel := context.WithTimeout(ctx, j.Duration+time.Minute)
	defer cancel()
	session := &site.Session{Site: pages, Fetched: func() {
		once.Do(func() {
			first = time.Since(j.Began)
			time.AfterFunc(j.Duration, cancel)
			close(fetching)
		})
	}}
	s := spider("http://host0.example/catalogue/page/0.html", 0)
	s.Sessions = map[string]fetch.Session{"": session}
	stop, err := profile(j.Profile)
	if err != nil {
		return err
	}
	watched := make(chan crawled, 1)
	go func() { watched <- watch(ctx, j.Dir) }()
	if j.Announce {
		go func() {
			select {
			case <-fetching:
				_ = answer(milliseconds(first)) // a driver that is gone needs no answer
			case <-ctx.Done():
			}
		}()
	}
	result, err := clew.Run(ctx, s, clew.CrawlDir(j.Dir))
	cancel()
	report := <-watched
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	if result.Run.Pages == 0 || result.Status != clew.Paused {
		return fmt.Errorf("crawl %s with %d pages, expected a pause", result.Status, result.Run.Pages)
	}
	report.First, report.Pages, report.Rate = milliseconds(first), result.Run.Pages, result.Run.PagesPerSecond
	return answer(report)
}

// watch looks at what the process uses until the context ends.
func watch(ctx context.Context, dir string) (c crawled) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if now, peak, err := memory(); err == nil {
				c.Resident, c.Peak = now, peak
			}
			c.Goroutines = max(c.Goroutines, runtime.NumGoroutine())
			c.Files = max(c.Files, entries("/proc/self/fd"))
			c.Entries = max(c.Entries, entries(dir)+entries(filepath.Join(dir, "frontier")))
		case <-ctx.Done():
			return c
		}
	}
}

// entries counts what a folder holds; none if it is not there.
func entries(dir string) int {
	list, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	return len(list)
}
