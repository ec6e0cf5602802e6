package clew_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/clew-crawler/clew"
)

// headings is a spider that collects the heading of each page of a chain.
func headings(site string) *clew.Spider {
	return &clew.Spider{
		Name:        "headings",
		StartURLs:   []string{site},
		Concurrency: 1,
		Logger:      quiet(),
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			out.Item(page.CSS("h1::text").Get())
			out.Follow(page.CSS("a::attr(href)").Get())
			return nil
		},
	}
}

// Run the same thing again, and the crawl goes on where it was. Its result covers
// all of its runs.
func ExampleCrawlDir() {
	site, done := exampleChain(5)
	defer done()
	dir, done := exampleDir()
	defer done()

	for range 2 {
		result, err := clew.Run(context.Background(), headings(site), clew.CrawlDir(dir), clew.MaxPages(3))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %d pages in this run, %d in all, %d items\n",
			result.Status, result.Run.Pages, result.Stats.Pages, result.Stats.Items)
	}
	// Output:
	// paused: 3 pages in this run, 3 in all, 3 items
	// finished: 2 pages in this run, 5 in all, 5 items
}

// MaxPages is the number of pages of one run; a crawl that reaches it is paused.
func ExampleMaxPages() {
	site, done := exampleChain(0)
	defer done()
	dir, done := exampleDir()
	defer done()

	result, err := clew.Run(context.Background(), headings(site), clew.CrawlDir(dir), clew.MaxPages(7))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Status, "because", result.Reason)
	fmt.Println(result.Stats.Pages, "pages,", result.Stats.Pending, "pending")
	// Output:
	// paused because limit of 7 pages reached
	// 7 pages, 1 pending
}

// A run can be given so much time, for example between two backups of a site.
func ExampleMaxDuration() {
	site, done := exampleChain(0)
	defer done()

	result, err := clew.Run(context.Background(), headings(site), clew.MaxDuration(50*time.Millisecond))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Status, "because", result.Reason) // stopped, since there is no crawl directory
	// Output: stopped because time limit of 50ms reached
}

// A handler, or anybody else who has the crawl, may ask it to pause.
func ExampleCrawl_Pause() {
	site, done := exampleChain(0)
	defer done()
	dir, done := exampleDir()
	defer done()

	var crawl *clew.Crawl
	spider := headings(site)
	read := spider.Parse
	spider.Parse = func(ctx context.Context, page *clew.Response, out *clew.Output) error {
		if page.CSS("h1::text").Get() == "page 3" {
			crawl.Pause() // this page is finished and kept like any other
		}
		return read(ctx, page, out)
	}
	crawl, err := clew.Open(spider, clew.CrawlDir(dir))
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := crawl.Run(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Status, "because", result.Reason)
	fmt.Println(result.Stats.Pages, "pages,", result.Stats.Pending, "pending")
	// Output:
	// paused because asked to pause
	// 3 pages, 1 pending
}

// Ctrl+C pauses the crawl. Cancelling the context does the same.
func ExampleHandleSignals() {
	site, done := exampleChain(0)
	defer done()
	dir, done := exampleDir()
	defer done()

	spider := headings(site)
	read := spider.Parse
	spider.Parse = func(ctx context.Context, page *clew.Response, out *clew.Output) error {
		if page.CSS("h1::text").Get() == "page 3" {
			process, err := os.FindProcess(os.Getpid())
			if err != nil {
				return err
			}
			if err := process.Signal(os.Interrupt); err != nil { // somebody presses Ctrl+C
				return err
			}
		}
		return read(ctx, page, out)
	}
	result, err := clew.Run(context.Background(), spider, clew.CrawlDir(dir), clew.HandleSignals())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Status, "because of a", result.Reason)
	// Output: paused because of a signal: interrupt
}

// At 0 a crawl commits when many pages are done, when nothing is in flight, or at
// a stop; after PauseTimeout a pause gives up what is still in flight.
func ExampleInterval() {
	site, done := exampleChain(4)
	defer done()
	dir, done := exampleDir()
	defer done()

	result, err := clew.Run(context.Background(), headings(site),
		clew.CrawlDir(dir), clew.Interval(0), clew.PauseTimeout(5*time.Second))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Status, result.Stats.Items, "items")
	// Output: finished 4 items
}

// A finished crawl is not crawled again: its result is returned at once. Fresh
// sets it aside and starts anew.
func ExampleFresh() {
	site, done := exampleChain(3)
	defer done()
	dir, done := exampleDir()
	defer done()

	for _, opts := range [][]clew.Option{nil, nil, {clew.Fresh()}} {
		result, err := clew.Run(context.Background(), headings(site), append(opts, clew.CrawlDir(dir))...)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %d items, %d pages in this run\n", result.Status, result.Stats.Items, result.Run.Pages)
	}
	aside, err := filepath.Glob(filepath.Join(dir, "*-fresh", "items.jsonl"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(aside), "crawl set aside")
	// Output:
	// finished: 3 items, 3 pages in this run
	// finished: 3 items, 0 pages in this run
	// finished: 3 items, 3 pages in this run
	// 1 crawl set aside
}

// Damage is found by checksums and lengths. By default the damaged crawl is set
// aside whole and a new one begins; Refuse leaves everything as it is.
func ExampleOnDamage() {
	site, done := exampleChain(5)
	defer done()
	dir, done := exampleDir()
	defer done()

	if _, err := clew.Run(context.Background(), headings(site), clew.CrawlDir(dir), clew.MaxPages(3)); err != nil {
		fmt.Println(err)
		return
	}
	if err := os.Truncate(filepath.Join(dir, "items.jsonl"), 5); err != nil {
		fmt.Println(err)
		return
	}
	_, err := clew.Run(context.Background(), headings(site), clew.CrawlDir(dir), clew.OnDamage(clew.Refuse))
	fmt.Println("refused:", errors.Is(err, clew.ErrDamaged))

	result, err := clew.Run(context.Background(), headings(site), clew.CrawlDir(dir)) // SetAside
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Status, "with", result.Stats.Items, "items of", result.Stats.Runs, "run")
	// Output:
	// refused: true
	// finished with 5 items of 1 run
}

// Pending requests remember their handler by name. A renamed handler needs an
// alias, so that what an earlier version of the program left can be resumed.
func ExampleSpider_aliases() {
	site, done := exampleSite(map[string]string{
		"/": `<a href="/a">a</a> <a href="/b">b</a>`, "/a": `<h1>A</h1>`, "/b": `<h1>B</h1>`,
	})
	defer done()
	dir, done := exampleDir()
	defer done()

	spider := func(handler string) *clew.Spider {
		return &clew.Spider{
			Name: "shop", StartURLs: []string{site}, Logger: quiet(),
			Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
				for _, href := range page.CSS("a::attr(href)").GetAll() {
					out.Follow(href, clew.To(handler))
				}
				return nil
			},
			Handlers: map[string]clew.Handler{
				handler: func(_ context.Context, page *clew.Response, out *clew.Output) error {
					out.Item(page.CSS("h1::text").Get())
					return nil
				},
			},
		}
	}
	ctx, dirOption := context.Background(), clew.CrawlDir(dir)
	if _, err := clew.Run(ctx, spider("detail"), dirOption, clew.MaxPages(1)); err != nil {
		fmt.Println(err)
		return
	}

	_, err := clew.Run(ctx, spider("product"), dirOption)
	fmt.Println("renamed:", errors.Is(err, clew.ErrMismatch))

	renamed := spider("product")
	renamed.Aliases = map[string]string{"detail": "product"}
	result, err := clew.Run(ctx, renamed, dirOption)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("with an alias:", result.Status, result.Stats.Items, "items")
	// Output:
	// renamed: true
	// with an alias: finished 2 items
}

// Lenient resumes even without the handlers that pending requests ask for: Parse
// stands in for them.
func ExampleLenient() {
	site, done := exampleSite(map[string]string{"/": `<a href="/a">a</a>`, "/a": `<h1>A</h1>`})
	defer done()
	dir, done := exampleDir()
	defer done()

	heading := func(_ context.Context, page *clew.Response, out *clew.Output) error {
		out.Item(page.CSS("h1::text").GetOr("no heading"))
		out.Follow(page.CSS("a::attr(href)").Get(), clew.To("detail"))
		return nil
	}
	spider := &clew.Spider{
		Name: "shop", StartURLs: []string{site}, Logger: quiet(),
		Parse: heading, Handlers: map[string]clew.Handler{"detail": heading},
	}
	if _, err := clew.Run(context.Background(), spider, clew.CrawlDir(dir), clew.MaxPages(1)); err != nil {
		fmt.Println(err)
		return
	}
	spider.Handlers = nil
	result, err := clew.Run(context.Background(), spider, clew.CrawlDir(dir), clew.Lenient())
	if err != nil {
		fmt.Println(err)
		return
	}
	for item, err := range clew.Items[string](result) {
		fmt.Println(item, err)
	}
	// Output:
	// no heading <nil>
	// A <nil>
}
