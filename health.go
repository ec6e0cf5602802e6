package clew

import (
	"sync"
	"time"

	"github.com/clew-crawler/clew/politeness"
)

// hostHealth remembers which hosts can be reached.
type hostHealth struct {
	mu       sync.Mutex
	parking  politeness.Parking
	giveUp   time.Duration
	down     map[string]*outage
	lastGood time.Time // any host, in this run
	resumed  bool      // hosts answered in an earlier run
	known    map[string]struct{}
}

type outage struct {
	since    time.Time
	until    time.Time // left alone
	failures int       // in a row; those of one round count once
}

// maxKnownHosts bounds the hosts that are remembered as reachable, and as down.
const maxKnownHosts = 100_000

func newHostHealth(giveUp time.Duration, resumed bool) *hostHealth {
	return &hostHealth{giveUp: giveUp, resumed: resumed, down: map[string]*outage{}, known: map[string]struct{}{}}
}

// answered notes that a host can be reached.
func (h *hostHealth) answered(host string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lastGood = time.Now()
	delete(h.down, host)
	if len(h.known) < maxKnownHosts {
		h.known[host] = struct{}{}
	}
}

// outageGrace is how long after the last answer of any host a failure still
// counts against the host, not against the network.
const outageGrace = 30 * time.Second

// failed notes that a host could not be reached, and says what that means.
func (h *hostHealth) failed(host string) (f unreached) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	o := h.down[host]
	if o == nil {
		if len(h.down) >= maxKnownHosts {
			clear(h.down) // each of them is found down again, and left alone from the start
		}
		o = &outage{since: now}
		h.down[host] = o
	}
	if f.first = !now.Before(o.until); f.first {
		o.failures++
		o.until = h.parking.Until(o.failures, now)
	}
	f.wait = max(o.until.Sub(now), time.Millisecond).Round(time.Millisecond)
	f.counts = h.counts(host, o, now)
	return f
}

// unreached is what a failure to reach a host means.
type unreached struct {
	wait   time.Duration // how long to leave the host alone
	first  bool          // of those that were in flight together
	counts bool          // against the request
}

// counts reports whether a failure is the host's and not the network's.
func (h *hostHealth) counts(host string, o *outage, now time.Time) bool {
	if now.Sub(o.since) > h.giveUp {
		return true
	}
	if _, known := h.known[host]; known {
		return false // it answered before: wait for it
	}
	if h.lastGood.IsZero() {
		return !h.resumed
	}
	// It never did. If nothing else answers either, the network is gone.
	return now.Sub(h.lastGood) < outageGrace
}

// silent reports whether no host has ever answered, in this run or an earlier one.
func (h *hostHealth) silent() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lastGood.IsZero() && !h.resumed
}

// lost reports whether a host has been unreachable for so long that its requests fail.
func (h *hostHealth) lost(host string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	o := h.down[host]
	return o != nil && time.Since(o.since) > h.giveUp
}

// unreachable pauses a crawl in which nothing has ever answered: the fault is on this
// side of the network, or in the start URL, and no request should be burnt for it.
func (e *engine) unreachable(err error) {
	e.stopper.stop("no host could be reached: " + err.Error())
}
