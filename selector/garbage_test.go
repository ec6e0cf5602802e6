package selector_test

import (
	"testing"

	"github.com/clew-crawler/clew/bench/site"
	"github.com/clew-crawler/clew/selector"
)

// TestGarbage holds what reading ten items of two fields and forty links of a page
// allocates: five times when this was written.
func TestGarbage(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates, too")
	}
	body := site.Site{}.Append(nil, 1000)
	var c selector.Compiler
	n := testing.AllocsPerRun(100, func() {
		d := c.Parse(body, "text/html; charset=utf-8", "https://site.example/")
		for quote := range d.CSS("div.quote").All() {
			_, _ = quote.CSS("span.text::text").Get(), quote.CSS("small.author::text").Get()
		}
		d.CSS("a::attr(href)").GetAll()
		d.Close()
	})
	if n > 8 {
		t.Errorf("%v allocations", n)
	}
}
