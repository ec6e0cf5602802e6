package testsite

import (
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func TestQuotes(t *testing.T) {
	site := Quotes(1, 0)
	seen := 0
	for path := "/"; path != ""; {
		page := parse(t, ask(t, site, path).Body.Bytes())
		seen += len(page.items)
		for _, item := range page.items {
			if item.Text == "" || item.Author == "" {
				t.Fatalf("%s: item %+v", path, item)
			}
		}
		path = page.next
	}
	if seen != 500 {
		t.Errorf("%d quotes on the way along li.next, want 500", seen)
	}
	statuses, pages := crawl(t, site)
	if len(pages) < 250 || len(pages) > 800 {
		t.Errorf("%d pages, want a few hundred", len(pages))
	}
	for path, status := range statuses {
		if status != http.StatusOK {
			t.Errorf("%s: status %d", path, status)
		}
	}
}

func TestQuotesPaths(t *testing.T) {
	site := Quotes(1, 25)
	tests := map[string]int{
		"/": 200, "/page/1/": 301, "/page/2/": 200, "/page/3/": 200, "/page/4/": 404, "/page/0/": 404, "/page/x/": 404,
		"/author/Nobody/": 404, "/tag/nothing/": 404, "/nothing": 404,
	}
	for path, want := range tests {
		if got := ask(t, site, path).Code; got != want {
			t.Errorf("%s: status %d, want %d", path, got, want)
		}
	}
	if page := parse(t, ask(t, site, "/page/3/").Body.Bytes()); len(page.items) != 5 || page.next != "" {
		t.Errorf("last page: %d items, next %q", len(page.items), page.next)
	}
}

func TestNews(t *testing.T) {
	site := News(1, 70)
	stories, path := 0, "/"
	for range 3 {
		body := ask(t, site, path).Body.String()
		root, err := html.Parse(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		path = ""
		for n := range root.Descendants() {
			switch {
			case is(n, "a", "morelink"):
				path = attr(n, "href")
			case is(n, "a", "") && is(n.Parent, "span", "titleline"):
				if text(n) == "" || !strings.HasPrefix(attr(n, "href"), "https://") {
					t.Errorf("story %q at %q", text(n), attr(n, "href"))
				}
				stories++
			}
		}
	}
	if stories != 70 || path != "" {
		t.Errorf("%d stories, then %q", stories, path)
	}
	for path, want := range map[string]int{"/?p=4": 404, "/?p=0": 404, "/?p=x": 404, "/item?id=70": 200, "/item?id=71": 404, "/item": 404} {
		if got := ask(t, site, path).Code; got != want {
			t.Errorf("%s: status %d, want %d", path, got, want)
		}
	}
}

func TestSameSeedSameSites(t *testing.T) {
	for name, build := range map[string]func(uint64, int) http.Handler{"quotes": Quotes, "news": News} {
		a, b, other := build(1, 40), build(1, 40), build(2, 40)
		page := ask(t, a, "/").Body.String()
		if page != ask(t, b, "/").Body.String() {
			t.Errorf("%s: two sites of one seed differ", name)
		}
		if page == ask(t, other, "/").Body.String() {
			t.Errorf("%s: sites of two seeds are the same", name)
		}
	}
}
