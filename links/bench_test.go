package links

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkPage does what one page of 40 root-relative links costs.
func BenchmarkPage(b *testing.B) {
	var hrefs []string
	for i := range 40 {
		hrefs = append(hrefs, fmt.Sprintf("/catalogue/category/books/item-number-%d/index.html?page=%d", i, i))
	}
	benchmarkPage(b, hrefs)
}

// BenchmarkUncleanPage does the same where every link needs the parser.
func BenchmarkUncleanPage(b *testing.B) {
	var hrefs []string
	for i := range 40 {
		hrefs = append(hrefs, fmt.Sprintf("/catalogue/bücher/item number %d?b=1&a=%d", i, i))
	}
	benchmarkPage(b, hrefs)
}

func benchmarkPage(b *testing.B, hrefs []string) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		base, err := NewBase("https://example.com/catalogue/index.html")
		if err != nil {
			b.Fatal(err)
		}
		for _, href := range hrefs {
			url, err := base.Resolve(href)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := (Recipe{}).Fingerprint(Identity{URL: url}); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkHostile holds what the longest and worst URL costs.
func BenchmarkHostile(b *testing.B) {
	for name, raw := range map[string]string{
		"slashes":  "https://e.com\\" + strings.Repeat("/", MaxLength-20),
		"at signs": "https://" + strings.Repeat("@", MaxLength-20) + "e.com/",
		"dots":     "https://e.com\\" + strings.Repeat("./", MaxLength/2-20),
		"host":     "https://" + strings.Repeat("a.", MaxLength/2-20) + "e.com\\",
		"unicode":  "https://" + strings.Repeat("ü", MaxLength/2-20) + ".com/",
		"query":    "https://e.com\\?" + strings.Repeat("b&a&", MaxLength/4-20),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = Canonicalizer{}.Canonical(raw)
			}
		})
	}
}
