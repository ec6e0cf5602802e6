package clew

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/clew-crawler/clew/bench/nullstore"
	"github.com/clew-crawler/clew/bench/site"
	"github.com/clew-crawler/clew/fetch"
	"github.com/clew-crawler/clew/frontier"
)

// benchItem is one of the ten items of a page.
type benchItem struct {
	Text   string `json:"text"`
	Author string `json:"author"`
}

// benchSpider reads pages of the benchmark site as a user would.
func benchSpider(session fetch.Session, concurrency int) *Spider {
	return &Spider{
		Name: "bench", StartURLs: []string{"http://host0.example/catalogue/page/0.html"},
		Concurrency: concurrency, Logger: slog.New(slog.DiscardHandler),
		Sessions: map[string]fetch.Session{"": session},
		Parse: func(_ context.Context, page *Response, out *Output) error {
			for quote := range page.CSS("div.quote").All() {
				out.Item(benchItem{
					Text: quote.CSS("span.text::text").Get(), Author: quote.CSS("small.author::text").Get(),
				})
			}
			for _, href := range page.CSS("a::attr(href)").GetAll() {
				out.Follow(href)
			}
			return nil
		},
	}
}

// TestGarbage holds what a page of ten items and forty links allocates, the encoding of
// its items and requests included: 58 allocations of 38 KB when this was written, 12 of
// them the body, which this session makes anew.
func TestGarbage(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates, too")
	}
	const pages = 3000
	store := func(o *options) {
		o.store = func() (frontier.Store, error) { return new(nullstore.Store), nil }
	}
	session := &site.Session{Site: site.Site{Hosts: 100}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := Run(t.Context(), benchSpider(session, 16), store, MaxPages(pages))
	runtime.ReadMemStats(&after)
	if err != nil || r.Stats.Pages < pages {
		t.Fatalf("%d pages: %v", r.Stats.Pages, err)
	}
	allocations, bytes := (after.Mallocs-before.Mallocs)/pages, (after.TotalAlloc-before.TotalAlloc)/pages
	t.Logf("%d allocations of %d KB a page", allocations, bytes>>10)
	if allocations > 80 || bytes > 48<<10 {
		t.Errorf("%d allocations of %d KB a page, at most 80 of 48 KB are wanted", allocations, bytes>>10)
	}
}

// BenchmarkStore crawls b.N pages without a network, on a crawl directory, on a
// store in memory, and on one that keeps nothing: what the difference is, durability
// costs. Once each page takes 20 ms, once the processor is all that there is.
func BenchmarkStore(b *testing.B) {
	for _, load := range []struct {
		name    string
		latency time.Duration
	}{{"latency=20ms", 20 * time.Millisecond}, {"latency=0", 0}} {
		for _, store := range []struct {
			name string
			opt  func(b *testing.B) Option
		}{
			{"null", func(*testing.B) Option {
				return func(o *options) {
					o.store = func() (frontier.Store, error) { return new(nullstore.Store), nil }
				}
			}},
			{"memory", func(*testing.B) Option { return func(*options) {} }},
			{"directory", func(b *testing.B) Option { return CrawlDir(b.TempDir()) }},
		} {
			b.Run(fmt.Sprintf("%s/%s", load.name, store.name), func(b *testing.B) {
				session := &site.Session{Latency: load.latency, Site: site.Site{Hosts: 100}}
				opt := store.opt(b)
				b.ReportAllocs()
				b.ResetTimer()
				r, err := Run(context.Background(), benchSpider(session, 64), opt, MaxPages(int64(b.N)))
				if err != nil || r.Stats.Pages < int64(b.N) {
					b.Fatalf("%d of %d pages: %v", r.Stats.Pages, b.N, err)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pages/s")
			})
		}
	}
}
