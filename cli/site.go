package cli

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/links"
)

// A sitePage is the item that the crawl command puts out for each page.
type sitePage struct {
	URL    string `json:"url"` // where the page finally was
	Status int    `json:"status"`
	Title  string `json:"title"`
	Links  int    `json:"links"`
	Bytes  int    `json:"bytes"`
	Depth  int    `json:"depth"`
}

// metaHost is the meta of requests under which the host is kept that they must stay on.
const metaHost = "host"

// siteSpider crawls the sites where start URLs land: the host of a start page, as
// it is after redirects, is handed down to every page that is found from it.
func siteSpider(urls []string) (*clew.Spider, error) {
	given := map[string]bool{} // hosts of the start URLs themselves
	names := make([]string, len(urls))
	for i, raw := range urls {
		canonical, err := links.Canonicalizer{}.Canonical(raw)
		if err != nil {
			try := "a URL such as https://example.com"
			if !strings.Contains(raw, "://") {
				try = "https://" + raw
			}
			return nil, usage(try, "%q is not an http or https URL", withoutPassword(raw))
		}
		host, err := links.Origin(canonical)
		if err != nil {
			return nil, fmt.Errorf("start URL %s: %w", withoutPassword(raw), err)
		}
		given[host], names[i] = true, withoutPassword(canonical)
	}
	return &clew.Spider{
		Name:      siteName(names),
		StartURLs: urls,
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			return readSitePage(page, out, given)
		},
	}, nil
}

func readSitePage(page *clew.Response, out *clew.Output, given map[string]bool) error {
	host, err := links.Origin(page.URL)
	if err != nil {
		return err
	}
	var inside string
	found, err := page.Meta(metaHost, &inside)
	if err != nil {
		return err
	}
	// A redirect may have left the host for one of the others that were asked for.
	if found && host != inside && !given[host] {
		out.Count("offsite", 1)
		return nil
	}
	item := sitePage{URL: withoutPassword(page.URL), Status: page.Status, Bytes: len(page.Body), Depth: page.Depth}
	if isHTML(page) {
		item.Title = strings.Join(strings.Fields(page.CSS("title::text").Get()), " ")
		all := links.Extractor{}.Extract(page.Document())
		item.Links = len(all)
		for _, link := range all {
			if to, err := links.Origin(link.URL); err == nil && to == host {
				out.Follow(link.URL, clew.WithMeta(metaHost, host))
			}
		}
	}
	out.Item(item)
	return nil
}

func isHTML(page *clew.Response) bool {
	kind := page.Header.Get("Content-Type")
	if kind == "" {
		kind = http.DetectContentType(page.Body)
	}
	kind, _, err := mime.ParseMediaType(kind)
	return err == nil && (kind == "text/html" || kind == "application/xhtml+xml")
}

// maxSiteName bounds the start URLs that are told in full in a spider's name.
const maxSiteName = 200

// siteName names the spider after what it crawls, so that a crawl directory is
// not resumed for another site.
func siteName(urls []string) string {
	name := "crawl " + strings.Join(urls, " ")
	if len(name) <= maxSiteName {
		return name
	}
	return fmt.Sprintf("crawl of %d URLs (%016x)", len(urls), xxh3.HashString(name))
}

func withoutPassword(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.User == nil {
		return raw
	}
	u.User = nil
	return u.String()
}
