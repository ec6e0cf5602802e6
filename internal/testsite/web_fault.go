package testsite

import "strconv"

// A Fault befalls a share of the pages, or of the hosts, of a [Web].
type Fault struct {
	Kind  FaultKind
	Rate  float64 // share of pages, or of hosts for Refused and NoSuchHost
	Times int     // how often it befalls each of them until all is well; 0 is always
}

// FaultKind is a way to misbehave.
type FaultKind int

// The faults. The zero FaultKind is none of them.
const (
	// Of a host, before there is a connection.

	Refused    FaultKind = iota + 1 // connections are refused
	NoSuchHost                      // the name does not resolve

	// Of a page, within HTTP.

	NotFound    // 404
	ServerError // 500
	Busy        // 503 with Retry-After: 2
	TooMany     // 429 with Retry-After: 1
	Forbidden   // 403
	Captcha     // 200, but all there is to see is div.captcha
	Drip        // the body comes in twenty drops, a tenth of a second apart
	Endless     // the body never ends
	Bomb        // a gigabyte of zeros in a megabyte of gzip
	BadMarkup   // tags that were never closed, nested wrongly or not tags at all; the items can be read

	// Of a page, below HTTP.

	Silence     // the connection stands, and no answer comes
	Reset       // the connection is reset in the middle of the body
	LongLength  // the body ends before its Content-Length
	ShortLength // the body goes on beyond its Content-Length: its links are lost, its items are not
	BadChunks   // chunked encoding that is not
	HeaderFlood // header fields without end

	lastFault = HeaderFlood
)

// String returns a stable word.
func (k FaultKind) String() string {
	names := [...]string{
		"none", "refused", "no such host", "not found", "server error", "busy", "too many", "forbidden", "captcha",
		"drip", "endless", "bomb", "bad markup", "silence", "reset", "long length", "short length", "bad chunks",
		"header flood",
	}
	if k < 0 || int(k) >= len(names) {
		return "fault " + strconv.Itoa(int(k))
	}
	return names[k]
}

// ofHost reports whether a fault befalls a host rather than a page.
func (k FaultKind) ofHost() bool { return k == Refused || k == NoSuchHost }

// harmless reports a fault that a good client gets all items over.
func (k FaultKind) harmless() bool {
	return k == 0 || k == Drip || k == BadMarkup || k == ShortLength
}

// blocks reports a fault that keeps a client out rather than fails.
func (k FaultKind) blocks() bool { return k == Forbidden || k == Captcha }

// lasting reports a fault that no client should try again, however often it comes.
func (k FaultKind) lasting() bool {
	return k == NotFound || k == Endless || k == Bomb || k == HeaderFlood
}

// hostFault is the fault of a host, if it has one.
func (w *Web) hostFault(h int) Fault {
	if h == 0 {
		return Fault{}
	}
	for _, f := range w.cfg.Faults {
		if f.Kind.ofHost() && chance(w.cfg.Seed, forFault+purpose(f.Kind)<<8, uint64(h)) < f.Rate {
			return f
		}
	}
	return Fault{}
}

// pageFault is the fault of a page, if it has one.
func (w *Web) pageFault(h, p int) Fault {
	if h == 0 && p == 0 {
		return Fault{}
	}
	for _, f := range w.cfg.Faults {
		if !f.Kind.ofHost() && chance(w.cfg.Seed, forFault+purpose(f.Kind)<<8, w.at(h, p)) < f.Rate {
			return f
		}
	}
	return Fault{}
}

// befalls counts a fault and reports whether it happens once more.
func (w *Web) befalls(f Fault, key string) bool {
	if f.Kind == 0 {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed[key]++
	return f.Times <= 0 || w.failed[key] <= f.Times
}
