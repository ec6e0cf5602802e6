package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/clew-crawler/clew"
)

// clewRole is the first argument of this program when it is to crawl.
const clewRole = "crawl"

// quote is what the job is about.
type quote struct {
	Text   string   `json:"text"`
	Author string   `json:"author"`
	Tags   []string `json:"tags"`
}

// crawl is the job for Clew: every page of one site, every quote of every page.
func crawl(site, folder string) error {
	spider := &clew.Spider{
		Name: "quotes", StartURLs: []string{site}, AllowedDomains: []string{"127.0.0.1"},
		Concurrency: 8, IgnoreRobots: true,
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			for q := range page.CSS("div.quote").All() {
				out.Item(quote{
					Text:   q.CSS("span.text::text").Get(),
					Author: q.CSS("small.author::text").Get(),
					Tags:   q.CSS("a.tag::text").GetAll(),
				})
			}
			for _, href := range page.CSS("ul a::attr(href)").GetAll() {
				out.Follow(href)
			}
			return nil
		},
	}
	result, err := clew.Run(context.Background(), spider, clew.CrawlDir(filepath.Join(folder, "crawl")), clew.HandleSignals())
	if err != nil {
		return err
	}
	fmt.Println("said:", result.Status)
	return nil
}
