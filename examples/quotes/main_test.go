package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/internal/testsite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counted counts the pages that a site serves and calls at with each number.
type counted struct {
	site http.Handler
	at   func(n int)

	mu    sync.Mutex
	pages map[string]int
	n     int
}

func (c *counted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/robots.txt" {
		c.mu.Lock()
		c.pages[r.URL.String()]++
		c.n++
		c.at(c.n)
		c.mu.Unlock()
	}
	c.site.ServeHTTP(w, r)
}

// TestPauseAndResume pauses the program early, runs the same command
// again, and compares what it leaves with what a run without a pause leaves.
func TestPauseAndResume(t *testing.T) {
	const quotes, pages = 500, 50
	ctx, pause := context.WithCancel(t.Context())
	site := &counted{site: testsite.Quotes(1, quotes), pages: map[string]int{}, at: func(n int) {
		if n == 5 {
			pause()
		}
	}}
	server := httptest.NewServer(site)
	defer server.Close()
	command := func(ctx context.Context, dir string) string {
		t.Helper()
		var stdout bytes.Buffer
		if err := run(ctx, []string{"-url", server.URL, "-crawl-dir", dir}, &stdout); err != nil {
			t.Fatal(err)
		}
		if err := clew.Check(t.Context(), dir); err != nil {
			t.Errorf("check: %v", err)
		}
		return stdout.String()
	}
	dir := filepath.Join(t.TempDir(), "paused")

	if got, want := command(ctx, dir), "Crawl was paused. Run again to resume.\n"; got != want {
		t.Fatalf("first run says %q, want %q", got, want)
	}
	if got, want := command(t.Context(), dir), "Crawl completed! Scraped 500 items.\n"; got != want {
		t.Fatalf("second run says %q, want %q", got, want)
	}
	if len(site.pages) != pages {
		t.Errorf("%d pages fetched, want %d", len(site.pages), pages)
	}
	for page, n := range site.pages {
		if n != 1 {
			t.Errorf("%s fetched %d times", page, n)
		}
	}
	whole := filepath.Join(t.TempDir(), "whole")
	command(t.Context(), whole)
	if got, want := items(t, dir), items(t, whole); got != want {
		t.Errorf("items differ from those of a crawl without a pause:\n%s\nwant\n%s", got, want)
	}
}

func items(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "items.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestWrongUsage(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"-crawl-dir"}, "flag needs an argument"},
		{[]string{"-url", "ftp://example.com", "-crawl-dir", t.TempDir()}, "StartURLs[0]"},
	} {
		err := run(t.Context(), tt.args, t.Output())
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: error %v, want %q in it", tt.args, err, tt.want)
		}
	}
}
