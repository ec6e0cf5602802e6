// Speed runs the speed job on colly: every page of a site, every item of every
// page.
//
//	speed URL FOLDER
//
// An asynchronous collector, as its documentation recommends, and in colly's
// favour: as many idle connections as requests at a time, the selectors run on
// the goquery document that colly hands over, and one buffered file.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/PuerkitoBio/goquery"
	"github.com/gocolly/colly/v2"
)

const concurrency = 64

type item struct {
	Text   string `json:"text"`
	Author string `json:"author"`
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: speed URL FOLDER")
		os.Exit(2)
	}
	if err := crawl(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// lines is the output, of which every worker writes.
type lines struct {
	mu  sync.Mutex
	out *bufio.Writer
	enc *json.Encoder
	err error
}

func (l *lines) add(items []item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, it := range items {
		l.err = errors.Join(l.err, l.enc.Encode(it))
	}
}

func crawl(start, folder string) (err error) {
	file, err := os.Create(filepath.Join(folder, "items.jsonl"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := bufio.NewWriterSize(file, 64<<10)
	kept := &lines{out: out, enc: json.NewEncoder(out)}
	c := colly.NewCollector(colly.Async(true))
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, concurrency
	c.WithTransport(transport)
	if err := c.Limit(&colly.LimitRule{DomainGlob: "*", Parallelism: concurrency}); err != nil {
		return err
	}
	c.OnHTML("html", func(page *colly.HTMLElement) {
		var items []item
		page.DOM.Find("div.quote").Each(func(_ int, quote *goquery.Selection) {
			items = append(items, item{quote.Find("span.text").Text(), quote.Find("small.author").Text()})
		})
		kept.add(items)
		page.DOM.Find("ul.nav a[href]").Each(func(_ int, link *goquery.Selection) {
			err := page.Request.Visit(link.AttrOr("href", ""))
			var known *colly.AlreadyVisitedError
			if err != nil && !errors.As(err, &known) {
				fmt.Fprintln(os.Stderr, "error:", err)
			}
		})
	})
	c.OnError(func(r *colly.Response, err error) {
		fmt.Fprintln(os.Stderr, "error:", r.Request.URL, err)
	})
	if err := c.Visit(start); err != nil {
		return err
	}
	c.Wait()
	return errors.Join(kept.err, out.Flush())
}
