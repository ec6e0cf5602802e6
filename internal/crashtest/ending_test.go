package crashtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/internal/testsite"
)

// An ending is what two crawls of the same site must agree on.
type ending struct {
	log      []byte   // the item log as it is
	items    []string // its lines, sorted
	failures []string // sorted
	state    map[string]string
	books    map[string]int64

	opening, crawling time.Duration // what an uninterrupted run took, on this machine and today
}

// endingOf checks and reads what a finished crawl left.
func endingOf(tb testing.TB, dir string, r *clew.Result) *ending {
	tb.Helper()
	if r == nil || r.Status != clew.Finished {
		tb.Fatalf("crawl is not finished: %+v", r)
	}
	if err := clew.Check(tb.Context(), dir); err != nil {
		tb.Errorf("check finished crawl: %v", err)
	}
	log, err := os.ReadFile(filepath.Join(dir, "items.jsonl"))
	if err != nil {
		tb.Fatal(err)
	}
	e := &ending{log: log, state: map[string]string{}, books: bookCounters(&r.Stats)}
	for line := range bytes.Lines(log) {
		e.items = append(e.items, string(line))
	}
	slices.Sort(e.items)
	for _, f := range r.Failures {
		path, err := canonicalPath(f.URL)
		if err != nil {
			tb.Fatal(err)
		}
		e.failures = append(e.failures, fmt.Sprintf("%s: %s (%d attempts)", path, f.Reason, f.Attempts))
	}
	slices.Sort(e.failures)
	for k, v := range r.State {
		var b bytes.Buffer
		if err := json.Compact(&b, v); err != nil {
			tb.Fatal(err)
		}
		e.state[k] = b.String()
	}
	return e
}

// bookCounters are the counters that no stop may change. All of them are sums over
// the committed outcomes. Which link to a page comes first decides who is its
// referer and how deep it is, but not how many links there were, how many of them
// were new, or what became of the requests: each is judged once, by itself.
func bookCounters(s *clew.Stats) map[string]int64 {
	books := map[string]int64{
		"pages": s.Pages, "items": s.Items, "items dropped": s.ItemsDropped, "items duplicate": s.ItemsDuplicate,
		"links": s.Links, "links duplicate": s.LinksDuplicate, "links offsite": s.LinksOffsite, "links bad": s.LinksBad,
		"redirects": s.Redirects, "robots disallowed": s.RobotsDisallowed, "failed": s.Failed,
		"item bytes": s.ItemBytes, "seen": s.Seen, "pending": s.Pending, "delayed": s.Delayed,
	}
	for status, n := range s.Statuses {
		books[fmt.Sprint("status ", status)] = n
	}
	for name, n := range s.Custom {
		books["custom "+name] = n
	}
	return books
}

// compare reports where an ending differs from the one of a crawl that nothing stopped.
func (e *ending) compare(tb testing.TB, want *ending) {
	tb.Helper()
	compareLines(tb, "items", e.items, want.items)
	compareLines(tb, "failures", e.failures, want.failures)
	if !maps.Equal(e.state, want.state) {
		tb.Errorf("state %v, want %v", e.state, want.state)
	}
	for name, n := range want.books {
		if e.books[name] != n {
			tb.Errorf("%s: %d, want %d", name, e.books[name], n)
		}
	}
	if len(e.books) != len(want.books) {
		tb.Errorf("counters %v, want %v", e.books, want.books)
	}
}

// compareLines names the first few lines that only one side has.
func compareLines(tb testing.TB, what string, got, want []string) {
	tb.Helper()
	if slices.Equal(got, want) {
		return
	}
	tb.Errorf("%d %s, want %d", len(got), what, len(want))
	count := map[string]int{}
	for _, l := range got {
		count[l]++
	}
	for _, l := range want {
		count[l]--
	}
	shown := 0
	for _, l := range slices.Sorted(maps.Keys(count)) {
		if n := count[l]; n != 0 && shown < 5 {
			shown++
			tb.Errorf("%+d × %s", n, l)
		}
	}
}

// checkOracle holds the pages of an ending against what the site knows of itself.
func (e *ending) checkOracle(tb testing.TB, site *testsite.Site) {
	tb.Helper()
	var got []string
	want := site.PagePaths()
	for _, line := range e.items {
		var item struct {
			Kind string `json:"_kind"`
			Path string `json:"path"`
		}
		if err := json.Unmarshal([]byte(line), &item); err != nil {
			tb.Fatal(err)
		}
		if item.Kind == "page" {
			got = append(got, item.Path)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	compareLines(tb, "pages", got, want)
	if got, want := len(e.failures), len(site.BrokenPaths()); got != want {
		tb.Errorf("%d failures, want %d", got, want)
	}
}

// uninterrupted crawls the whole site in one run and returns how that ends.
func uninterrupted(tb testing.TB, w *web, o order) *ending {
	tb.Helper()
	w.reset()
	o.Base, o.Dir, o.Run = w.base, filepath.Join(tb.TempDir(), "crawl"), 1
	p := launch(tb, o)
	p.expect("opening")
	begin := time.Now()
	p.expect("running")
	opened := time.Now()
	if code := p.wait(); code != exitFinished {
		tb.Fatalf("uninterrupted crawl: exit code %d: %s\n%s", code, p.last.Error, p.stderr.String())
	}
	e := endingOf(tb, o.Dir, p.last.Result)
	e.opening, e.crawling = opened.Sub(begin), time.Since(opened)
	w.reset()
	return e
}
