package clew_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/clew-crawler/clew"
)

// A disk has turned one bit in the items of a paused crawl. What can be read of it is
// brought back, and the crawl goes on.
func ExampleSalvage() {
	ctx := context.Background()
	site, done := exampleChain(5)
	defer done()
	folder, remove := exampleDir()
	defer remove()
	dir := filepath.Join(folder, "crawl")
	if _, err := clew.Run(ctx, headings(site), clew.CrawlDir(dir), clew.MaxPages(2)); err != nil {
		fmt.Println(err)
		return
	}
	log := filepath.Join(dir, "items.jsonl")
	items, err := os.ReadFile(log)
	if err != nil {
		fmt.Println(err)
		return
	}
	items[5] ^= 1
	if err := os.WriteFile(log, items, 0o600); err != nil {
		fmt.Println(err)
		return
	}
	s, err := clew.Salvage(ctx, dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("something was lost:", len(s.Lost) > 0)
	kept, err := os.ReadFile(filepath.Join(s.Aside, "items.jsonl"))
	fmt.Println("the damaged items were kept:", err == nil && bytes.Equal(kept, items))
	r, err := clew.Run(ctx, headings(site), clew.CrawlDir(dir), clew.OnDamage(clew.Refuse))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Status, "after", r.Stats.Pages, "pages")
	fmt.Println("sound:", clew.Check(ctx, dir) == nil)

	// Output:
	// something was lost: true
	// the damaged items were kept: true
	// finished after 5 pages
	// sound: true
}
