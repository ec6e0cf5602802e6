package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/internal/testsite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPauseAndResume runs the program twice, with a pause at the fourth of ten
// listings, and looks at everything that it leaves.
func TestPauseAndResume(t *testing.T) {
	ctx, pause := context.WithCancel(t.Context())
	news := testsite.News(1, 300)
	var served atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" && served.Add(1) == 4 {
			pause()
		}
		news.ServeHTTP(w, r)
	}))
	defer server.Close()
	dir := t.TempDir()
	crawl := filepath.Join(dir, "crawls", "news")
	output := filepath.Join(dir, "out", "news_articles.json")
	logFile := filepath.Join(dir, "logs", "news_crawler.log")
	command := func(ctx context.Context) string {
		t.Helper()
		var stdout bytes.Buffer
		err := run(ctx, []string{
			"-url", server.URL, "-crawl-dir", crawl,
			"-log-file", logFile, "-output", output, "-delay", "50ms",
		}, &stdout)
		if err != nil {
			t.Fatal(err)
		}
		if err := clew.Check(t.Context(), crawl); err != nil {
			t.Errorf("check: %v", err)
		}
		return stdout.String()
	}

	want := "Starting a fresh news crawl.\nThis run scraped 120 articles.\nCrawl paused. Run again to resume.\n"
	if got := command(ctx); got != want {
		t.Errorf("first run says\n%swant\n%s", got, want)
	}
	if _, err := os.Stat(output); err == nil {
		t.Error("articles were written by a run that paused")
	}
	want = "Resuming the news crawl: run 2, 4 pages and 120 articles so far.\n" +
		"This run scraped 180 articles.\nCompleted! Scraped 300 articles.\n"
	if got := command(t.Context()); got != want {
		t.Errorf("second run says\n%swant\n%s", got, want)
	}
	if n := served.Load(); n != 10 {
		t.Errorf("%d listings fetched, want each of 10 once", n)
	}
	checkArticles(t, output)
	data, err := os.ReadFile(logFile)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(data), "crawl begins"); n != 2 {
		t.Errorf("the log tells of %d runs, want 2:\n%s", n, data)
	}
}

func checkArticles(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var articles []Article
	if err := json.Unmarshal(data, &articles); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, a := range articles {
		if a.Title == "" || !strings.HasPrefix(a.URL, "https://") || seen[a.URL] {
			t.Errorf("bad article, or one twice: %+v", a)
		}
		seen[a.URL] = true
	}
	if len(articles) != 300 {
		t.Errorf("%d articles, want 300", len(articles))
	}
	if !bytes.Contains(data, []byte("\n    \"title\"")) {
		t.Error("articles are not indented")
	}
}
