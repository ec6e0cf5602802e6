package main

import (
	"context"
	"log/slog"

	"github.com/clew-crawler/clew"
)

// item is what a page of the site holds ten of.
type item struct {
	Text   string `json:"text"`
	Author string `json:"author"`
}

// spider reads the pages of the site as a user would.
func spider(start string, concurrency int) *clew.Spider {
	return &clew.Spider{
		Name: spiderName, StartURLs: []string{start}, Concurrency: concurrency,
		Logger: slog.New(slog.DiscardHandler),
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			for quote := range page.CSS("div.quote").All() {
				out.Item(item{
					Text: quote.CSS("span.text::text").Get(), Author: quote.CSS("small.author::text").Get(),
				})
			}
			for _, href := range page.CSS("a::attr(href)").GetAll() {
				out.Follow(href)
			}
			return nil
		},
	}
}
