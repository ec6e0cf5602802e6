package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// mostReruns is how often a peer is started again before it has to be finished.
const mostReruns = 3

// A trial is one crawl of one peer with one way to stop.
type trial struct {
	cfg  *config
	web  *web
	peer *peer
	in   *installed
	dir  string

	runs  []*verdict
	seen  []sight         // what there was after each stop
	truth map[string]bool // every item of the site, by its text
	pages []page
}

// A page is one page of the site.
type page struct {
	path  string
	items []string
}

// A sight is what there was at a stop.
type sight struct {
	hits map[string]int
	kept map[string]int
}

func newTrial(cfg *config, w *web, p *peer, in *installed, dir string) *trial {
	t := &trial{cfg: cfg, web: w, peer: p, in: in, dir: dir, truth: map[string]bool{}}
	for i := range cfg.pages {
		pg := page{path: w.site.Path(i)}
		for _, item := range w.site.Items(i) {
			pg.items = append(pg.items, item.Text)
			t.truth[item.Text] = true
		}
		t.pages = append(t.pages, pg)
	}
	return t
}

// play runs the crawl, stops it, and runs it again until it is finished.
func (t *trial) play(ctx context.Context, s *stop) (e *ending, err error) {
	defer func() {
		if errors.Is(err, errSkip) {
			e, err = &ending{skipped: err.Error()}, nil
		}
	}()
	if err := errors.Join(os.RemoveAll(t.dir), os.MkdirAll(t.dir, 0o750)); err != nil { //nolint:gosec // below the folder that the user named
		return nil, err
	}
	if s.disk {
		unmount, merr := mount(ctx, t.dir)
		if merr != nil {
			return nil, merr
		}
		defer func() { err = errors.Join(err, unmount()) }()
	}
	t.web.site.Reset()
	if err := t.interrupt(ctx, s); err != nil {
		return nil, err
	}
	for range mostReruns {
		if t.settled() {
			break
		}
		if _, err := t.run(ctx, nil); err != nil {
			return nil, err
		}
	}
	return t.ending()
}

// interrupt strikes as often as the stop says, at even distances but for one
// stroke, which comes at a third; fewer times if the peer is finished first.
func (t *trial) interrupt(ctx context.Context, s *stop) error {
	share := t.cfg.pages / max(3, s.times+1)
	for range s.times {
		struck, err := t.run(ctx, func(p *process) (bool, error) {
			select {
			case <-t.web.after(share):
				return true, s.strike(t, p)
			case <-p.done:
				return false, nil
			}
		})
		if err != nil || !struck {
			return err
		}
		kept, _, err := t.kept()
		if err != nil {
			return err
		}
		t.seen = append(t.seen, sight{t.web.site.Hits(), kept})
		if s.between != nil {
			if err := s.between(t); err != nil {
				return err
			}
		}
		if t.settled() {
			return nil
		}
	}
	return nil
}

// settled reports whether another run would change nothing: the last one was
// finished, or hung.
func (t *trial) settled() bool {
	if len(t.runs) == 0 {
		return false
	}
	last := t.runs[len(t.runs)-1]
	return last.finished || last.hung
}

// run starts the peer, lets something happen to it, and waits until it has ended.
func (t *trial) run(ctx context.Context, happen func(*process) (bool, error)) (bool, error) {
	command := append(append(append([]string(nil), t.in.command...), t.web.url, t.dir), t.peer.args...)
	// Beside the folder of the crawl: a full disk must not swallow what the peer says.
	log := fmt.Sprintf("%s-run%d.log", t.dir, len(t.runs)+1)
	p, err := launch(ctx, command, log, t.cfg.limit, t.web.answers)
	if err != nil {
		return false, err
	}
	struck := false
	if happen != nil {
		if struck, err = happen(p); err != nil {
			p.signal(syscall.SIGKILL)
		}
	}
	v, werr := p.wait(t.peer)
	if err := errors.Join(err, werr, ctx.Err()); err != nil {
		return false, err
	}
	t.runs = append(t.runs, v)
	return struck, nil
}

func (t *trial) output() string { return filepath.Join(t.dir, t.peer.items) }
