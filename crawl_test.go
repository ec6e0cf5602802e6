package clew

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/clew-crawler/clew/internal/testsite"
)

// siteItem is what siteSpider finds on a page of the test site.
type siteItem struct {
	Page   string `json:"page"`
	Text   string `json:"text"`
	Author string `json:"author"`
}

// siteSpider crawls a test site as a user would.
func siteSpider(base string) *Spider {
	return &Spider{
		Name: "site", StartURLs: []string{base + "/"}, AllowedDomains: []string{"127.0.0.1"},
		Logger: slog.New(slog.DiscardHandler),
		Parse: func(_ context.Context, page *Response, out *Output) error {
			if page.Status != 200 {
				return fmt.Errorf("status %d", page.Status)
			}
			for quote := range page.CSS("div.quote").All() {
				out.Item(siteItem{
					Page: page.CSS("title::text").Get(), Text: quote.CSS("span.text::text").Get(),
					Author: quote.CSS("small.author::text").Get(),
				})
			}
			for _, href := range page.CSS("a::attr(href)").GetAll() {
				out.Follow(href)
			}
			return nil
		},
	}
}

func wantItems(site *testsite.Site, pages int) []string {
	var want []string
	for i := range pages {
		for _, it := range site.Items(i) {
			want = append(want, fmt.Sprint(siteItem{Page: site.Title(i), Text: it.Text, Author: it.Author}))
		}
	}
	slices.Sort(want)
	return want
}

func gotItems(t *testing.T, r *Result) []string {
	t.Helper()
	var got []string
	for it, err := range Items[siteItem](r) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(it))
	}
	slices.Sort(got)
	return got
}

func TestCrawl(t *testing.T) {
	for _, dir := range []bool{false, true} {
		t.Run(fmt.Sprintf("dir=%v", dir), func(t *testing.T) {
			site, base := testsite.Start(t, testsite.Config{Seed: 7, Pages: 120, RedirectRate: 0.2, Login: true})
			var opts []Option
			if dir {
				opts = append(opts, CrawlDir(t.TempDir()+"/crawl"))
			}
			begin := time.Now()
			r, err := Run(context.Background(), siteSpider(base), opts...)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%v: %+v", time.Since(begin), r.Stats)
			if got, want := gotItems(t, r), wantItems(site, 120); !slices.Equal(got, want) {
				t.Errorf("%d items, want %d", len(got), len(want))
			}
			if r.Status != Finished || r.Stats.Pages != 120 {
				t.Errorf("status %s, %d pages", r.Status, r.Stats.Pages)
			}
			checkRun(t, opts)
		})
	}
}
