package clewtest

import (
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/fetch"
	"github.com/clew-crawler/clew/internal/testsite"
)

// A Site is a fake web: pages by their URLs, and handlers by their hosts. It is an
// [http.RoundTripper] that touches no network and needs no closing, so it goes into
// the HTTP options of a spider, or of a session, as their Transport. What it does
// not know is answered with 404, robots.txt included. Make one with [NewSite]. It is
// safe for concurrent use.
type Site struct {
	transport *http.Transport
	pages     map[string]Page // by host and path

	mu     sync.Mutex
	hosts  map[string]http.Handler
	asked  map[string]int // by host and path
	visits []Visit
}

// A Visit is one request that a [Site] was asked.
type Visit struct {
	Method string
	URL    string
	Header http.Header
	Time   time.Time // when it arrived
	Status int       // of the answer, 0 if the connection was broken instead
}

// NewSite makes a site of pages. The keys are their URLs, query included; http and
// https are the same to it. A key that is no URL and a file that cannot be read end
// the test.
func NewSite(tb testing.TB, pages map[string]Page) *Site {
	tb.Helper()
	s := &Site{pages: map[string]Page{}, hosts: map[string]http.Handler{}, asked: map[string]int{}}
	for raw, page := range pages {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" {
			tb.Fatalf("page %q: not an absolute URL", raw)
		}
		page, err := page.read()
		if err != nil {
			tb.Fatalf("page %s: %v", raw, err)
		}
		s.pages[key(u)] = page
	}
	s.transport = testsite.Pipes(http.HandlerFunc(s.serve), nil)
	return s
}

// Handle lets a handler answer for a host, such as "quotes.test", except for the
// pages that the site has. It replaces an earlier one.
func (s *Site) Handle(host string, handler http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts[strings.ToLower(host)] = handler
}

// RoundTrip makes one exchange with the site.
func (s *Site) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.visits = append(s.visits, Visit{
		Method: r.Method, URL: r.URL.String(), Header: r.Header.Clone(), Time: time.Now(),
	})
	n := len(s.visits) - 1
	s.mu.Unlock()
	response, err := s.transport.RoundTrip(r)
	if err == nil {
		s.mu.Lock()
		s.visits[n].Status = response.StatusCode
		s.mu.Unlock()
	}
	return response, err
}

// Visits returns what was asked so far, in order. If URLs are given, only what asked
// for one of them.
func (s *Site) Visits(urls ...string) []Visit {
	s.mu.Lock()
	defer s.mu.Unlock()
	visits := slices.Clone(s.visits)
	if len(urls) == 0 {
		return visits
	}
	return slices.DeleteFunc(visits, func(v Visit) bool { return !slices.Contains(urls, v.URL) })
}

// key is what tells pages apart.
func key(u *url.URL) string {
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	return hostName(u.Host) + path
}

// hostName leaves out a port that goes without saying.
func hostName(host string) string {
	host = strings.ToLower(host)
	if name, port, err := net.SplitHostPort(host); err == nil && (port == "80" || port == "443") {
		return name
	}
	return host
}

// serve answers one request at the far end of the pipe.
func (s *Site) serve(w http.ResponseWriter, r *http.Request) {
	u := *r.URL
	u.Host = r.Host
	at := key(&u)
	page, ok := s.pages[at]
	if ok {
		s.give(w, r, at, page)
		return
	}
	s.mu.Lock()
	handler := s.hosts[hostName(r.Host)]
	s.mu.Unlock()
	if handler == nil {
		handler = http.NotFoundHandler()
	}
	handler.ServeHTTP(w, r)
}

// give answers with a page, or with one of its failures.
func (s *Site) give(w http.ResponseWriter, r *http.Request, at string, page Page) {
	s.mu.Lock()
	s.asked[at]++
	fails := s.asked[at] <= page.Fail
	s.mu.Unlock()
	if page.Latency > 0 {
		timer := time.NewTimer(page.Latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
	}
	if fails {
		if page.FailStatus == 0 {
			panic(http.ErrAbortHandler) // closes the connection
		}
		http.Error(w, http.StatusText(page.FailStatus), page.FailStatus)
		return
	}
	maps.Copy(w.Header(), page.Header)
	w.Header().Set("Content-Length", strconv.Itoa(len(page.Body)))
	w.WriteHeader(page.Status)
	_, _ = w.Write([]byte(page.Body)) // a client that left does not want to know
}

// Crawl runs a copy of a spider on a site, in memory unless an option gives it a
// crawl directory, and ends the test if the run ends with an error. All sessions of
// the spider give way to one on the site, and its log goes to the test's output
// unless it has a Logger.
func Crawl(tb testing.TB, spider *clew.Spider, site *Site, opts ...clew.Option) *clew.Result {
	tb.Helper()
	s := *spider
	s.HTTP = onSite(spider.HTTP, site)
	s.Sessions = map[string]fetch.Session{}
	for name := range spider.Sessions {
		session, err := fetch.NewHTTP(s.HTTP)
		if err != nil {
			tb.Fatalf("crawl: session %q: %v", name, err)
		}
		s.Sessions[name] = session // holds nothing that has to be closed
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.NewTextHandler(tb.Output(), &slog.HandlerOptions{Level: s.LogLevel}))
	}
	result, err := clew.Run(tb.Context(), &s, opts...)
	if err != nil {
		tb.Fatalf("crawl: %v", err)
	}
	return result
}

// onSite leaves out of a session's options what a network of its own makes void.
func onSite(o fetch.HTTPOptions, site *Site) fetch.HTTPOptions {
	o.Transport = site
	o.Proxies, o.InsecureTLS, o.DenyPrivateNetworks = nil, false, false
	return o
}
