package clew

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// BenchmarkFollow takes the 40 links of a page: resolved, fingerprinted, listed.
func BenchmarkFollow(b *testing.B) {
	s, err := (&Spider{Name: "bench", StartURLs: []string{"http://site.example/"}, Parse: func(context.Context, *Response, *Output) error { return nil }}).prepare()
	if err != nil {
		b.Fatal(err)
	}
	page := &Response{URL: "http://site.example/catalogue/page/7.html", Request: &Request{URL: "http://site.example/"}, Body: []byte("<p>")}
	page.document().Base()
	hrefs := make([]string, 40)
	for n := range hrefs {
		hrefs[n] = fmt.Sprintf("/catalogue/page/%d.html", n*31)
	}
	hrefs[0] = strings.Repeat("../", 3) + "index.html"
	b.ReportAllocs()
	for b.Loop() {
		out := &Output{spider: s, ctx: b.Context(), page: page}
		for _, href := range hrefs {
			out.Follow(href)
		}
		if out.err != nil || len(out.harvest.links.tasks) != len(hrefs) {
			b.Fatal(out.err, len(out.harvest.links.tasks))
		}
		s.reuse(out.harvest) // as a crawl does
	}
}
