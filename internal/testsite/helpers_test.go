package testsite

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// ask sends one request straight to the handler.
func ask(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w
}

// parsed is what the tests read from a page.
type parsed struct {
	title string
	items []Item
	hrefs []string // of all links, in order
	next  string
}

func parse(t *testing.T, body []byte) parsed {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("parse page: %v", err)
	}
	var page parsed
	for n := range root.Descendants() {
		switch {
		case is(n, "title", ""):
			page.title = text(n)
		case is(n, "div", "quote"):
			page.items = append(page.items, Item{Tags: []string{}})
		case is(n, "span", "text"):
			page.items[len(page.items)-1].Text = text(n)
		case is(n, "small", "author"):
			page.items[len(page.items)-1].Author = text(n)
		case is(n, "a", ""):
			href := attr(n, "href")
			page.hrefs = append(page.hrefs, href)
			if is(n, "a", "tag") && len(page.items) > 0 && is(n.Parent.Parent, "div", "quote") {
				item := &page.items[len(page.items)-1]
				item.Tags = append(item.Tags, text(n))
			}
			if is(n.Parent, "li", "next") {
				page.next = href
			}
		}
	}
	return page
}

func is(n *html.Node, name, class string) bool {
	return n.Type == html.ElementNode && n.Data == name && (class == "" || attr(n, "class") == class)
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// resolve gives the path and query that a link of a page leads to, "" if it
// leads away from the site.
func resolve(base, href string) string {
	from, err := url.Parse("http://site.invalid" + base)
	if err != nil {
		return ""
	}
	to, err := from.Parse(href)
	if err != nil || to.Host != from.Host || to.Scheme != from.Scheme {
		return ""
	}
	return canonical(to)
}

// crawl follows every link from "/", asking again for what failed once, and
// returns the final status of all it met on the way.
func crawl(t *testing.T, h http.Handler) (statuses map[string]int, pages map[string]parsed) {
	t.Helper()
	statuses, pages = make(map[string]int), make(map[string]parsed)
	for queue := []string{"/"}; len(queue) > 0; {
		path := queue[0]
		queue = queue[1:]
		if path == "" || statuses[path] != 0 {
			continue
		}
		w := ask(t, h, path)
		if w.Code == http.StatusServiceUnavailable {
			w = ask(t, h, path)
		}
		statuses[path] = w.Code
		switch {
		case w.Header().Get("Location") != "":
			queue = append(queue, resolve(path, w.Header().Get("Location")))
		case w.Code == http.StatusOK:
			page := parse(t, w.Body.Bytes())
			pages[path] = page
			for _, href := range page.hrefs {
				queue = append(queue, resolve(path, href))
			}
		}
	}
	return statuses, pages
}
