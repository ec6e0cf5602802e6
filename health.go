package clew

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/clew-crawler/clew/fetch"
	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/politeness"
)

// hostHealth remembers which hosts can be reached.
type hostHealth struct {
	mu       sync.Mutex
	parking  politeness.Parking
	giveUp   time.Duration
	down     map[string]*outage
	gone     int       // of those that are down, answered before
	lastGood time.Time // any host, in this run
	resumed  bool      // hosts answered in an earlier run
	known    map[string]struct{}
}

// An outage is the time in which a host cannot be reached. It is tried in rounds:
// what was in flight together fails together, and counts as one failure of the host.
type outage struct {
	since    time.Time
	until    time.Time // left alone
	last     time.Time // the first failure of this round
	failures int       // rounds
	known    bool      // it answered before
	alone    int       // rounds in a row between which others answered
	counted  int       // rounds that were the host's own fault
	late     bool      // it could be connected to and did not answer in time
	err      error     // the last failure
}

// maxKnownHosts bounds the hosts that are remembered as reachable, and as down.
const maxKnownHosts = 100_000

func newHostHealth(giveUp time.Duration, resumed bool) *hostHealth {
	return &hostHealth{giveUp: giveUp, resumed: resumed, down: map[string]*outage{}, known: map[string]struct{}{}}
}

// answered notes that a host can be reached, and reports whether that is news: further
// runs are to know it, too.
func (h *hostHealth) answered(host string) (first bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lastGood = time.Now()
	if o := h.down[host]; o != nil && o.known {
		h.gone--
	}
	delete(h.down, host)
	if _, known := h.known[host]; known || len(h.known) >= maxKnownHosts {
		return false
	}
	h.known[host] = struct{}{}
	return true
}

// unheard reports whether only an earlier run can tell if a host has ever answered.
func (h *hostHealth) unheard(host string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, known := h.known[host]
	return h.resumed && !known && h.down[host] == nil
}

// recall notes that a host answered in an earlier run.
func (h *hostHealth) recall(host string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.known) < maxKnownHosts {
		h.known[host] = struct{}{}
	}
}

// kindAnswered is the kind of the values that say which hosts have answered, by host,
// so that a host that is away after a stop is waited for as it would be without one.
const kindAnswered = "answered"

func hasAnswered(host string) frontier.Value {
	return frontier.Value{Kind: kindAnswered, Key: host, Data: []byte("true")}
}

// hostFailed notes a failure to fetch from a host, and says what it means for the host.
func (e *engine) hostFailed(ctx context.Context, host string, err *fetch.Error) unreached {
	if e.hosts.unheard(host) {
		if data, err := e.frontier.Value(ctx, kindAnswered, host); err == nil && data != nil {
			e.hosts.recall(host)
		}
	}
	return e.hosts.failed(host, err)
}

// outageDoubt is how long nobody's answering counts as an outage of the network when
// nothing but hosts that never answered is left to ask. They may well be at fault
// themselves, and no crawl should last a day longer for one dead link at its end.
const outageDoubt = 30 * time.Minute

// failed notes a failure to fetch from a host, and says what it means for the host. A
// timeout is the page's own fault, unless its host never answered anything.
func (h *hostHealth) failed(host string, err *fetch.Error) (f unreached) {
	late := err.Kind == fetch.KindTimeout
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.known[host]; !err.HostDown() && (!late || known) {
		return f
	}
	now := time.Now()
	o := h.down[host]
	if o == nil {
		if len(h.down) >= maxKnownHosts {
			clear(h.down) // each of them is found down again, and left alone from the start
			h.gone = 0
		}
		o = &outage{since: now, last: now}
		if _, o.known = h.known[host]; o.known {
			h.gone++
		}
		h.down[host] = o
	}
	if f.first = !now.Before(o.until); f.first {
		if o.alone++; !h.lastGood.After(o.last) {
			o.alone = 0
		}
		o.last = now
		o.failures++
		o.until = h.parking.Until(o.failures, now)
	}
	o.late, o.err = o.late || late, err
	f.down = true
	f.wait = max(o.until.Sub(now), time.Millisecond).Round(time.Millisecond)
	f.counts = h.counts(o, late || err.NetworkUp(), now) // a connection needs a network
	if f.first && f.counts {
		o.counted++
	}
	f.tried, f.lost = o.tried(now), h.lost(o, now)
	return f
}

// unreached is what a failure to reach a host means.
type unreached struct {
	down   bool          // it is the host's failure, or the network's; the rest is set only then
	wait   time.Duration // how long to leave the host alone
	first  bool          // of those that were in flight together
	counts bool          // against the request
	tried  bool          // it never answered and was tried often enough
	lost   bool          // all requests of the host fail
}

// counts reports whether a failure is the host's and not the network's. Others that
// answered between two rounds show that, but not when one of the two fell into the
// beginning or the end of an outage: so it takes two such times in a row.
func (h *hostHealth) counts(o *outage, up bool, now time.Time) bool {
	switch down := now.Sub(o.since); {
	case down > h.giveUp:
		return true
	case o.known:
		return false // it answered before: wait for it
	case up && h.gone == 0:
		return true
	case h.lastGood.IsZero():
		return !h.resumed
	case o.alone >= 2:
		return true
	case h.gone > 0:
		return false // those that answered before do not either
	default:
		return down > outageDoubt
	}
}

// silent reports whether no host has ever answered, in this run or an earlier one.
func (h *hostHealth) silent() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lastGood.IsZero() && !h.resumed
}

// tried reports whether a host never answered and was tried often enough. One that can
// be connected to gets time as well: its first pages may be slow ones.
func (o *outage) tried(now time.Time) bool {
	return !o.known && o.counted > politeness.DefaultRetries && (!o.late || now.Sub(o.since) > outageDoubt)
}

// lost reports whether a host has been unreachable for so long, or if it never answered
// so often, that its requests fail at once.
func (h *hostHealth) lost(o *outage, now time.Time) bool {
	return now.Sub(o.since) > h.giveUp || o.tried(now) && (h.resumed || !h.lastGood.IsZero())
}

// abandoned says why the requests of a host fail without being made, nil if they need
// not. When a lost host has been left alone for its time one of them is made again.
func (h *hostHealth) abandoned(host string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if o := h.down[host]; o != nil && now.Before(o.until) && h.lost(o, now) {
		return tooLong(o.err)
	}
	return nil
}

func tooLong(err error) error { return fmt.Errorf("host unreachable for too long: %w", err) }

// unreachable pauses a crawl in which nothing has ever answered: the fault is on this
// side of the network, or in the start URL, and no request should be burnt for it.
func (e *engine) unreachable(err error) {
	e.stopper.stop("no host could be reached: " + err.Error())
}
