package clew

import (
	"context"
	"log/slog"
	"time"

	"github.com/clew-crawler/clew/frontier"
)

// A verdict says what became of a page, before the frontier has heard of it.
type verdict struct {
	state      frontier.State
	wait       time.Duration // Delayed: until it is tried again
	hostWait   time.Duration // the host is left alone for so long
	hostSilent bool          // the host did not answer
	err        error
	status     int  // of the answer, 0 if there was none
	page       bool // a handler succeeded
	redirect   bool
	blocked    bool
	robots     bool // dropped for robots.txt
	unfetched  bool
	quiet      bool           // others have told the same
	retry      *frontier.Task // Delayed: what to try, if not the same

	found      found
	custom     map[string]int64
	harvest    *harvest // of the handler; what links and items hold
	links      []frontier.Task
	duplicates int64 // links that are not among them, since they are known
	items      []frontier.Item
	updates    []frontier.Update
}

func failed(err error, status int) verdict {
	return verdict{state: frontier.Failed, err: err, status: status}
}

// A Failure is a request that failed for good.
type Failure struct {
	URL      string    `json:"url"`
	Handler  string    `json:"handler,omitempty"`
	Reason   string    `json:"reason"`
	Attempts int       `json:"attempts"`
	Time     time.Time `json:"time,omitzero"`
}

// admit gives the verdict its place in the order.
func (p *page) admit(ctx context.Context, v *verdict) error {
	e := p.engine
	o := &frontier.Outcome{
		Lease: p.lease, State: v.state, Wait: v.wait, HostWait: v.hostWait, HostSilent: v.hostSilent,
		Unfetched: v.unfetched,
		Links:     v.links, Items: v.items, Updates: v.updates,
		Apply: func(kept frontier.Admitted) { p.apply(v, kept) },
	}
	switch v.state {
	case frontier.Delayed:
		o.Retry = v.retry
		if o.Retry == nil {
			same := p.lease.Task
			o.Retry = &same
		}
		if v.blocked {
			o.Retry.Blocked++
		} else {
			o.Retry.Attempts++
		}
	case frontier.Failed:
		o.Failure = oneLine(v.err)
	case frontier.Pending, frontier.Leased, frontier.Dropped, frontier.Done:
	}
	if p.lease.Deaths > 0 && v.state != frontier.Pending && v.state != frontier.Delayed {
		o.Values = append(o.Values, forgetDeaths(p.lease.Fingerprint))
	}
	if p.first {
		o.Values = append(o.Values, hasAnswered(p.lease.Host))
	}
	if err := e.admit(ctx, o); err != nil {
		return err
	}
	e.spider.reuse(v.harvest)
	v.harvest, v.links, v.items = nil, nil, nil
	return nil
}

// tell logs a verdict and calls OnError for failures.
func (p *page) tell(ctx context.Context, v *verdict) {
	if v.state == frontier.Done && !p.engine.log.Enabled(ctx, slog.LevelDebug) {
		return // as most pages: nothing is made up for nobody
	}
	log := p.engine.log.With("url", p.url())
	switch v.state {
	case frontier.Delayed:
		p.engine.stats.change(func(s *Stats) { s.Retries++ })
		log.Debug("page delayed", "status", v.status, "error", v.err, "wait", v.wait)
	case frontier.Pending:
		if v.err != nil && !v.quiet {
			log.Warn("host unreachable, waiting for it", "host", p.lease.Host, "wait", v.hostWait, "error", v.err)
		}
	case frontier.Failed:
		log.Error("page failed", "status", v.status, "error", v.err, "stack", stackOf(v.err))
		if p.engine.spider.OnError != nil && p.req != nil {
			if err := p.callOnError(ctx, v.err); err != nil {
				log.Error("hook failed", "error", err, "stack", stackOf(err))
			}
		}
	case frontier.Dropped:
		log.Debug("page disallowed by robots.txt")
	case frontier.Done, frontier.Leased:
		log.Debug("page done", "status", v.status, "items", len(v.items), "links", len(v.links))
	}
	if v.blocked {
		p.engine.stats.change(func(s *Stats) { s.Blocked++ })
	}
}

func (p *page) callOnError(ctx context.Context, cause error) (err error) {
	defer recovered("OnError", &err)
	p.engine.spider.OnError(ctx, p.req, cause)
	return nil
}

// apply changes the book counters, in the order of admission.
func (p *page) apply(v *verdict, kept frontier.Admitted) {
	e := p.engine
	e.stats.change(func(s *Stats) {
		s.Links += int64(kept.Links)
		s.LinksDuplicate += int64(kept.DuplicateLinks) + v.duplicates
		s.Items += int64(kept.Items)
		s.ItemsDuplicate += int64(kept.DuplicateItems)
		s.ItemsDropped += v.found.dropped
		s.LinksOffsite += v.found.offsite
		s.LinksBad += v.found.bad
		for name, n := range v.custom {
			if _, ok := s.Custom[name]; !ok && len(s.Custom) >= maxCustomStats {
				name = otherStats
			}
			s.Custom[name] += n
		}
		switch {
		case v.robots:
			s.RobotsDisallowed++
		case v.redirect:
			s.Redirects++
		case v.page:
			s.Pages++
		case v.state == frontier.Failed:
			s.Failed++
		}
		if v.status != 0 && (v.state == frontier.Done || v.state == frontier.Failed) {
			s.Statuses[v.status]++
		}
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	if v.page {
		e.pages++
	}
}

// oneLine is an error's text for the books.
func oneLine(err error) string {
	if err == nil {
		return "unknown"
	}
	const most = 500
	text := []byte(err.Error())
	for i, c := range text {
		if c < ' ' {
			text[i] = ' '
		}
	}
	if len(text) > most {
		text = append(text[:most:most], "…"...)
	}
	return string(text)
}
