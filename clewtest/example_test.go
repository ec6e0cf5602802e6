package clewtest_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"testing"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/clewtest"
)

// Quote is an item of the examples.
type Quote struct{ Text, Author string }

// quotes is the spider under test.
func quotes() *clew.Spider {
	return &clew.Spider{
		Name:      "quotes",
		StartURLs: []string{"https://quotes.test/"},
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			for quote := range page.CSS("div.quote").All() {
				out.Item(Quote{
					Text:   quote.CSS("span.text::text").Get(),
					Author: quote.CSS("small.author::text").Get(),
				})
			}
			out.Follow(page.CSS("li.next a::attr(href)").Get())
			return nil
		},
	}
}

// exampleTB stands for the t of a test, which examples do not have.
type exampleTB struct{ testing.TB }

func (exampleTB) Helper()                           {}
func (exampleTB) Context() context.Context          { return context.Background() }
func (exampleTB) Output() io.Writer                 { return io.Discard }
func (exampleTB) Errorf(format string, args ...any) { log.Printf(format, args...) }
func (exampleTB) Fatalf(format string, args ...any) { log.Panicf(format, args...) }

// Test a spider on a saved page.
func ExampleHandle() {
	t := exampleTB{} // in a test, its t *testing.T

	request := &clew.Request{URL: "https://quotes.test/"}
	found, err := clewtest.Handle(t, quotes(), request, clewtest.Page{File: "testdata/quotes.html"})
	if err != nil {
		t.Fatalf("handle: %v", err)
	}
	for _, quote := range clewtest.Items[Quote](t, found) {
		fmt.Println(quote.Text, quote.Author)
	}
	for _, next := range found.Requests {
		fmt.Println("then", next.URL)
	}
	// Output:
	// “A door is a question.” Célia Rook
	// “Every map forgets the café.” Søren Grey
	// then https://quotes.test/page/2
}

// Keep what a page gives in a file, written by CLEWTEST_UPDATE=1 go test.
func ExampleGolden() {
	t := exampleTB{} // in a test, its t *testing.T

	request := &clew.Request{URL: "https://quotes.test/"}
	found, err := clewtest.Handle(t, quotes(), request, clewtest.Page{File: "testdata/quotes.html"})
	if err != nil {
		t.Fatalf("handle: %v", err)
	}
	clewtest.Golden(t, "testdata/quotes.golden.json", found.Items)
	fmt.Println("as before")
	// Output: as before
}

// Test a whole crawl on a fake site, one page of which leads on to another.
func ExampleCrawl() {
	t := exampleTB{} // in a test, its t *testing.T

	site := clewtest.NewSite(t, map[string]clewtest.Page{
		"https://quotes.test/":       {File: "testdata/quotes.html"},
		"https://quotes.test/page/2": {Redirect: "/last"},
		"https://quotes.test/last":   {Body: `<div class="quote"><span class="text">“Enough.”</span></div>`},
	})
	result := clewtest.Crawl(t, quotes(), site)
	fmt.Println(result.Status, result.Stats.Items, "items")
	for _, visit := range site.Visits() {
		fmt.Println(visit.Status, visit.URL)
	}
	// Output:
	// finished 3 items
	// 404 https://quotes.test/robots.txt
	// 200 https://quotes.test/
	// 302 https://quotes.test/page/2
	// 200 https://quotes.test/last
}

// Let a handler answer for a host, and use the site as any transport.
func ExampleSite_Handle() {
	t := exampleTB{} // in a test, its t *testing.T

	site := clewtest.NewSite(t, nil)
	site.Handle("api.test", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "you asked for %s", r.URL.Path)
	}))
	client := &http.Client{Transport: site}
	response, err := client.Get("https://api.test/users")
	if err != nil {
		t.Fatalf("get: %v", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	fmt.Println(string(text), err)
	// Output: you asked for /users <nil>
}
