// Colly runs the peers' job on colly: every page of one site, every quote of
// every page.
//
//	colly URL FOLDER
//
// The queue and the record of visited pages are colly's own, in memory: the
// stores for files that its documentation names have had no release for years.
// So nothing is there to resume, and a rerun is a new crawl. In colly's favour
// the output begins anew with it, as in colly's examples, so that a rerun
// doubles nothing; and links are spelled in one way before they are queued,
// which colly leaves to its users.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/gocolly/colly/v2"
	"github.com/gocolly/colly/v2/queue"
)

const concurrency = 8

type item struct {
	Text   string   `json:"text"`
	Author string   `json:"author"`
	Tags   []string `json:"tags"`
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: colly URL FOLDER")
		os.Exit(2)
	}
	if err := crawl(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	fmt.Println("said: finished")
}

func crawl(start, folder string) (err error) {
	file, err := os.Create(filepath.Join(folder, "items.jsonl"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	site, err := url.Parse(start)
	if err != nil {
		return err
	}
	pages, err := queue.New(concurrency, &queue.InMemoryQueueStorage{MaxSize: 1 << 20})
	if err != nil {
		return err
	}
	c := colly.NewCollector()
	var failed atomic.Pointer[error] // an output that is not whole is no finished crawl
	complain := func(what string, err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "error:", what+":", err)
		}
	}
	c.OnHTML("html", func(page *colly.HTMLElement) {
		var lines []byte
		page.ForEach("div.quote", func(_ int, quote *colly.HTMLElement) {
			line, err := json.Marshal(item{
				Text: quote.ChildText("span.text"), Author: quote.ChildText("small.author"),
				Tags: quote.ChildTexts("a.tag"),
			})
			complain("encode item", err)
			lines = append(append(lines, line...), '\n')
		})
		// One write appends a whole page, from whatever worker.
		if _, err := file.Write(lines); err != nil {
			failed.CompareAndSwap(nil, &err)
			pages.Stop()
		}
		page.ForEach("ul a[href]", func(_ int, link *colly.HTMLElement) {
			if to, ok := inside(site, page.Request.URL, link.Attr("href")); ok {
				complain("queue link", pages.AddURL(to))
			}
		})
	})
	c.OnError(func(r *colly.Response, err error) {
		complain("fetch "+r.Request.URL.String(), err)
	})
	if err := pages.AddURL(start); err != nil {
		return err
	}
	if err := pages.Run(c); err != nil {
		return err
	}
	c.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// inside resolves a link and spells it in one way; false if it leaves the site.
func inside(site, page *url.URL, href string) (string, bool) {
	to, err := page.Parse(href)
	if err != nil || href == "" || to.Host != site.Host {
		return "", false
	}
	to.Fragment, to.RawQuery = "", to.Query().Encode()
	return to.String(), true
}
