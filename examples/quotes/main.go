// Command quotes crawls a site of quotations and keeps every quote with its
// author. Stop it in any way and run the same command again: it goes on where it
// was.
//
//	go run ./examples/quotes -crawl-dir ./crawl_data
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/clew-crawler/clew"
)

// Quote is one item of the crawl.
type Quote struct {
	Text   string `json:"text"`
	Author string `json:"author"`
}

func main() {
	err := run(context.Background(), os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "quotes:", err)
		os.Exit(1)
	}
}

// newSpider reads listings of quotes and follows them to their last page.
func newSpider(site string) *clew.Spider {
	return &clew.Spider{
		Name:      "quotes",
		StartURLs: []string{site},
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

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("quotes", flag.ContinueOnError)
	site := flags.String("url", "https://quotes.toscrape.com", "the site's first page")
	dir := flags.String("crawl-dir", "./crawl_data", "where the crawl is kept")
	if err := flags.Parse(args); err != nil {
		return err
	}
	result, err := clew.Run(ctx, newSpider(*site), clew.CrawlDir(*dir), clew.HandleSignals())
	if err != nil {
		return err
	}
	if result.Status == clew.Paused {
		fmt.Fprintln(stdout, "Crawl was paused. Run again to resume.")
		return nil
	}
	fmt.Fprintf(stdout, "Crawl completed! Scraped %d items.\n", result.Stats.Items)
	return nil
}
