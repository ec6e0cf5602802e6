package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/clew-crawler/clew"
)

// The first argument of this program when it is to be something else.
const (
	clewRole  = "crawl" // the job of the reliability part: URL and folder
	raceRole  = "race"  // the job of the speed part: URL, folder, "memory", "directory" or a limit, job
	serveRole = "serve" // the site of the speed part: job, pages and corpus
)

// played runs the role that the arguments name; false if they name none.
func played(args []string) (bool, error) {
	switch {
	case len(args) == 3 && args[0] == clewRole:
		return true, crawl(args[1], args[2])
	case len(args) == 5 && args[0] == raceRole && strings.HasPrefix(args[3], limit):
		return true, fetchAll(args[1], args[3], args[4])
	case len(args) == 5 && args[0] == raceRole:
		return true, crawlFast(args[1], args[2], args[3])
	case len(args) == 4 && args[0] == serveRole:
		return true, serveSpeed(args[1], args[2], args[3], os.Stdin, os.Stdout)
	}
	return false, nil
}

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
