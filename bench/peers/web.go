package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/clew-crawler/clew/internal/testsite"
)

// A web serves the site. It rings after a number of pages, and it can hold its
// answers back, so that there is something in flight when a stop comes.
type web struct {
	site   *testsite.Site
	url    string // of the front page
	server *http.Server
	ended  chan error

	mu   sync.Mutex
	sent int           // answers
	left int           // answers until the bell
	bell chan struct{} // nil if nobody waits
	gate *gate         // answers wait for it; nil if none do
}

// A gate keeps answers back.
type gate struct {
	open chan struct{} // closed when they may go
	held chan struct{} // closed when the first of them waits
	once sync.Once
}

func serve(ctx context.Context, cfg *config) (*web, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &web{
		site: testsite.New(testsite.Config{
			Seed: cfg.seed, Pages: cfg.pages, Latency: cfg.latency, Jitter: cfg.latency,
		}),
		url:   "http://" + listener.Addr().String() + "/",
		ended: make(chan error, 1),
	}
	w.server = &http.Server{Handler: w, ReadHeaderTimeout: time.Minute}
	go func() { w.ended <- w.server.Serve(listener) }()
	return w, nil
}

func (w *web) close() error {
	err := w.server.Close()
	if ended := <-w.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// ServeHTTP implements [http.Handler].
func (w *web) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	gate := w.gate
	w.mu.Unlock()
	if gate != nil {
		gate.once.Do(func() { close(gate.held) })
		select {
		case <-gate.open:
		case <-r.Context().Done():
			return
		}
	}
	w.site.ServeHTTP(rw, r)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent++
	if w.bell == nil {
		return
	}
	if w.left--; w.left <= 0 {
		close(w.bell)
		w.bell = nil
	}
}

// answers returns how many requests were answered so far.
func (w *web) answers() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent
}

// after returns a channel that is closed when n more requests were answered.
func (w *web) after(n int) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	bell := make(chan struct{})
	w.left, w.bell = n, bell
	return bell
}

// hold keeps all answers back that were not yet begun, until they are let go; held
// is closed when there is one.
func (w *web) hold() (held <-chan struct{}, letGo func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	g := &gate{open: make(chan struct{}), held: make(chan struct{})}
	w.gate = g
	return g.held, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.gate = nil
		close(g.open)
	}
}
