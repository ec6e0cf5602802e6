package clew_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/internal/testsite"
)

// Quote is an item of the examples.
type Quote struct{ Text, Author string }

// The smallest crawl. Stop it in any way and run it again: it goes on where it was.
func Example() {
	server := httptest.NewServer(testsite.Quotes(1, 100))
	defer server.Close()
	site := server.URL
	dir, done := exampleDir()
	defer done()

	spider := &clew.Spider{
		Name:      "quotes",
		StartURLs: []string{site},
		Parse: func(ctx context.Context, page *clew.Response, out *clew.Output) error {
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
	result, err := clew.Run(context.Background(), spider, clew.CrawlDir(dir), clew.HandleSignals())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %d quotes from %d pages\n", result.Status, result.Stats.Items, result.Stats.Pages)
	// Output: finished: 100 quotes from 10 pages
}
