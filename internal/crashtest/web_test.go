package crashtest

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clew-crawler/clew/internal/testsite"
)

// agentPrefix stands before the number of the run in a child's User-Agent.
const agentPrefix = "crash/"

// A hit is one request that the site served, robots.txt apart.
type hit struct {
	run    int
	path   string    // as sent
	status int       // 0 if the answer was broken off
	at     time.Time // when it was answered
}

// A web serves a site and keeps a log that outlives its visitors.
type web struct {
	site *testsite.Site
	base string

	mu    sync.Mutex
	log   []hit
	bell  chan struct{} // closed once the log has rings entries
	rings int
}

func startWeb(t *testing.T, cfg testsite.Config) *web {
	t.Helper()
	w := &web{site: testsite.New(cfg)}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	w.base = server.URL
	return w
}

// ServeHTTP implements [http.Handler].
func (w *web) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	run, _ := strconv.Atoi(strings.TrimPrefix(r.UserAgent(), agentPrefix)) // 0 for strangers
	rec := &statusWriter{ResponseWriter: rw}
	whole := false
	defer func() {
		if !whole {
			rec.status = 0 // broken off
		}
		if r.URL.Path != "/robots.txt" {
			w.note(hit{run, r.URL.RequestURI(), rec.status, time.Now()})
		}
	}()
	w.site.ServeHTTP(rec, r)
	whole = true
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
	w.site.Reset()
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
