package crashtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/internal/testsite"
)

// An errand is what a child does in a round of the torture.
type errand struct {
	Design design
	Manner manner
	Stop   stop
	Run    int
	Dir    string
	Tool   tool // to be used instead of crawling
}

// do is the whole life of a child.
func (e *errand) do() int {
	say := json.NewEncoder(os.Stdout)
	if err := say.Encode(told{Event: "opening"}); err != nil {
		return exitError
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	s := &stopper{stop: e.Stop, dir: e.Dir, cancel: cancel}
	go s.watchFile()
	if e.Tool != "" {
		if err := e.use(); err != nil {
			return end(say, nil, err)
		}
		return exitFinished
	}
	c := &crawler{errand: e, site: testsite.New(e.Design.Site), stop: s}
	sp, err := c.spider()
	if err != nil {
		return end(say, nil, err)
	}
	crawl, err := clew.Open(sp, e.options()...)
	if err != nil {
		return end(say, nil, err)
	}
	s.crawl = crawl
	go s.watchItems(ctx)
	result, err := crawl.Run(ctx)
	return end(say, result, err)
}

func (e *errand) options() []clew.Option {
	m, s := &e.Manner, &e.Stop
	opts := []clew.Option{
		clew.CrawlDir(e.Dir), clew.HandleSignals(), clew.OnDamage(clew.Refuse),
		clew.SeenMemory(m.SeenMemory), clew.PauseTimeout(m.PauseTimeout),
	}
	if !m.DefaultInterval {
		opts = append(opts, clew.Interval(m.Interval))
	}
	switch s.Kind {
	case "MaxPages":
		opts = append(opts, clew.MaxPages(int64(s.After)))
	case "MaxDuration":
		opts = append(opts, clew.MaxDuration(s.Wait))
	}
	return opts
}

// A stopper stops a child from within.
type stopper struct {
	stop
	dir     string
	cancel  context.CancelCauseFunc
	crawl   *clew.Crawl
	handled atomic.Int64
}

// die is SIGKILL, at once.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // it never fails for oneself
	select {}
}

func (s *stopper) inHandler() {
	if s.handled.Add(1) != int64(s.After) {
		return
	}
	switch s.Kind {
	case "kill in a handler":
		die()
	case "exit in a handler":
		os.Exit(exitOfFault)
	case "panic in a goroutine":
		go panic("scripted panic")
		select {}
	case "cancelled context":
		s.cancel(errScripted)
	case "pause", "pause twice":
		s.crawl.Pause()
		if s.Kind == "pause twice" {
			time.AfterFunc(s.Gap, s.crawl.Pause)
		}
	}
}

func (s *stopper) inStarts(i int) {
	if s.Kind == "kill while seeding" && i == s.After {
		<-time.After(50 * s.Wait) // what was yielded before may be committed, or not
		die()
	}
}

func (s *stopper) inOnClose() {
	if s.Kind == "kill in OnClose" {
		die()
	}
}

// watchFile waits until a file or a folder stands in the crawl directory.
func (s *stopper) watchFile() {
	if s.Kind != "kill at a file" {
		return
	}
	tick := time.NewTicker(50 * time.Microsecond)
	defer tick.Stop()
	for range tick.C {
		if _, err := os.Stat(filepath.Join(s.dir, s.File)); !errors.Is(err, os.ErrNotExist) {
			<-time.After(s.Wait)
			die()
		}
	}
}

// watchItems waits until so many items are committed.
func (s *stopper) watchItems(ctx context.Context) {
	if s.Kind != "kill at a commit" {
		return
	}
	n := 0
	for _, err := range s.crawl.Items(ctx) {
		if n++; err != nil {
			fmt.Fprintln(os.Stderr, "follow items:", err)
			return
		}
		if n == s.After {
			<-time.After(s.Wait)
			die()
		}
	}
}
