package clew_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/clew-crawler/clew"
)

// Run a handler on a page at hand. Package clewtest makes tests of this.
func ExampleSpider_Handle() {
	spider := &clew.Spider{
		Name:      "titles",
		StartURLs: []string{"https://site.test/"},
		Parse: func(ctx context.Context, page *clew.Response, out *clew.Output) error {
			out.Item(page.CSS("title::text").Get())
			out.Follow(page.CSS("a::attr(href)").Get())
			return nil
		},
	}
	page := &clew.Response{URL: "https://site.test/", Body: []byte(`<title>Home</title><a href="/about">About</a>`)}
	found, err := spider.Handle(context.Background(), page, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, then %s\n", found.Items[0], found.Requests[0].URL)
	// Output: "Home", then https://site.test/about
}

// Wrap handlers: here, a page without a single item fails.
func ExampleOutput_Contents() {
	mustFind := func(h clew.Handler) clew.Handler {
		return func(ctx context.Context, page *clew.Response, out *clew.Output) error {
			if err := h(ctx, page, out); err != nil {
				return err
			}
			found, err := out.Contents()
			if err == nil && len(found.Items) == 0 {
				err = errors.New("no items; has the site changed?")
			}
			return err
		}
	}
	spider := &clew.Spider{
		Name:      "titles",
		StartURLs: []string{"https://site.test/"},
		Parse: mustFind(func(ctx context.Context, page *clew.Response, out *clew.Output) error {
			for title := range page.CSS("h1::text").All() {
				out.Item(title.Get())
			}
			return nil
		}),
	}
	_, err := spider.Handle(context.Background(), &clew.Response{URL: "https://site.test/"}, nil)
	fmt.Println(err)
	// Output: handler Parse: no items; has the site changed?
}
