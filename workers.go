package clew

import (
	"fmt"
	"time"

	"github.com/clew-crawler/clew/frontier"
)

// worker takes one lease after the other and works on it until nothing more is leased.
// Workers ask in turns, and the one whose turn it is waits for all of them.
//
// There is no goroutine that hands the leases out: behind dozens of handlers that want
// the processor it would get it late, and each time so many pages would have ended that
// all are fetched together, and then handled together while the network has nothing to
// do. A worker begins its next fetch as soon as its page is done.
func (e *engine) worker() {
	for p := e.next(); p != nil; p = e.next() {
		e.do(p)
	}
}

// hire adds a worker if all others have a page and there is a slot.
func (e *engine) hire() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.workers == len(e.inFlight) && e.workers < e.slots {
		e.workers++
		e.wait.Go(e.worker)
	}
}

// next returns a page to work on, or nil when nothing more is leased.
func (e *engine) next() *page {
	select {
	case e.turn <- struct{}{}:
	case <-e.ended:
		return nil
	}
	defer func() { <-e.turn }()
	if isClosed(e.ended) {
		return nil
	}
	lease := e.lease()
	if lease == nil {
		close(e.ended)
		return nil
	}
	p := &page{engine: e, lease: lease, clear: func() {}}
	e.mu.Lock()
	e.inFlight[p] = struct{}{}
	e.mu.Unlock()
	e.hire()
	return p
}

// lease waits for a lease. It returns nil when the crawl is at its end.
func (e *engine) lease() *frontier.Lease {
	for {
		if e.stopper.stopped() || e.frontier.Err() != nil {
			return nil
		}
		var due <-chan time.Time
		if !e.limited() {
			lease, wait, ok := e.frontier.Next(e.work)
			if ok {
				return lease
			}
			if isClosed(e.seeded) && e.frontier.Idle() {
				return nil
			}
			if wait > 0 {
				e.timer.Reset(wait)
				due = e.timer.C
			}
		}
		select {
		case <-e.frontier.Changed():
		case <-e.stopper.nudged:
		case <-due:
		case <-e.stopper.soft:
			return nil
		}
	}
}

// limited reports whether the pages in flight may reach the limit of pages.
func (e *engine) limited() bool {
	if e.opts.maxPages == 0 {
		return false
	}
	e.mu.Lock()
	pages, inFlight := e.pages, int64(len(e.inFlight))
	e.mu.Unlock()
	if pages >= e.opts.maxPages {
		e.stopper.stop(fmt.Sprintf("limit of %d pages reached", e.opts.maxPages))
	}
	return pages+inFlight >= e.opts.maxPages
}

// do works on a page. A handler that ended its goroutine has not given its page an
// outcome; it fails, and another worker takes the place of this one.
func (e *engine) do(p *page) {
	defer func() {
		if !p.ended {
			p.giveBack()
		}
		e.mu.Lock()
		delete(e.inFlight, p)
		if !p.ended {
			e.workers--
		}
		e.mu.Unlock()
		if !p.ended {
			e.hire()
		}
		e.stopper.nudge() // the limit of pages counts what is in flight
	}()
	p.process(e.work)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
