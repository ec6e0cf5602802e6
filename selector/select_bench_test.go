package selector

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clew-crawler/clew/bench/site"
)

// BenchmarkSelect reads from pages what a spider of the benchmarks does: items of two
// fields, and links. The time of parsing them is left out. Beside the median there is the
// time that one page of twenty takes at most: the figure to compare on a busy machine.
func BenchmarkSelect(b *testing.B) {
	small := string(site.Site{Hosts: 100}.Append(nil, 1000))
	more := strings.Repeat("<li class=\"nav-item\"><a class=\"title\" href=\"/catalogue/page/7.html\">One more entry</a></li>\n", 110)
	filler := strings.Repeat("<p class=\"note\">and the thread runs on and on through the maze and back again</p>\n", 530)
	large := strings.Replace(small, "</ul>", more+"</ul>"+filler, 1)
	for _, page := range []string{small, large} {
		body := []byte(page)
		b.Run(fmt.Sprintf("%dKB", len(body)>>10), func(b *testing.B) {
			var c Compiler
			var took []time.Duration
			b.ReportAllocs()
			for b.Loop() {
				d := c.Parse(body, "text/html; charset=utf-8", "https://site.example/")
				d.tree()
				start := time.Now()
				fields := 0
				for quote := range d.CSS("div.quote").All() {
					if quote.CSS("span.text::text").Get() != "" && quote.CSS("small.author::text").Get() != "" {
						fields += 2
					}
				}
				urls := d.CSS("a::attr(href)").GetAll()
				d.Base()
				took = append(took, time.Since(start))
				if d.Close(); fields != 2*site.Items || len(urls) < site.Links {
					b.Fatalf("%d fields, %d links, %v", fields, len(urls), d.Err())
				}
			}
			slices.Sort(took)
			b.ReportMetric(took[len(took)/2].Seconds()*1e6, "select-µs/op")
			b.ReportMetric(took[len(took)/20].Seconds()*1e6, "fast-µs/op")
		})
	}
}
