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

// maxKnownHosts bounds the hosts that are remembered as reachable.
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

// failed notes that a host could not be reached. It returns how long to leave it
// alone, and whether the failure counts against the request.
func (h *hostHealth) failed(host string) (wait time.Duration, counts bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	o := h.down[host]
	if o == nil {
		o = &outage{since: now}
		h.down[host] = o
	}
	if !now.Before(o.until) {
		o.failures++
		o.until = h.parking.Until(o.failures, now)
	}
	wait = max(o.until.Sub(now), time.Millisecond)
	if _, known := h.known[host]; known {
		// It answered before: wait for it, up to a day.
		return wait, now.Sub(o.since) > h.giveUp
	}
	if now.Sub(o.since) > h.giveUp {
		return wait, true
	}
	if h.lastGood.IsZero() {
		return wait, !h.resumed
	}
	// It never did. If nothing else answers either, the network is gone.
	return wait, now.Sub(h.lastGood) < outageGrace
}

// lost reports whether a host has been unreachable for so long that its requests fail.
func (h *hostHealth) lost(host string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	o := h.down[host]
	return o != nil && time.Since(o.since) > h.giveUp
}
