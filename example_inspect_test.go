package clew_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/clew-crawler/clew"
)

// Inspect looks at a crawl directory and changes nothing, whether a process runs
// its crawl or not. Discard deletes the crawl.
func ExampleInspect() {
	site, done := exampleChain(5)
	defer done()
	dir, done := exampleDir()
	defer done()

	if _, err := clew.Run(context.Background(), headings(site), clew.CrawlDir(dir), clew.MaxPages(2)); err != nil {
		fmt.Println(err)
		return
	}
	found, err := clew.Inspect(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(found.Spider, found.State, found.Stats.Pages, "pages,", found.Stats.Pending, "pending")
	// Output: headings paused 2 pages, 1 pending
}

// A program may ask another one that runs a crawl to pause it. Here both are one.
func ExampleRequestPause() {
	site, done := exampleChain(0)
	defer done()
	dir, done := exampleDir()
	defer done()

	spider := headings(site)
	read := spider.Parse
	spider.Parse = func(ctx context.Context, page *clew.Response, out *clew.Output) error {
		if page.CSS("h1::text").Get() == "page 3" {
			if err := clew.RequestPause(ctx, dir); err != nil {
				return err
			}
		}
		return read(ctx, page, out)
	}
	result, err := clew.Run(context.Background(), spider, clew.CrawlDir(dir))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Status, result.Stats.Pages, "pages")
	fmt.Println("asked again:", errors.Is(clew.RequestPause(context.Background(), dir), clew.ErrNotRunning))
	// Output:
	// paused 3 pages
	// asked again: true
}

// A crawl that is not wanted any more is deleted with its items; what else is in
// the directory stays.
func ExampleDiscard() {
	site, done := exampleChain(2)
	defer done()
	dir, done := exampleDir()
	defer done()

	if _, err := clew.Run(context.Background(), headings(site), clew.CrawlDir(dir)); err != nil {
		fmt.Println(err)
		return
	}
	if err := clew.Discard(dir); err != nil {
		fmt.Println(err)
		return
	}
	_, err := clew.Inspect(dir)
	fmt.Println("gone:", errors.Is(err, clew.ErrNoCrawl))
	// Output: gone: true
}

// What failed for good is kept. When the reason is mended, it is put back in the queue.
func ExampleRequeue() {
	site, done := exampleChain(3)
	defer done()
	dir, done := exampleDir()
	defer done()

	spider := headings(site)
	read := spider.Parse
	spider.Parse = func(context.Context, *clew.Response, *clew.Output) error { return errors.New("a fault of the spider") }
	result, err := clew.Run(context.Background(), spider, clew.CrawlDir(dir))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Status, result.Stats.Failed, "failed:", result.Failures[0].Reason)

	spider.Parse = read
	n, err := clew.Requeue(context.Background(), dir, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if result, err = clew.Run(context.Background(), spider, clew.CrawlDir(dir)); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(n, "put back,", result.Status, result.Stats.Pages, "pages")
	// Output:
	// finished 1 failed: handler Parse: a fault of the spider
	// 1 put back, finished 3 pages
}

// Check reads everything in a crawl directory and reports what contradicts.
func ExampleCheck() {
	site, done := exampleChain(5)
	defer done()
	folder, done := exampleDir()
	defer done()
	dir := filepath.Join(folder, "crawl")

	if _, err := clew.Run(context.Background(), headings(site), clew.CrawlDir(dir), clew.MaxPages(2)); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("sound:", clew.Check(context.Background(), dir) == nil)

	if err := os.Truncate(filepath.Join(dir, "items.jsonl"), 10); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("damaged:", errors.Is(clew.Check(context.Background(), dir), clew.ErrDamaged))
	// Output:
	// sound: true
	// damaged: true
}

// List shows what a crawl directory holds, here the requests that are left.
func ExampleList() {
	site, done := exampleChain(5)
	defer done()
	dir, done := exampleDir()
	defer done()

	if _, err := clew.Run(context.Background(), headings(site), clew.CrawlDir(dir), clew.MaxPages(2)); err != nil {
		fmt.Println(err)
		return
	}
	for request, err := range clew.List(context.Background(), dir, "pending") {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(strings.TrimPrefix(request.URL, site), "for", request.Handler, "at depth", request.Depth)
	}
	// Output: /3 for Parse at depth 2
}

// Snapshot copies a crawl while it runs. The copy is a crawl of its own.
func ExampleSnapshot() {
	site, done := exampleChain(5)
	defer done()
	dir, done := exampleDir()
	defer done()
	copied, done := exampleDir()
	defer done()

	spider := headings(site)
	read := spider.Parse
	spider.Parse = func(ctx context.Context, page *clew.Response, out *clew.Output) error {
		if page.CSS("h1::text").Get() == "page 3" {
			if err := clew.Snapshot(ctx, dir, copied); err != nil {
				return err
			}
		}
		return read(ctx, page, out)
	}
	for _, d := range []string{dir, copied} {
		result, err := clew.Run(context.Background(), spider, clew.CrawlDir(d))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(result.Status, result.Stats.Pages, "pages in", result.Stats.Runs, "runs")
		spider.Parse = read
	}
	// Output:
	// finished 5 pages in 1 runs
	// finished 5 pages in 2 runs
}
