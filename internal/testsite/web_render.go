package testsite

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"html"
	"strconv"
	"strings"

	"golang.org/x/net/html/charset"
)

// A dress is the encoding of a page and what is said of it.
type dress struct {
	header string // charset of the Content-Type, "" for none
	meta   string // <meta charset>, "" for none
	bytes  string // what it is
	bom    bool
	read   string // what a reader has to take it for; "" is bytes
}

// dresses are right, wrong and missing declarations. A byte order mark has
// precedence over the header, and that over the page. A page that says it is
// UTF-16 where that can be read is none.
//
//nolint:gochecknoglobals // constant table
var dresses = []dress{
	{header: "windows-1252", bytes: "windows-1252"},
	{meta: "windows-1252", bytes: "windows-1252"},
	{header: "utf-8", meta: "windows-1252", bytes: "utf-8"},
	{header: "windows-1252", meta: "utf-8", bytes: "macintosh", read: "windows-1252"},
	{header: "no-such-charset", meta: "windows-1252", bytes: "windows-1252"},
	{meta: "utf-16", bytes: "utf-8"},
	{bytes: "utf-8"},
	{bytes: "windows-1252"},
	{header: "utf-16le", bytes: "utf-16le"},
	{bytes: "utf-16be", bom: true},
	{header: "iso-8859-1", bytes: "utf-16le", bom: true},
	{header: "windows-1252", bytes: "utf-8", bom: true},
}

func (w *Web) dress(h, p int) dress {
	if chance(w.cfg.Seed, forEncoding, w.at(h, p)) >= w.cfg.EncodingRate {
		return dress{header: "utf-8", meta: "utf-8", bytes: "utf-8"}
	}
	return dresses[mix(w.cfg.Seed, forEncoding, ^w.at(h, p))%uint64(len(dresses))]
}

func (d dress) contentType() string {
	if d.header == "" {
		return "text/html"
	}
	return "text/html; charset=" + d.header
}

// encode brings a page into its encoding.
func (d dress) encode(page string) []byte {
	if d.bom {
		page = "\uFEFF" + page
	}
	encoding, _ := charset.Lookup(d.bytes)
	encoded, err := encoding.NewEncoder().String(page)
	if err != nil {
		return []byte(page) // what cannot be encoded was not in the words
	}
	return []byte(encoded)
}

// seen is what becomes of a text on its way through the encoding.
func (d dress) seen(text string) string {
	if d.read == "" {
		return text
	}
	d.bom = false
	encoding, _ := charset.Lookup(d.read)
	decoded, err := encoding.NewDecoder().String(string(d.encode(text)))
	if err != nil {
		return text
	}
	return decoded
}

// A body is a page as it goes over the wire.
type body struct {
	kind string // Content-Type
	data []byte
	cut  int // a length after the items and before the links
}

// page writes page p of host h.
func (w *Web) page(h, p int, bad bool) body {
	d := w.dress(h, p)
	var items, rest bytes.Buffer
	items.WriteString("<!DOCTYPE html>\n<html lang=\"en\">\n<head>")
	if d.meta != "" {
		fmt.Fprintf(&items, "<meta charset=%q>", d.meta)
	}
	fmt.Fprintf(&items, "<title>Page %d of %s</title></head>\n<body>\n", p, w.Host(h))
	if bad {
		items.WriteString("<table><tr><div><b><p <i>lost</b> & found &copy &#0; <a name=\x01></p></tr></table>\n</div><!-- <!-- -->\n")
	}
	for _, item := range w.written(h, p) {
		writeItem(&items, item)
	}
	if bad {
		items.WriteString("<p><ul><li><ul></p></i></table></span>\n")
	}
	writeLinks(&rest, w.hrefs(h, p), w.next(h, p))
	if missing := w.bodyBytes(h, p) - items.Len() - rest.Len(); missing > 0 {
		rest.WriteString("<p>" + w.filler[:min(missing, len(w.filler))] + "</p>\n")
	}
	if !bad {
		rest.WriteString("</body>\n</html>\n")
	}
	whole := d.encode(items.String() + rest.String())
	return body{kind: d.contentType(), data: whole, cut: len(d.encode(items.String()))}
}

// trapPage writes a page of a trap.
func (w *Web) trapPage(h int, path string) body {
	var b bytes.Buffer
	b.WriteString("<!DOCTYPE html>\n<title>" + html.EscapeString(path) + "</title>\n")
	writeLinks(&b, w.trapNext(h, path), "")
	return body{kind: "text/html; charset=utf-8", data: b.Bytes()}
}

func writeLinks(b *bytes.Buffer, hrefs []string, next string) {
	b.WriteString("<ul class=\"links\">\n")
	for k, href := range hrefs {
		b.WriteString("<li>")
		writeLink(b, "", href, "link "+strconv.Itoa(k))
		b.WriteString("</li>\n")
	}
	b.WriteString("</ul>\n<ul class=\"pager\">\n")
	if next != "" {
		b.WriteString("<li class=\"next\">")
		writeLink(b, "", next, "Next")
		b.WriteString("</li>\n")
	}
	b.WriteString("</ul>\n")
}

// robots is the robots.txt of a host, "" for none.
func (w *Web) robots(h int) string {
	var b strings.Builder
	if w.hasRobots(h) {
		b.WriteString("User-agent: *\nDisallow: /private/\n")
		if w.cfg.CrawlDelay > 0 {
			fmt.Fprintf(&b, "Crawl-delay: %d\n", w.cfg.CrawlDelay)
		}
	}
	if w.cfg.Sitemaps {
		fmt.Fprintf(&b, "\nSitemap: http://%s/sitemap.xml\n", w.Host(h))
	}
	return b.String()
}

// sitemapSize is how many pages are in one sitemap.
const sitemapSize = 50

// findSitemap reads "sitemap.xml", the index, or "sitemap-3.xml".
func (w *Web) findSitemap(name string) (placeKind, int) {
	if !w.cfg.Sitemaps {
		return nowhere, 0
	}
	if name == "sitemap.xml" {
		return aSitemap, -1
	}
	digits := strings.TrimSuffix(strings.TrimPrefix(name, "sitemap-"), ".xml")
	n, ok := number(digits, (w.cfg.PagesPerHost+sitemapSize-1)/sitemapSize)
	if !ok || name != "sitemap-"+digits+".xml" {
		return nowhere, 0
	}
	return aSitemap, n
}

// sitemap writes the index (-1) or one sitemap of a host. It lists all pages that
// robots.txt does not forbid.
func (w *Web) sitemap(h, n int) body {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	outer, inner := "urlset", "url"
	var urls []string
	if n < 0 {
		outer, inner = "sitemapindex", "sitemap"
		for k := 0; k*sitemapSize < w.cfg.PagesPerHost; k++ {
			urls = append(urls, fmt.Sprintf("http://%s/sitemap-%d.xml", w.Host(h), k))
		}
	}
	for p := n * sitemapSize; n >= 0 && p < min((n+1)*sitemapSize, w.cfg.PagesPerHost); p++ {
		if !w.isPrivate(h, p) {
			urls = append(urls, w.URL(h, p))
		}
	}
	fmt.Fprintf(&b, "<%s xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n", outer)
	for _, u := range urls {
		fmt.Fprintf(&b, "<%s><loc>%s</loc></%s>\n", inner, html.EscapeString(u), inner)
	}
	fmt.Fprintf(&b, "</%s>\n", outer)
	return body{kind: "application/xml", data: b.Bytes()}
}
