package selector

import (
	"slices"
	"strings"
	"testing"
)

// TestCopies checks that strings that were read are no part of the page, stay as they
// are whatever is read after them, and keep little memory alive.
func TestCopies(t *testing.T) {
	var c Compiler
	var got, want []string
	for n := range 100 {
		text := strings.Repeat(string(rune('a'+n%26)), 1+n*n%400)
		body := []byte(`<p title="` + text + `">` + text + `<p> ` + text + ` `)
		d := c.Parse(body, "text/html", "")
		got = append(got, d.CSS("p").Attr("title"), d.CSS("p").Text(), d.CSS("p").Last().Text(), d.CSS("p::text").Get())
		got = append(got, d.CSS("p::attr(title), p:first-child::text").GetAll()...)
		got = append(got, d.XPath("//p/@title").Get(), d.XPath("string(//p)").Get())
		want = append(want, slices.Repeat([]string{text}, 8)...)
		if size := d.memory.copied.Cap(); size > 2<<10 {
			t.Fatalf("strings share %d bytes", size)
		}
		d.Close()
		clear(body)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q are now %q", want, got)
	}
}
