package site_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clew-crawler/clew/bench/site"
	"github.com/clew-crawler/clew/fetch"
)

func TestPage(t *testing.T) {
	href := regexp.MustCompile(`href="([^"]*)"`)
	for _, s := range []site.Site{{}, {Hosts: 100}, {Seen: 1000, Hosts: 3}, {Seen: 1000, Hot: 10}} {
		for _, page := range []uint64{0, 7, 999} {
			body := string(s.Append(nil, page))
			if len(body) < 9<<10 || len(body) > 12<<10 {
				t.Errorf("%+v: page %d has %d bytes", s, page, len(body))
			}
			if n := strings.Count(body, `<div class="quote">`); n != site.Items {
				t.Errorf("%+v: page %d has %d items", s, page, n)
			}
			var got []uint64
			for _, m := range href.FindAllStringSubmatch(body, -1) {
				target, err := site.Page(m[1])
				if err != nil || m[1] != s.URL(target) {
					t.Fatalf("link %q is no URL of page %d: %v", m[1], target, err)
				}
				got = append(got, target)
			}
			if want := s.Targets(page); len(got) != site.Links || !slices.Equal(got, want) {
				t.Errorf("%+v: page %d links to %v, want %v", s, page, got, want)
			}
			for n, target := range got {
				if fresh := s.Seen + site.Fresh*page; (target > fresh) != (n < site.Fresh) {
					t.Errorf("%+v: link %d of page %d leads to %d", s, n, page, target)
				}
			}
		}
	}
}

// TestSession compares what the session and the server answer.
func TestSession(t *testing.T) {
	s := site.Site{Seen: 10}
	session := &site.Session{Site: s}
	for path, status := range map[string]int{"/catalogue/page/3.html": 200, "/robots.txt": 404} {
		resp, err := session.Fetch(t.Context(), &fetch.Request{URL: "http://a.example" + path})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		s.Handler(0).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if resp.Status != status || w.Code != status {
			t.Errorf("%s: status %d and %d, want %d", path, resp.Status, w.Code, status)
		}
		if status == 200 && string(resp.Body) != w.Body.String() {
			t.Errorf("%s: the bodies differ", path)
		}
	}
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		session := &site.Session{Latency: time.Second}
		req := &fetch.Request{URL: "http://a.example/catalogue/page/3.html"}
		begin := time.Now()
		if _, err := session.Fetch(t.Context(), req); err != nil || time.Since(begin) != time.Second {
			t.Errorf("took %v: %v", time.Since(begin), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := session.Fetch(ctx, req); err == nil {
			t.Error("a cancelled fetch has no error")
		}
	})
}
