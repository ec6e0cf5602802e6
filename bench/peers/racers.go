package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/clew-crawler/clew"
)

// A racer is a peer with a spider for the speed job.
type racer struct {
	name    string
	about   string // how it is set up, in a few words
	install func(ctx context.Context, folder string) (*installed, error)
	args    []string // further arguments, between URL and folder and the job's name
	items   string   // its output, below the folder of a run; "" if it has none to write
	share   int      // it crawls one page in so many, since it is slow
}

// reference is what the others are compared with. No crawler can pass the first two limits;
// the third tells how the pace of whoever asks changes what asking costs.
const (
	reference   = "clew"
	limit       = "limit"
	limitSelect = "limit-select"
	limitWork   = "limit-work"
)

// racers are all there are. All have 64 requests at a time, no delay, and leave
// robots.txt unread.
func racers() []racer {
	const items = "items.jsonl"
	scrapy := racer{
		name: "scrapy", about: "asyncio reactor, no cookies, no referers, JSON Lines feed",
		install: python("scrapy", "scrapy", "speed.py"), items: items, share: 4,
	}
	job := scrapy
	job.name, job.about, job.args = "scrapy-job", "the same with a JOBDIR", []string{"job"}
	return []racer{
		{
			name: "scrapling", about: "spider with FetcherSession, uvloop, no browser headers, items exported at the end",
			install: python("scrapling", "scrapling", "speed.py"), items: items, share: 4,
		},
		scrapy, job,
		{
			name: "crawlee", about: "CheerioCrawler with enqueueLinks, nothing stored but the items, no session pool, no browser headers",
			install: crawlee, items: items, share: 4,
		},
		{
			name: "colly", about: "asynchronous, goquery selectors, an idle connection for each request",
			install: colly("speed"), items: items, share: 1,
		},
		{
			name: "spider", about: "the Rust crate with its default features, a subscription, the scraper crate for items",
			install: cargo, items: items, share: 1,
		},
		{
			name: "clew-memory", about: "without a crawl directory, items written at the end",
			install: clewAs(raceRole), args: []string{"memory"}, items: items, share: 1,
		},
		{
			name: reference, about: "with a crawl directory, all else by default",
			install: clewAs(raceRole), args: []string{"directory"}, items: filepath.Join("crawl", items), share: 1,
		},
		{
			name: limit, about: "no crawler, but what one on net/http has to do: every page fetched over kept connections and parsed by Clew's tree, nothing followed or kept",
			install: clewAs(raceRole), args: []string{limit}, share: 1,
		},
		{
			name: limitSelect, about: "the same, and what the job asks for is selected",
			install: clewAs(raceRole), args: []string{limitSelect}, share: 1,
		},
		{
			name: limitWork, about: fmt.Sprintf("limit, and %v of nothing for each page: the server has as much to wait as a crawler lets it", otherWork),
			install: clewAs(raceRole), args: []string{limitWork}, share: 1,
		},
	}
}

func racerNames() []string {
	var names []string
	for _, p := range racers() {
		names = append(names, p.name)
	}
	return names
}

// entry is what a page of the speed site holds ten of.
type entry struct {
	Text   string `json:"text"`
	Author string `json:"author"`
}

// crawlFast is the speed job for Clew; the folder has to be there.
func crawlFast(url, folder, mode string) error {
	spider := &clew.Spider{
		Name: "quotes", StartURLs: []string{url}, Concurrency: concurrency, IgnoreRobots: true,
		LogLevel: slog.LevelWarn,
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			for q := range page.CSS("div.quote").All() {
				out.Item(entry{q.CSS("span.text::text").Get(), q.CSS("small.author::text").Get()})
			}
			for _, href := range page.CSS("ul.nav a::attr(href)").GetAll() {
				out.Follow(href)
			}
			return nil
		},
	}
	spider.HTTP.MaxIdleConnsPerHost = concurrency
	if mode == "directory" {
		_, err := clew.Run(context.Background(), spider, clew.CrawlDir(filepath.Join(folder, "crawl")), clew.HandleSignals())
		return err
	}
	result, err := clew.Run(context.Background(), spider, clew.HandleSignals())
	if err != nil {
		return err
	}
	if result.Status != clew.Finished {
		return errors.New(result.Reason)
	}
	return result.WriteJSONL(filepath.Join(folder, "items.jsonl"))
}
