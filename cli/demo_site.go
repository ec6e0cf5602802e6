package cli

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/clew-crawler/clew/internal/testsite"
)

// A demoSite serves quotes, slowly enough to be watched, and counts who asks for
// what.
type demoSite struct {
	pages   http.Handler
	latency time.Duration
	url     string
	server  *http.Server
	ended   chan error

	mu    sync.Mutex
	asked map[string]map[int]int // path → run → times
	total map[int]int            // run → requests
	want  int                    // with due: run wanted reaches so many requests
	run   int
	due   chan struct{}
}

// quotesFor is how many quotes make about so many pages. Authors and tags are
// shared by more and more quotes, so pages grow ever slower.
func quotesFor(pages int) int { return pages*3/5 + pages*pages/820 }

func newDemoSite(f *demoFlags) *demoSite {
	return &demoSite{
		pages: testsite.Quotes(f.seed, quotesFor(f.pages)), latency: f.latency, ended: make(chan error, 1),
		asked: map[string]map[int]int{}, total: map[int]int{},
	}
}

// listen starts the site at an address.
func (s *demoSite) listen(ctx context.Context, addr string) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("serve the site: %w", err)
	}
	s.url = "http://" + listener.Addr().String() + "/"
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func() { s.ended <- s.server.Serve(listener) }()
	return nil
}

func (s *demoSite) close() error {
	err := s.server.Close()
	if ended := <-s.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// ServeHTTP counts a request and answers it after a while.
func (s *demoSite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/robots.txt" {
		s.count(r)
		timer := time.NewTimer(s.wait(r.URL.Path))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
	}
	s.pages.ServeHTTP(w, r)
}

// wait is between half and one and a half times the latency, always the same for a page.
func (s *demoSite) wait(path string) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(path)) // it never fails
	return s.latency/2 + s.latency*time.Duration(h.Sum32()%1000)/1000
}

func (s *demoSite) count(r *http.Request) {
	run, err := strconv.Atoi(r.Header.Get(runHeader))
	if err != nil {
		return // somebody who looks at the site
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked[r.URL.Path] == nil {
		s.asked[r.URL.Path] = map[int]int{}
	}
	s.asked[r.URL.Path][run]++
	s.total[run]++
	if s.due != nil && run == s.run && s.total[run] >= s.want {
		close(s.due)
		s.due = nil
	}
}

// reached returns a channel that is closed when a run has made so many requests.
func (s *demoSite) reached(run, requests int) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	due := make(chan struct{})
	if s.total[run] >= requests {
		close(due)
		return due
	}
	s.run, s.want, s.due = run, requests, due
	return due
}

// requests returns how many requests a run has made.
func (s *demoSite) requests(run int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total[run]
}

// again counts the pages that a run asked for though an earlier one had, the
// uninterrupted run 0 aside.
func (s *demoSite) again(run int) (pages int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, runs := range s.asked {
		for earlier := 1; earlier < run && runs[run] > 0; earlier++ {
			if runs[earlier] > 0 {
				pages++
				break
			}
		}
	}
	return pages
}

// askedAfter counts the paths that any run after the given one asked for.
func (s *demoSite) askedAfter(run int, paths map[string]bool) (pages int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for path := range paths {
		for later := range s.asked[path] {
			if later > run {
				pages++
				break
			}
		}
	}
	return pages
}
