package testsite_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/internal/testsite"
)

// The longer form of the comparison looks at more webs.
var (
	firstSeed = flag.Uint64("seed", 11, "seed of the first web to crawl")
	webs      = flag.Int("webs", 2, "how many webs to crawl")
)

// roamer follows every link of a web, a few levels into its traps.
func roamer(web *testsite.Web, levels int, failed func(url string)) *clew.Spider {
	return &clew.Spider{
		Name: "roamer", StartURLs: []string{web.Front(0)}, Logger: slog.New(slog.DiscardHandler),
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			for quote := range page.CSS("div.quote").All() {
				out.Item(testsite.Item{
					Text:   quote.CSS("span.text::text").Get(),
					Author: quote.CSS("small.author::text").Get(),
					Tags:   append([]string{}, quote.CSS("a.tag::text").GetAll()...),
				})
			}
			for _, href := range page.CSS("a::attr(href)").GetAll() {
				if to, err := page.Resolve(href); err == nil && testsite.TrapLevel(to) <= levels {
					out.Follow(href)
				}
			}
			return nil
		},
		IsBlocked: func(_ context.Context, page *clew.Response) bool {
			return page.Status == 403 || len(page.CSS("div.captcha").GetAll()) > 0
		},
		OnError: func(_ context.Context, req *clew.Request, _ error) {
			failed(req.URL)
		},
	}
}

// TestCrawlComesToTheTruth crawls a web with everything in it and compares what
// comes out with the oracle, and the log with politeness.
func TestCrawlComesToTheTruth(t *testing.T) {
	for n := range *webs {
		seed := *firstSeed + uint64(n)
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { crawlToTruth(t, hardWeb(seed)) })
		})
	}
}

// hardWeb has a bit of everything.
func hardWeb(seed uint64) *testsite.Web {
	cfg := testsite.WebConfig{
		Seed: seed, Hosts: 20, PagesPerHost: 15, CrossRate: 0.3, BodyBytes: 2000, Latency: 300 * time.Millisecond,
		SlowHosts: 1, SlowLatency: 5 * time.Second, EncodingRate: 0.3, RedirectRate: 0.2, TrapRate: 0.3,
		LoginRate: 0.2, RobotsRate: 0.4, CrawlDelay: 2, Sitemaps: true,
	}
	for kind := testsite.Refused; kind <= testsite.HeaderFlood; kind++ {
		times := 0
		if kind%2 == 0 {
			times = 2
		}
		cfg.Faults = append(cfg.Faults, testsite.Fault{Kind: kind, Rate: 0.02, Times: times})
	}
	return testsite.NewWeb(cfg)
}

func crawlToTruth(t *testing.T, web *testsite.Web) {
	t.Helper()
	var mu sync.Mutex
	var failed []string
	spider := roamer(web, 2, func(url string) {
		mu.Lock()
		defer mu.Unlock()
		failed = append(failed, url)
	})
	spider.Delay, spider.ConcurrencyPerHost = time.Second, 2
	spider.HTTP.Transport, spider.HTTP.MaxBody = web.InProcess(), 1<<20
	result, err := clew.Run(t.Context(), spider)
	if err != nil || result.Status != clew.Finished {
		t.Fatalf("run: %+v, %v", result, err)
	}
	truth := web.Truth(testsite.Limits{TrapLevels: 2})
	sameItems(t, result, truth.AllItems())
	sameFailures(t, failed, truth)
	polite(t, web.Log(), truth)
}

func sameItems(t *testing.T, result *clew.Result, want []testsite.Item) {
	t.Helper()
	var got []testsite.Item
	for item, err := range clew.Items[testsite.Item](result) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, item)
	}
	slices.SortFunc(got, func(a, b testsite.Item) int { return cmp.Compare(a.Text, b.Text) })
	if len(want) < 200 || !reflect.DeepEqual(got, want) {
		t.Errorf("%d items, want %d", len(got), len(want))
	}
}

func sameFailures(t *testing.T, failed []string, truth *testsite.Truth) {
	t.Helper()
	slices.Sort(failed)
	got := slices.DeleteFunc(slices.Compact(failed), func(u string) bool { return strings.Contains(u, "/go/loop/") })
	if !slices.Equal(got, truth.Failed) {
		t.Errorf("failed %q\nwant %q", got, truth.Failed)
	}
	if len(truth.Loops) == 0 || len(got) == len(slices.Compact(failed)) {
		t.Error("no redirect went round in circles")
	}
}

// polite looks for requests at a host that came too soon or too many at a time.
func polite(t *testing.T, log testsite.Log, truth *testsite.Truth) {
	t.Helper()
	for url := range log.Counts() {
		if strings.Contains(url, "/private/") && slices.Contains(truth.Disallowed, url) {
			t.Errorf("%s was asked for", url)
		}
	}
	// The first page of a host follows its robots.txt at once, and what that asks
	// for is not known while the host cannot be connected to.
	log = slices.DeleteFunc(log, func(v testsite.Visit) bool { return v.Path == "/robots.txt" || v.Path == "" })
	for _, host := range log.Hosts() {
		delay := time.Second
		if slices.ContainsFunc(truth.Disallowed, func(u string) bool { return strings.HasPrefix(u, "http://"+host+"/") }) {
			delay = 2 * time.Second // its robots.txt asks for it
		}
		if gap, ok := log.Gap(host); !ok || gap < delay {
			t.Errorf("%s was asked twice within %v, want %v", host, gap, delay)
		}
		if n := log.Parallel(host); n > 2 {
			t.Errorf("%s had %d requests at a time", host, n)
		}
	}
	if n := log.Parallel(""); n < 4 || len(truth.Disallowed) == 0 {
		t.Errorf("at most %d requests at a time in all, %d URLs disallowed", n, len(truth.Disallowed))
	}
}
