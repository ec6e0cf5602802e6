package clewtest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/clewtest"
	"github.com/clew-crawler/clew/fetch"
)

// answer asks a site once.
func answer(t *testing.T, site *clewtest.Site, url string) (int, string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := site.RoundTrip(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	return response.StatusCode, string(data), err
}

func TestSiteKnowsItsPages(t *testing.T) {
	site := clewtest.NewSite(t, map[string]clewtest.Page{
		"https://a.test":           {Body: "front"},
		"https://a.test/x?q=1":     {Body: "query", Status: 418},
		"http://a.test:8080/":      {Body: "port"},
		"https://a.test/caf%C3%A9": {Body: "escaped"},
	})
	site.Handle("B.test", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "handler "+r.URL.Path)
	}))
	for url, want := range map[string]struct {
		status int
		body   string
	}{
		"https://a.test/":          {200, "front"},
		"http://a.test:80/":        {200, "front"},
		"http://A.TEST/x?q=1":      {418, "query"},
		"http://a.test/x":          {404, "404 page not found\n"},
		"https://a.test/caf%C3%A9": {200, "escaped"},
		"http://a.test:8080/":      {200, "port"},
		"https://b.test/any":       {200, "handler /any"},
		"https://nobody.test/":     {404, "404 page not found\n"},
	} {
		if status, body, err := answer(t, site, url); status != want.status || body != want.body || err != nil {
			t.Errorf("%s: %d %q, %v; want %+v", url, status, body, err, want)
		}
	}
	if n := len(site.Visits()); n != 8 {
		t.Errorf("%d visits", n)
	}
	if v := site.Visits("https://b.test/any"); len(v) != 1 || v[0].Status != 200 || v[0].Method != http.MethodGet {
		t.Errorf("visits %+v", v)
	}
}

func TestSiteFails(t *testing.T) {
	site := clewtest.NewSite(t, map[string]clewtest.Page{
		"https://a.test/broken": {Body: "well", Fail: 2},
		"https://a.test/busy":   {Body: "well", Fail: 1, FailStatus: 503},
	})
	for n := range 3 {
		_, body, err := answer(t, site, "https://a.test/broken")
		if broken := errors.Is(err, io.EOF); broken != (n < 2) || !broken && body != "well" {
			t.Errorf("try %d: %q, %v", n+1, body, err)
		}
		status, _, err := answer(t, site, "https://a.test/busy")
		if err != nil || (status == 503) != (n < 1) {
			t.Errorf("try %d: %d, %v", n+1, status, err)
		}
	}
	if v := site.Visits("https://a.test/broken"); len(v) != 3 || v[0].Status != 0 || v[2].Status != 200 {
		t.Errorf("visits %+v", v)
	}
}

// In a bubble a crawl's delays, retries and slow pages cost no time, and the log
// of the site says when they were.
func TestCrawlInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		site := clewtest.NewSite(t, map[string]clewtest.Page{
			"https://a.test/":     {Body: "<a href=/slow>x</a><a href=/broken>x</a>"},
			"https://a.test/slow": {Latency: 20 * time.Second},
			"https://a.test/broken": {
				Fail: 2, Header: http.Header{"Set-Cookie": {"k=v"}}, Body: "<a href=/last>x</a>",
			},
			"https://a.test/last": {},
		})
		spider := &clew.Spider{
			Name: "test", StartURLs: []string{"https://a.test/"}, Delay: time.Minute, Concurrency: 1,
			Sessions: map[string]fetch.Session{"other": nil},
			Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
				out.Item(page.URL)
				for _, href := range page.CSS("a::attr(href)").GetAll() {
					out.Follow(href)
				}
				return nil
			},
		}
		spider.HTTP.Proxies = []string{"http://proxy.test:3128"}
		result := clewtest.Crawl(t, spider, site)
		if result.Status != clew.Finished || result.Stats.Items != 4 {
			t.Errorf("%s with %d items", result.Status, result.Stats.Items)
		}
		visits := site.Visits()
		if len(visits) != 7 {
			t.Fatalf("%d visits: %+v", len(visits), visits)
		}
		for i := 2; i < len(visits); i++ {
			if gap := visits[i].Time.Sub(visits[i-1].Time); gap < time.Minute {
				t.Errorf("%s came %v after the visit before", visits[i].URL, gap)
			}
		}
		last := visits[len(visits)-1]
		if last.URL != "https://a.test/last" || last.Header.Get("Cookie") != "k=v" {
			t.Errorf("last visit %+v", last)
		}
		if took := time.Since(began); took < 5*time.Minute || took > 10*time.Minute {
			t.Errorf("the crawl took %v", took)
		}
		if spider.HTTP.Transport != nil || spider.Logger != nil || spider.Sessions["other"] != nil {
			t.Error("the spider was changed")
		}
	})
}

// A session that the test makes itself goes to the site as well.
func TestSiteAsTransport(t *testing.T) {
	site := clewtest.NewSite(t, map[string]clewtest.Page{"https://a.test/": {Body: "hello"}})
	session, err := fetch.NewHTTP(fetch.HTTPOptions{Transport: site})
	if err != nil {
		t.Fatal(err)
	}
	response, err := session.Fetch(t.Context(), &fetch.Request{Method: http.MethodPost, URL: "https://a.test/", Body: []byte("x")})
	if err != nil || string(response.Body) != "hello" {
		t.Errorf("got %+v, %v", response, err)
	}
	if err := session.Close(); err != nil {
		t.Error(err)
	}
	if v := site.Visits(); len(v) != 1 || v[0].Method != http.MethodPost {
		t.Errorf("visits %+v", v)
	}
}
