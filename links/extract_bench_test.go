package links

import (
	"slices"
	"testing"
	"time"

	"github.com/clew-crawler/clew/bench/site"
	"github.com/clew-crawler/clew/selector"
)

// BenchmarkExtract takes the 40 links of a page. The time of parsing it is left out.
func BenchmarkExtract(b *testing.B) {
	body := site.Site{Hosts: 100}.Append(nil, 1000)
	var c selector.Compiler
	var took []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		page := c.Parse(body, "text/html; charset=utf-8", "https://site.example/")
		page.CSS("nothing")
		start := time.Now()
		found := Extractor{}.Extract(page)
		took = append(took, time.Since(start))
		if page.Close(); len(found) != site.Links {
			b.Fatalf("%d links", len(found))
		}
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1e6, "median-µs")
	b.ReportMetric(took[len(took)/20].Seconds()*1e6, "fast-µs")
}
