package crashtest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clew-crawler/clew/internal/testsite"
)

// agentPrefix stands before the number of the run in a child's User-Agent, behind
// which a session that is not the default one has its name.
const agentPrefix = "crash/"

// A hit is one request that the site served, robots.txt apart.
type hit struct {
	run     int
	session string
	method  string
	base    string // of the host that was asked
	path    string // as sent
	kind    string // Content-Type of the body
	body    string
	status  int       // 0 if the answer was broken off
	settled bool      // there is no reason to ask again
	at      time.Time // when it was answered
}

// A web serves a site and keeps a log that outlives its visitors.
type web struct {
	site  *testsite.Site
	pages http.Handler // the site, or what stands before it
	bases []string     // one for each host; all of them serve the same
	base  string       // the first

	mu    sync.Mutex
	log   []hit
	bell  chan struct{} // closed once the log has rings entries
	rings int
}

func startWeb(t *testing.T, cfg testsite.Config) *web {
	t.Helper()
	site := testsite.New(cfg)
	return serveWeb(t, site, site, 1)
}

func serveWeb(tb testing.TB, site *testsite.Site, pages http.Handler, hosts int) *web {
	tb.Helper()
	w := &web{site: site, pages: pages}
	for range hosts {
		server := httptest.NewServer(w)
		tb.Cleanup(server.Close)
		w.bases = append(w.bases, server.URL)
	}
	w.base = w.bases[0]
	return w
}

// ServeHTTP implements [http.Handler].
func (w *web) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	number, session, _ := strings.Cut(strings.TrimPrefix(r.UserAgent(), agentPrefix), "/")
	run, _ := strconv.Atoi(number) // 0 for strangers
	h := hit{
		run: run, session: session, method: r.Method, base: "http://" + r.Host, path: r.URL.RequestURI(),
		kind: r.Header.Get("Content-Type"),
	}
	body, err := io.ReadAll(r.Body)
	r.Body = struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(body), r.Body}
	h.body = string(body)
	rec := &statusWriter{ResponseWriter: rw}
	whole := false
	defer func() {
		if h.status = rec.status; !whole || err != nil {
			h.status = 0 // broken off
		}
		if r.URL.Path != "/robots.txt" {
			h.at, h.settled = time.Now(), isFinal(h.status) && !asksAgain(rec.Header())
			w.note(h)
		}
	}()
	w.pages.ServeHTTP(rec, r)
	whole = true
}

// isFinal reports whether an answer of the site settles a request.
func isFinal(status int) bool {
	switch status {
	case 200, 301, 302, 303, 307, 404, 410:
		return true
	}
	return false
}

// asksAgain reports whether an answer will have its request sent again.
func asksAgain(h http.Header) bool {
	return h.Get(notYetHeader) != "" || strings.HasPrefix(h.Get("Location"), "/login?")
}

func (w *web) note(h hit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, h)
	if w.bell != nil && len(w.log) >= w.rings {
		close(w.bell)
		w.bell = nil
	}
}

// after returns a channel that is closed when n more requests were answered.
func (w *web) after(n int) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	bell := make(chan struct{})
	if n <= 0 {
		close(bell)
		return bell
	}
	w.bell, w.rings = bell, len(w.log)+n
	return bell
}

// hits returns the log so far.
func (w *web) hits() []hit {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]hit(nil), w.log...)
}

// reset makes the site a new one for the next crawl.
func (w *web) reset() {
	if w.site != nil {
		w.site.Reset()
	}
	if r, ok := w.pages.(interface{ Reset() }); ok {
		r.Reset()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = nil
}

// statusWriter notes the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap lets [http.ResponseController] find the real writer.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }
