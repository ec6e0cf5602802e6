package clew_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/clew-crawler/clew"
)

// books is a small site for the examples of items: three pages, two authors.
func books() (url string, done func()) {
	return exampleSite(map[string]string{
		"/":  `<h1>Metamorphoses</h1><i>Ovid</i><b>9</b> <a href="/2">next</a>`,
		"/2": `<h1>Fasti</h1><i>Ovid</i><b>7</b> <a href="/3">next</a>`,
		"/3": `<h1>Theseus</h1><i>Plutarch</i><b>5</b>`,
	})
}

// State that many pages change is written by Update only: its function runs when
// the page is admitted, sees what all pages before it did, and is part of the
// page's commit. So the total is right, whatever stops there were.
func ExampleUpdate() {
	site, done := books()
	defer done()
	dir, done := exampleDir()
	defer done()

	spider := &clew.Spider{
		Name: "books", StartURLs: []string{site}, Logger: quiet(),
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			var price int
			if err := page.CSS("b::text").JSON(&price); err != nil {
				return err
			}
			clew.Update(out, "total", func(total int) int { return total + price })
			out.Count("prices", 1) // a plain counter is simpler where it suffices
			out.Follow(page.CSS("a::attr(href)").Get())
			return nil
		},
	}
	var result *clew.Result
	for range 2 { // two pages in the first run, one in the second
		var err error
		result, err = clew.Run(context.Background(), spider, clew.CrawlDir(dir), clew.MaxPages(2))
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	var total int
	if err := json.Unmarshal(result.State["total"], &total); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("total", total, "of", result.Stats.Custom["prices"], "prices")
	// Output: total 21 of 3 prices
}

// A handler may look at the state, for example to stop following when there is
// enough. So may the program, while the crawl runs, with [clew.Crawl.State].
func ExampleOutput_State() {
	site, done := exampleChain(0)
	defer done()

	spider := &clew.Spider{
		Name: "enough", StartURLs: []string{site}, Logger: quiet(),
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			var read int
			if _, err := out.State("read", &read); err != nil {
				return err
			}
			clew.Update(out, "read", func(n int) int { return n + 1 })
			if read < 3 {
				out.Follow(page.CSS("a::attr(href)").Get())
			}
			return nil
		},
	}
	result, err := clew.Run(context.Background(), spider)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Stats.Pages, "pages, state", string(result.State["read"]))
	// Output: 4 pages, state 4
}

// ItemOnce keeps one item for a key, on whatever page and in whatever run.
func ExampleOutput_ItemOnce() {
	site, done := books()
	defer done()

	result := printItems(&clew.Spider{
		Name: "authors", StartURLs: []string{site},
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			author := page.CSS("i::text").Get()
			out.ItemOnce(author, author)
			out.Follow(page.CSS("a::attr(href)").Get())
			return nil
		},
	})
	fmt.Println(result.Stats.ItemsDuplicate, "duplicate")
	// Output:
	// "Ovid"
	// "Plutarch"
	// 1 duplicate
}

// Items of several types are told apart by their kinds.
func ExampleOutput_ItemKind() {
	site, done := books()
	defer done()

	type Book struct{ Title string }
	type Price struct{ Amount string }
	spider := &clew.Spider{
		Name: "books", StartURLs: []string{site}, Logger: quiet(),
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			out.ItemKind("book", Book{Title: page.CSS("h1::text").Get()})
			out.ItemKind("price", Price{Amount: page.CSS("b::text").Get()})
			return nil
		},
	}
	result, err := clew.Run(context.Background(), spider)
	if err != nil {
		fmt.Println(err)
		return
	}
	for book, err := range clew.Items[Book](result, "book") {
		fmt.Println(book.Title, err)
	}
	for price, err := range clew.Items[Price](result, "price") {
		fmt.Println(price.Amount, err)
	}
	// Output:
	// Metamorphoses <nil>
	// 9 <nil>
}

// Items come typed out of a result, from all runs and in constant memory.
func ExampleItems() {
	site, done := books()
	defer done()

	type Book struct {
		Title  string `json:"title"`
		Author string `json:"author"`
	}
	spider := &clew.Spider{
		Name: "books", StartURLs: []string{site}, Logger: quiet(),
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			out.Item(Book{page.CSS("h1::text").Get(), page.CSS("i::text").Get()})
			out.Follow(page.CSS("a::attr(href)").Get())
			return nil
		},
	}
	result, err := clew.Run(context.Background(), spider)
	if err != nil {
		fmt.Println(err)
		return
	}
	for book, err := range clew.Items[Book](result) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s, by %s\n", book.Title, book.Author)
	}
	// Output:
	// Metamorphoses, by Ovid
	// Fasti, by Ovid
	// Theseus, by Plutarch
}

// Items can be read while the crawl runs, as they are committed.
func ExampleCrawl_Items() {
	site, done := exampleChain(3)
	defer done()

	crawl, err := clew.Open(headings(site))
	if err != nil {
		fmt.Println(err)
		return
	}
	ended := make(chan error, 1)
	go func() {
		_, err := crawl.Run(context.Background())
		ended <- err
	}()
	for item, err := range crawl.Items(context.Background()) {
		fmt.Println(string(item), err)
	}
	fmt.Println(<-ended, crawl.Stats().Items, "items")
	// Output:
	// "page 1" <nil>
	// "page 2" <nil>
	// "page 3" <nil>
	// <nil> 3 items
}

// The counters of a result agree with what is kept: they are part of every commit.
func ExampleStats() {
	site, done := exampleSite(map[string]string{
		"/":  `<a href="/a">a</a> <a href="/a#again">a</a> <a href="/gone">gone</a> <a href="mailto:x@y">mail</a>`,
		"/a": `<h1>A</h1>`,
	})
	defer done()

	spider := &clew.Spider{
		Name: "counted", StartURLs: []string{site}, Logger: quiet(),
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			for _, href := range page.CSS("a::attr(href)").GetAll() {
				out.Follow(href)
			}
			return nil
		},
	}
	result, err := clew.Run(context.Background(), spider)
	if err != nil {
		fmt.Println(err)
		return
	}
	s := result.Stats
	fmt.Println(s.Pages, "pages,", s.Statuses[200], "of them with 200,", s.Statuses[404], "with 404")
	fmt.Println(s.Links, "links,", s.LinksDuplicate, "known already,", s.LinksBad, "not for HTTP")
	// Output:
	// 3 pages, 2 of them with 200, 1 with 404
	// 3 links, 1 known already, 1 not for HTTP
}

// Every format is rendered from the item log, and put in place in one step.
func ExampleResult_WriteJSON() {
	site, done := exampleChain(2)
	defer done()
	dir, done := exampleDir()
	defer done()

	result, err := clew.Run(context.Background(), headings(site))
	if err != nil {
		fmt.Println(err)
		return
	}
	path := filepath.Join(dir, "headings.json")
	if err := result.WriteJSON(path, true); err != nil {
		fmt.Println(err)
		return
	}
	printFile(path)
	// Output:
	// [
	//   "page 1",
	//   "page 2"
	// ]
}

// CSV takes the fields that are named, or all that occur; XML can be told how its
// elements are called.
func ExampleResult_WriteCSV() {
	site, done := books()
	defer done()
	dir, done := exampleDir()
	defer done()

	spider := &clew.Spider{
		Name: "books", StartURLs: []string{site}, Logger: quiet(),
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			out.Item(map[string]string{"title": page.CSS("h1::text").Get(), "author": page.CSS("i::text").Get()})
			return nil
		},
	}
	result, err := clew.Run(context.Background(), spider)
	if err != nil {
		fmt.Println(err)
		return
	}
	table, tree := filepath.Join(dir, "books.csv"), filepath.Join(dir, "books.xml")
	if err := result.WriteCSV(table, []string{"title", "author"}, 0); err != nil {
		fmt.Println(err)
		return
	}
	if err := result.WriteXML(tree, "books", "book", true); err != nil {
		fmt.Println(err)
		return
	}
	printFile(table)
	printFile(tree)
	// Output:
	// title,author
	// Metamorphoses,Ovid
	// <?xml version="1.0" encoding="UTF-8"?>
	// <books>
	//   <book>
	//     <author>Ovid</author>
	//     <title>Metamorphoses</title>
	//   </book>
	// </books>
}

// JSON lines are what the item log of a crawl directory holds already; a crawl in
// memory can write them, too.
func ExampleResult_WriteJSONL() {
	site, done := exampleChain(2)
	defer done()
	dir, done := exampleDir()
	defer done()

	result, err := clew.Run(context.Background(), headings(site))
	if err != nil {
		fmt.Println(err)
		return
	}
	path := filepath.Join(dir, "headings.jsonl")
	if err := result.WriteJSONL(path); err != nil {
		fmt.Println(err)
		return
	}
	printFile(path)
	// Output:
	// "page 1"
	// "page 2"
}

func printFile(path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(string(data))
}
