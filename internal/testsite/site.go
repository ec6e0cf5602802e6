package testsite

import (
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Config says what a [Site] looks like and how it misbehaves. The zero value
// is a faultless site of 200 pages.
type Config struct {
	Seed         uint64 // everything follows from it
	Pages        int    // number of pages, broken ones included; default 200
	LinksPerPage int    // links of a page to other pages; default 12
	ItemsPerPage int    // items of a page; default 3
	Chain        bool   // pages hang together by one chain of next links, without cross-links

	Latency   time.Duration // every answer waits this long
	Jitter    time.Duration // and up to this much longer, always the same for the same URL
	BodyBytes int           // pages are padded to about this size
	Gzip      bool          // bodies are compressed for clients that accept it

	RetryRate    float64 // share of pages whose first answer fails: half with 503, half broken off in the body
	RedirectRate float64 // share of links that lead through one or two 302s
	BrokenRate   float64 // share of pages that always answer 404, 410 or 500
	Login        bool    // a page without the cookie answers 302 to /login, which sets it and leads back
	RobotsTxt    string  // body of /robots.txt; "" answers 404

	// LogWriter gets one line, "unixnano status method path", in one Write for
	// every request as soon as it is over. See [Site.Err].
	LogWriter io.Writer
}

// Hit is one request that a [Site] served.
type Hit struct {
	Time   time.Time // when it arrived
	Method string
	Path   string // path and query as sent
	Host   string // the Host header
	Status int    // 0: the answer was broken off, by a fault or by a client that left
	Cookie bool   // the request carried the login cookie
}

// Site is a seeded web site. It is safe for concurrent use.
type Site struct {
	cfg     Config
	filler  string
	cookie  http.Cookie
	writers sync.Pool // of *gzip.Writer

	mu    sync.Mutex
	asked map[string]int // page → times asked, for faults that happen once
	hits  map[string]int
	log   []Hit
	err   error
}

// fillerSlack is how far apart two pages' pieces of the filler may start.
const fillerSlack = 4096

// New returns the site that cfg describes.
func New(cfg Config) *Site {
	cfg.Pages = cmp.Or(max(cfg.Pages, 0), 200)
	cfg.LinksPerPage = cmp.Or(max(cfg.LinksPerPage, 0), 12)
	cfg.ItemsPerPage = cmp.Or(max(cfg.ItemsPerPage, 0), 3)
	s := &Site{cfg: cfg}
	if cfg.BodyBytes > 0 {
		s.filler = prose(random(cfg.Seed, forFiller, 0), cfg.BodyBytes+fillerSlack)
	}
	s.cookie = http.Cookie{ //nolint:gosec // the site is served without TLS
		Name: "session", Value: fmt.Sprintf("%016x", mix(cfg.Seed, forCookie, 0)), Path: "/", HttpOnly: true,
	}
	s.writers.New = func() any { return gzip.NewWriter(nil) }
	s.Reset()
	return s
}

// Reset forgets every request, as if the site had just been started: pages
// whose first answer fails will fail again.
func (s *Site) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = make(map[string]int)
	s.hits = make(map[string]int)
	s.log = nil
}

// Log returns every request served, in the order in which they ended.
func (s *Site) Log() []Hit {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// Hits returns how often each page was answered with 200 and its whole body.
// The keys are paths as [Site.Path] spells them, however the request did.
func (s *Site) Hits() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.hits)
}

// Err returns the first error of [Config.LogWriter], whose lines are then
// incomplete.
func (s *Site) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// firstTime reports whether the page is being asked for the first time.
func (s *Site) firstTime(page string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[page]++
	return s.asked[page] == 1
}

// record books a request that is over; page is "" for what is not a page.
func (s *Site) record(hit Hit, page string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, hit)
	if page != "" && hit.Status == http.StatusOK && hit.Method == http.MethodGet {
		s.hits[page]++
	}
	if s.cfg.LogWriter == nil {
		return
	}
	_, err := fmt.Fprintf(s.cfg.LogWriter, "%d %d %s %s\n", hit.Time.UnixNano(), hit.Status, hit.Method, hit.Path)
	if err != nil && s.err == nil {
		s.err = fmt.Errorf("write request log: %w", err)
	}
}
