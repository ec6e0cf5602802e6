package links

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// BenchmarkFortyLinks takes all 40 links of a page as far as it must go to tell which
// are new: resolved, in canonical form, fingerprinted, and looked up among a million
// known ones. 35 are known; 30 are written from the root, 10 with their host.
func BenchmarkFortyLinks(b *testing.B) {
	const pages, perPage, known = 1000, 40, 1_000_000
	const origin = "https://example.com"
	base, err := NewBase(origin + "/catalogue/index.html")
	if err != nil {
		b.Fatal(err)
	}
	seen := make(map[Fingerprint]struct{}, known)
	hrefs := make([]string, pages*perPage)
	for i := range hrefs {
		hrefs[i] = fmt.Sprintf("/catalogue/books/item-%d/index.html?page=%d", i, i%7)
		if i%4 == 0 {
			hrefs[i] = origin + hrefs[i]
		}
		url, err := base.Resolve(hrefs[i])
		if err != nil {
			b.Fatal(err)
		}
		fp, err := Recipe{}.Fingerprint(Identity{URL: url})
		if err != nil {
			b.Fatal(err)
		}
		if i%8 != 0 {
			seen[fp] = struct{}{}
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for len(seen) < known {
		var fp Fingerprint
		binary.LittleEndian.PutUint64(fp[:8], random.Uint64())
		binary.LittleEndian.PutUint64(fp[8:], random.Uint64())
		seen[fp] = struct{}{}
	}
	b.ReportAllocs()
	page := 0
	for b.Loop() {
		fresh := 0
		for _, href := range hrefs[page*perPage:][:perPage] {
			url, err := base.Resolve(href)
			if err != nil {
				b.Fatal(err)
			}
			fp, _, err := Recipe{}.Identify(Identity{URL: url})
			if err != nil {
				b.Fatal(err)
			}
			if _, ok := seen[fp]; !ok {
				fresh++
			}
		}
		if fresh != perPage/8 {
			b.Fatalf("%d links of a page are new, want %d", fresh, perPage/8)
		}
		page = (page + 1) % pages
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N), "µs/page")
}

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
