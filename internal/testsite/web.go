package testsite

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// WebConfig says what a [Web] looks like and how it misbehaves. The zero value is
// a faultless web of 10 hosts with 20 pages each. Rates are shares from 0 to 1;
// what a rate picks follows from the seed alone, and no rate moves what another picks.
type WebConfig struct {
	Seed         uint64
	Hosts        int     // default 10
	PagesPerHost int     // default 20
	LinksPerPage int     // of a page to pages, besides the tree that holds the web together; default 6
	ItemsPerPage int     // default 2
	CrossRate    float64 // share of links that lead to another host
	Chain        bool    // the pages of a host hang together by one chain of next links

	Latency     time.Duration // hosts answer after about this long, each in its own way
	SlowHosts   int           // hosts 1 to SlowHosts answer after SlowLatency instead
	SlowLatency time.Duration
	BodyBytes   int // pages are padded to about this size, some to many times it

	EncodingRate float64 // share of pages in another encoding than UTF-8, or that lie about it
	RedirectRate float64 // share of links that lead through redirects, and of pages with a link into a bad one
	TrapRate     float64 // share of hosts whose front page leads into endless traps
	LoginRate    float64 // share of hosts that send whoever has no cookie to /login
	RobotsRate   float64 // share of hosts whose robots.txt keeps /private/ to itself
	CrawlDelay   int     // seconds that those ask for; 0 asks for none
	Sitemaps     bool    // every robots.txt names a sitemap index

	// Faults befall hosts and pages, each with its rate. A page has one at most:
	// the first of the list that picks it. The front page of host 0 has none.
	Faults []Fault
}

// Web is a seeded web of many hosts. Everything it says is a function of its
// config; only what it was asked is remembered. It is an [http.Handler] for all of
// its hosts and safe for concurrent use.
type Web struct {
	cfg    WebConfig
	filler string
	bomb   func() []byte // one megabyte of zeros, as gzip has it

	mu     sync.Mutex
	failed map[string]int // URL or host → how often a fault befell it
	log    Log
}

// NewWeb returns the web that cfg describes.
func NewWeb(cfg WebConfig) *Web {
	cfg.Hosts = cmp.Or(max(cfg.Hosts, 0), 10)
	cfg.PagesPerHost = cmp.Or(max(cfg.PagesPerHost, 0), 20)
	cfg.LinksPerPage = cmp.Or(max(cfg.LinksPerPage, 0), 6)
	cfg.ItemsPerPage = cmp.Or(max(cfg.ItemsPerPage, 0), 2)
	cfg.Faults = slices.Clone(cfg.Faults)
	w := &Web{cfg: cfg, bomb: sync.OnceValue(zeros), failed: map[string]int{}}
	if cfg.BodyBytes > 0 {
		w.filler = prose(random(cfg.Seed, forFiller, 0), 4*cfg.BodyBytes)
	}
	return w
}

// zeros is a megabyte of nothing, compressed to a thousandth. Members of a gzip
// stream may follow each other, so repeating it is a bomb of any size.
func zeros() []byte {
	var b bytes.Buffer
	writer := gzip.NewWriter(&b)
	_, _ = writer.Write(make([]byte, 1<<20)) // a buffer takes everything
	_ = writer.Close()
	return b.Bytes()
}

// webDomain ends the names of all hosts. It is reserved, so no real host is ever meant.
const webDomain = ".web.test"

// Host returns the name of host number h.
func (w *Web) Host(h int) string { return "h" + strconv.Itoa(h) + webDomain }

// Front returns the URL of the front page of host number h.
func (w *Web) Front(h int) string { return "http://" + w.Host(h) + "/" }

// Fronts returns the URLs of all front pages.
func (w *Web) Fronts() []string {
	urls := make([]string, w.cfg.Hosts)
	for h := range urls {
		urls[h] = w.Front(h)
	}
	return urls
}

// hostNumber reads a name back, port or no port.
func (w *Web) hostNumber(name string) (int, bool) {
	name, _, _ = strings.Cut(name, ":")
	name, ok := strings.CutSuffix(name, webDomain)
	digits, ok2 := strings.CutPrefix(name, "h")
	h, ok3 := number(digits, w.cfg.Hosts)
	return h, ok && ok2 && ok3
}

// number reads the one decimal spelling of a number below a limit.
func number(text string, limit int) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 0 && n < limit && strconv.Itoa(n) == text
}

// at mixes host and page into the one number that choices about a page depend on.
func (w *Web) at(h, p int) uint64 { return uint64(h)<<32 | uint64(p) }

// Items returns what page p of host h yields when it is read whole, as a reader
// that goes by the rules for encodings sees it; nil for a page that does not exist.
func (w *Web) Items(h, p int) []Item {
	if h < 0 || h >= w.cfg.Hosts || p < 0 || p >= w.cfg.PagesPerHost {
		return nil
	}
	items := w.written(h, p)
	dress := w.dress(h, p)
	for i := range items {
		items[i].Text, items[i].Author = dress.seen(items[i].Text), dress.seen(items[i].Author)
	}
	return items
}

// written are the items of a page before encodings.
func (w *Web) written(h, p int) []Item {
	rng := random(w.cfg.Seed, forItems, w.at(h, p))
	items := make([]Item, w.cfg.ItemsPerPage)
	for k := range items {
		items[k] = Item{
			Text:   fmt.Sprintf("“%s” é [%d.%d.%d]", sentence(rng), h, p, k),
			Author: fullName(rng),
			Tags:   tags(rng),
		}
	}
	return items
}

// latency is how long a page's answer takes: hosts differ by a factor of ten, the
// pages of a host by a half.
func (w *Web) latency(h int, path string) time.Duration {
	if h > 0 && h <= w.cfg.SlowHosts {
		return w.cfg.SlowLatency
	}
	if w.cfg.Latency <= 0 {
		return 0
	}
	u := chance(w.cfg.Seed, forLatency, uint64(h))
	page := chance(w.cfg.Seed, forLatency, hashString(path)^uint64(h)<<1)
	return time.Duration(float64(w.cfg.Latency) * (0.3 + 2.7*u*u) * (0.75 + page/2))
}

// bodyBytes is the size that a page is padded to: most are small, few are large.
func (w *Web) bodyBytes(h, p int) int {
	u := chance(w.cfg.Seed, forFiller, w.at(h, p))
	return min(int(float64(w.cfg.BodyBytes)*0.5/(1-u)), 4*w.cfg.BodyBytes)
}

func (w *Web) needsLogin(h int) bool {
	return chance(w.cfg.Seed, forCookie, uint64(h)) < w.cfg.LoginRate
}

func (w *Web) hasRobots(h int) bool {
	return chance(w.cfg.Seed, forRobots, uint64(h)) < w.cfg.RobotsRate
}

func (w *Web) hasTraps(h int) bool { return chance(w.cfg.Seed, forTrap, uint64(h)) < w.cfg.TrapRate }

// isPrivate reports whether a page is one that robots.txt forbids.
func (w *Web) isPrivate(h, p int) bool {
	return p > 0 && w.hasRobots(h) && mix(w.cfg.Seed, forRobots, w.at(h, p))%5 == 0
}

func (w *Web) cookie(h int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // the web is served without TLS
		Name: "visitor", Value: fmt.Sprintf("%016x", mix(w.cfg.Seed, forCookie, uint64(h))), Path: "/", HttpOnly: true,
	}
}
