package clew

import (
	"fmt"
	"time"
)

// worker takes one lease after the other and works on it until nothing more is leased.
//
// There is no goroutine that hands the leases out: behind dozens of handlers that want
// the processor it would get it late, and each time so many pages would have ended that
// all are fetched together, and then handled together while the network has nothing to
// do. A worker begins its next fetch as soon as its page is done. Of those that find
// nothing to do one waits at the frontier, and the others until somebody calls them.
func (e *engine) worker() {
	for p := e.next(); p != nil; p = e.next() {
		e.do(p)
	}
}

// crew says what the workers without a page do. They change it while they hold leasing.
type crew struct {
	workers int           // all of them
	waiting bool          // one waits until there may be a lease
	idle    int           // those that wait for a call
	call    chan struct{} // makes one of these ask again
	timer   *time.Timer   // of the one that waits
}

// next returns a page to work on, or nil when nothing more is leased.
func (e *engine) next() *page {
	for {
		e.leasing.Lock()
		p, wait, over := e.lease()
		switch {
		case over:
			if !isClosed(e.ended) {
				close(e.ended)
			}
			e.leasing.Unlock()
			return nil
		case p != nil:
			e.callAnother()
			e.leasing.Unlock()
			return p
		case e.crew.waiting:
			e.crew.idle++
			e.leasing.Unlock()
			select {
			case <-e.crew.call:
			case <-e.ended:
				return nil
			}
		default:
			e.crew.waiting = true
			e.leasing.Unlock()
			e.awaitChange(wait)
			e.leasing.Lock()
			e.crew.waiting = false
			e.leasing.Unlock()
		}
	}
}

// callAnother sees that somebody asks for the next lease, if there is a slot left. It is
// called with leasing held.
func (e *engine) callAnother() {
	switch c := &e.crew; {
	case c.idle > 0:
		c.idle--
		c.call <- struct{}{}
	case !c.waiting && c.workers < e.slots:
		c.workers++
		e.wait.Go(e.worker)
	}
}

// lease asks for a page. wait is when to ask again at the latest, if not 0, and over says
// that the crawl is at its end. It is called with leasing held.
func (e *engine) lease() (p *page, wait time.Duration, over bool) {
	switch {
	case e.stopper.stopped() || e.frontier.Err() != nil:
		return nil, 0, true
	case e.limited():
		return nil, 0, false
	}
	lease, wait, ok := e.frontier.Next(e.work)
	if !ok {
		return nil, wait, isClosed(e.seeded) && e.frontier.Idle()
	}
	p = &page{engine: e, lease: lease, clear: func() {}}
	e.mu.Lock()
	e.inFlight[p] = struct{}{}
	e.mu.Unlock()
	return p, 0, false
}

// awaitChange waits until there may be a lease.
func (e *engine) awaitChange(wait time.Duration) {
	var due <-chan time.Time
	if wait > 0 {
		e.crew.timer.Reset(wait)
		due = e.crew.timer.C
	}
	select {
	case <-e.frontier.Changed():
	case <-e.stopper.nudged:
	case <-due:
	case <-e.stopper.soft:
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
		e.mu.Unlock()
		e.stopper.nudge() // the limit of pages counts what is in flight
		if !p.ended {
			e.leasing.Lock()
			e.crew.workers--
			e.callAnother()
			e.leasing.Unlock()
		}
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
