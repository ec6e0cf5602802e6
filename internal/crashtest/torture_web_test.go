package crashtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/internal/testsite"
	"github.com/clew-crawler/clew/links"
)

// drawWeb makes a design one of many hosts instead of one site. The child reaches
// all of them through the parent, as through a proxy.
func (d *design) drawWeb(rng *rand.Rand, seed uint64) {
	cfg := testsite.WebConfig{
		Seed: seed, Hosts: 10 + rng.IntN(150), PagesPerHost: 2 + rng.IntN(5), LinksPerPage: 2 + rng.IntN(5),
		ItemsPerPage: 1 + rng.IntN(3), CrossRate: 0.2 + 0.6*rng.Float64(), Latency: oneOf(rng, 0, time.Millisecond),
		BodyBytes: oneOf(rng, 0, 4<<10), EncodingRate: oneOf(rng, 0, 0.3), RedirectRate: oneOf(rng, 0, 0.2),
		LoginRate: oneOf(rng, 0, 0, 0.2), RobotsRate: oneOf(rng, 0, 0.3),
	}
	*d = design{
		Web: &cfg, Hosts: 1, Handlers: 1, Sessions: 1, Starts: oneOf(rng, 1, 5, cfg.Hosts), Func: oneIn(rng, 2),
		Retries: 1 + rng.IntN(3), Robots: cfg.RobotsRate > 0, Drops: oneIn(rng, 2),
		Site: testsite.Config{Pages: cfg.Hosts * cfg.PagesPerHost},
	}
}

// roam makes a spider crawl a web.
func (c *crawler) roam(sp *clew.Spider) {
	w := testsite.NewWeb(*c.Design.Web)
	sp.HTTP.Proxies = c.Design.Bases
	sp.AllowedDomains = nil
	for h := range c.Design.Web.Hosts {
		sp.AllowedDomains = append(sp.AllowedDomains, w.Host(h))
	}
	fronts := w.Fronts()[:c.Design.Starts]
	if c.Design.Func {
		sp.StartRequests = c.yield(len(fronts), func(i int) *clew.Request { return &clew.Request{URL: fronts[i]} })
	} else {
		sp.StartURLs = fronts
	}
	sp.Parse = c.roamPage
}

// roamPage reads a page of any host and follows all that it finds.
func (c *crawler) roamPage(_ context.Context, page *clew.Response, out *clew.Output) error {
	c.stop.inHandler()
	if page.Status != http.StatusOK {
		return fmt.Errorf("status %d", page.Status)
	}
	path, err := links.Canonicalizer{}.Canonical(page.URL)
	if err != nil {
		return err
	}
	out.ItemKind("page", readItem{Path: path, Title: page.CSS("title::text").Get()})
	c.keepState(out, path)
	for quote := range page.CSS("div.quote").All() {
		out.ItemKind("quote", readQuote(quote, path))
		out.Count("quotes", 1)
	}
	for _, href := range page.CSS("a::attr(href)").GetAll() {
		out.Follow(href)
	}
	return nil
}

// checkPages holds the pages that a crawl read against what the site, or the web,
// knows of itself.
func (r *round) checkPages(read []string) {
	d := &r.plan.Design
	var want []string
	switch {
	case d.Web != nil:
		w := testsite.NewWeb(*d.Web)
		want = w.Truth(testsite.Limits{Start: w.Fronts()[:d.Starts], Tries: d.Retries + 1, IgnoreRobots: !d.Robots}).Read
		for i, u := range want {
			canonical, err := links.Canonicalizer{}.Canonical(u)
			if err != nil {
				r.tb.Fatal(err)
			}
			want[i] = canonical
		}
	case d.Robots || d.Failing > 0:
		return // some pages hide others
	default:
		want = r.web.site.PagePaths()
		read = slices.DeleteFunc(read, func(path string) bool {
			_, isPage := pageNumber(path)
			return !isPage
		})
	}
	slices.Sort(want)
	slices.Sort(read)
	compareLines(r.tb, "pages", read, want)
}

// isEndless tells requests that are rightly sent again and again.
func isEndless(path string) bool {
	return strings.HasPrefix(path, "/again/") || strings.HasPrefix(path, "/go/loop/")
}
