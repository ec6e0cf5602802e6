package clew

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clew-crawler/clew/fetch"
	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/internal/testsite"
	"github.com/clew-crawler/clew/politeness"
	"github.com/clew-crawler/clew/store/pebblestore"
)

// hostileEnds says what comes of each trap's page: a part of the reason for which
// it fails. Those that are not listed fail with nothing else than what package
// fetch says of them, and "" is a page that is read.
var hostileEnds = map[string]string{
	"never answers":               "is unavailable: fetch",
	"never answers a page":        "timeout",
	"closes at once":              "is unavailable: fetch",
	"closes instead of answering": "reset",
	"resets instead of answering": "is unavailable: fetch",
	"resets inside the header":    "reset",
	"resets inside the body":      "reset",
	"header drips":                "timeout",
	"body drips":                  "timeout",
	"stops inside the body":       "timeout",

	"HTTP/9.9": "", "status 600": "", "status 999": "",

	"endless body":                 "too large",
	"endless chunks":               "too large",
	"body shorter than its length": "body",
	"body longer than its length":  "",
	"length beyond the limit":      "too large",
	"length and chunks":            "",
	"chunk size is no number":      "body",
	"chunk size is negative":       "body",
	"chunk size is huge":           "body",
	"chunk ends early":             "body",
	"no last chunk":                "body",
	"endless chunk extension":      "body",
	"chunk extensions flood":       "body",
	"endless trailer":              "body",

	"gzip bomb":                 "too large",
	"deflate bomb":              "too large",
	"br bomb":                   "too large",
	"zstd bomb":                 "too large",
	"gzip, gzip bomb":           "too large",
	"br, gzip, gzip bomb":       "too large",
	"gzip, gzip of nothing":     "too large",
	"endless gzip of nothing":   "too large",
	"zstd window of a gigabyte": "too large",
	"gzip that is none":         "body",
	"gzip cut off":              "body",
	"unknown encoding":          "",

	"cookie of 32 KB": "", "cookie for everybody": "",

	"redirect to a malformed URL": "redirect: ",
	"redirect to a bad port":      "redirect: ",
	"redirect to a file":          "redirect: ",
	"redirect to mail":            "redirect: ",
	"redirect to a script":        "redirect: ",
	"redirect to data":            "redirect: ",
	"redirect to nothing":         "",
	"redirect with credentials":   "",
	"redirect loop":               "more than 20 redirects",
	"endless redirects":           "more than 20 redirects",

	"endless robots.txt":                 "",
	"large robots.txt":                   "",
	"robots.txt with one long line":      "",
	"robots.txt too long by half a rule": "",
	"robots.txt is a page":               "",
	"robots.txt is binary":               "",
	"robots.txt redirects for ever":      "",
	"robots.txt redirects to a file":     "",
	"robots.txt speaks no HTTP":          "is unavailable: fetch",
	"robots.txt with absurd delays":      "",
	"page of many links":                 "",
	"one link many times":                "",
	"link of a megabyte":                 "",
	"deeply nested page":                 "",
	"deeply nested inline elements":      "",
	"deeply nested tables":               "",
	"long attribute":                     "",
	"many attributes":                    "",
	"many different attributes":          "",
	"page that never closes anything":    "",
	"NULs in the page":                   "",
	"nonsense for a content type":        "",
	"unknown charset":                    "",
	"base of a megabyte":                 "",

	"expired certificate":  "tls: tls: failed to verify certificate: x509: certificate has expired",
	"handshake never ends": "TLS handshake timeout",
	"no TLS":               "tls",
	"handshake is cut off": "EOF",
}

// hostileReason is what the page of a trap should fail for.
func hostileReason(name string) string {
	switch reason, ok := hostileEnds[name]; {
	case ok:
		return reason
	case strings.HasPrefix(name, "Retry-After"):
		return "status 503 after 3 attempts"
	default:
		return "protocol"
	}
}

// checkedStore looks itself over before it is closed.
type checkedStore struct{ *pebblestore.Store }

func (s checkedStore) Close() error {
	return errors.Join(s.Check(context.Background()), s.Store.Close())
}

// checked keeps a crawl in memory, and checks the store at its end.
func checked() Option {
	return func(o *options) {
		o.store = func() (frontier.Store, error) {
			store, err := pebblestore.NewMem()
			return checkedStore{store}, err
		}
	}
}

// calmHosts starts sites of ten pages each that nothing is wrong with.
func calmHosts(t *testing.T, n int) []string {
	t.Helper()
	var hosts []string
	for range n {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/robots.txt" {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", "text/html")
			_, _ = fmt.Fprint(w, conNumbered(10))
		}))
		t.Cleanup(server.Close)
		hosts = append(hosts, server.URL)
	}
	return hosts
}

// A hostileCrawl is a crawl of a trap beside hosts that are well.
type hostileCrawl struct {
	spider *Spider
	begun  time.Time

	mu   sync.Mutex
	last map[string]time.Duration // when the last page of a host was read
	read map[string]int
}

func newHostileCrawl(trap string, calm []string) *hostileCrawl {
	// What is too large has to be met before the time is over, with the race detector, too.
	timeout, most := 1500*time.Millisecond, int64(2<<20)
	if raced {
		timeout *= 2
	}
	if *longFlag {
		most = 5 << 20
	}
	c := &hostileCrawl{begun: time.Now(), last: map[string]time.Duration{}, read: map[string]int{}}
	c.spider = &Spider{
		Name: "hostile", StartURLs: append([]string{trap + "/"}, calm...),
		Logger: slog.New(slog.DiscardHandler), Concurrency: 4, GiveUp: time.Second,
		Retry: politeness.Retry{Max: 2, Base: 10 * time.Millisecond},
		HTTP: fetch.HTTPOptions{
			Timeout: timeout, HeaderTimeout: 300 * time.Millisecond, TLSTimeout: time.Second,
			IdleTimeout: 300 * time.Millisecond, MaxBody: most, MaxHeaderBytes: 64 << 10,
		},
		Parse: c.parse,
	}
	for _, host := range append(calm, trap) {
		_, name, _ := strings.Cut(host, "://")
		c.spider.AllowedDomains = append(c.spider.AllowedDomains, name)
	}
	return c
}

func (c *hostileCrawl) parse(_ context.Context, page *Response, out *Output) error {
	out.Item(conPath(page.URL))
	for _, href := range page.CSS("a::attr(href)").GetAll() {
		out.Follow(href)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	host, _, _ := strings.Cut(strings.TrimPrefix(page.URL, "http://"), "/")
	c.read[host]++
	c.last[host] = time.Since(c.begun)
	return nil
}

// TestHostileWeb puts each trap into a crawl. It costs the hosts beside it nothing,
// ends, and is told by its reason.
func TestHostileWeb(t *testing.T) {
	size := 1 << 14
	if *longFlag {
		size = 1 << 18
	}
	met := map[string]bool{}
	for _, trap := range testsite.Traps(size) {
		met[trap.Name] = true
		t.Run(trap.Name, func(t *testing.T) {
			t.Parallel()
			calm := calmHosts(t, 2)
			c := newHostileCrawl(trap.Start(t), calm)
			r := conRun(t, c.spider, checked())
			if r.Status != Finished || time.Since(c.begun) > 20*time.Second {
				t.Errorf("ended %q after %v", r.Status, time.Since(c.begun))
			}
			for _, host := range calm {
				host = strings.TrimPrefix(host, "http://")
				if c.read[host] != 11 || c.last[host] > 5*time.Second {
					t.Errorf("%d pages of %s were read, the last after %v", c.read[host], host, c.last[host])
				}
			}
			pages, reason := 1, hostileReason(trap.Name)
			if reason != "" {
				pages = 0
				if len(r.Failures) != 1 || !strings.Contains(r.Failures[0].Reason, reason) || len(r.Failures[0].Reason) > 600 {
					t.Errorf("failures %+v, want one with %q", r.Failures, reason)
				}
			} else if r.Stats.Failed != 0 {
				t.Errorf("failures %+v", r.Failures)
			}
			if got := int(r.Stats.Pages) - 22; got != pages {
				t.Errorf("%d pages of the trap were read, want %d", got, pages)
			}
		})
	}
	for name := range hostileEnds {
		if !met[name] {
			t.Errorf("there is no trap %q", name)
		}
	}
}
