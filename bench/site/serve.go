package site

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/clew-crawler/clew/fetch"
)

// Handler serves the site, each answer after a latency.
func (s Site) Handler(latency time.Duration) http.Handler {
	pool := sync.Pool{New: func() any { return new([]byte) }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, err := Page(r.URL.Path)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		if !wait(r.Context(), latency) {
			return
		}
		buf := pool.Get().(*[]byte)
		*buf = s.Append((*buf)[:0], page)
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Length", strconv.Itoa(len(*buf)))
		_, _ = w.Write(*buf) // a client that left needs no answer
		pool.Put(buf)
	})
}

// A Session answers for the site without a network. It implements
// [fetch.Session], and is safe for concurrent use.
type Session struct {
	Site    Site
	Latency time.Duration
	// Fetched, if set, is called as each fetch of a page begins.
	Fetched func()
}

// Fetch implements [fetch.Session].
func (s *Session) Fetch(ctx context.Context, req *fetch.Request) (*fetch.Response, error) {
	resp := &fetch.Response{
		URL: req.URL, Status: http.StatusOK, Proto: "HTTP/1.1", Elapsed: s.Latency,
		Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
	}
	page, err := Page(req.URL)
	if err != nil { // robots.txt
		resp.Status = http.StatusNotFound
		return resp, nil //nolint:nilerr // what is no page is not there
	}
	if s.Fetched != nil {
		s.Fetched()
	}
	if !wait(ctx, s.Latency) {
		return nil, &fetch.Error{Kind: fetch.KindCanceled, URL: req.URL, Err: ctx.Err()}
	}
	resp.Body = s.Site.Append(make([]byte, 0, 12<<10), page)
	resp.WireBytes = int64(len(resp.Body))
	return resp, nil
}

// Close implements [fetch.Session].
func (s *Session) Close() error { return nil }

// wait reports false when the context ended first.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
