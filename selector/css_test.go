package selector_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/clew-crawler/clew/selector"
)

const shelf = `<!DOCTYPE html><html lang="en"><head><title>Shelf</title></head><body>
<div id="top" class="box first"><h1>Books</h1>
<ul class="list"><li id="a" class="new">A<b>1</b>a</li><li id="b">B</li><li id="c" class="new old">C</li><li id="d">D<ul><li id="e" class="new">E</li></ul></li></ul>
<p id="p1">one <a href="/1" title="First Link">go</a></p><p id="p2" lang="en-GB">two</p><p id="p3">three <a id="x" HREF="/2">on</a></p><hr id="hr">
<dl><dt id="t1">k1</dt><dd id="d1">v1</dd><dt id="t2">k2</dt><dd id="d2">v2</dd></dl></div>
<form><input id="i1" type="checkbox" checked><input id="i2" disabled></form>
</body></html>`

// ids lists what a selection holds: ids of elements, else the strings.
func ids(s selector.Selection) []string {
	var got []string
	for one := range s.All() {
		switch n := one.Node(); {
		case one.HasAttr("id"):
			got = append(got, one.Attr("id"))
		case !n.IsZero() && n.Name() != "" && one.HTML() != "" && strings.HasPrefix(one.Get(), "<"):
			got = append(got, n.Name())
		default:
			got = append(got, one.Get())
		}
	}
	return got
}

func TestCSS(t *testing.T) {
	tests := []struct{ query, want string }{
		{"li", "a b c d e"},
		{"LI.new", "a c e"},
		{"*.old", "c"},
		{"#top > h1", "h1"},
		{"ul > li.new", "a c e"},
		{"ul ul > li", "e"},
		{"li + li", "b c d"},
		{"li ~ li.new", "c"},
		{"#a ~ li", "b c d"},
		{"h1 + ul li ul li", "e"},
		{"li, #p1", "a b c d e p1"},
		{"#p1, li", "a b c d e p1"},
		{"li, li.new, ul li", "a b c d e"},
		{"div p a, body a", "a x"},
		{"li::text", "A a B C D E"},
		{"li.new *::text", "1"},
		{"li#a *::text, li#a::text", "A 1 a"},
		{"title::text", "Shelf"},
		{"a::attr(href)", "/1 /2"},
		{"a::attr( HREF )", "/1 /2"},
		{"h1::text, a::attr(href), #b", "Books b /1 /2"},
		{"a::attr(title), a::attr(href)", "First Link /1 /2"},
		{"a::attr(nothing)", ""},
		{":is(h1, #b)", "h1 b"},
		{":where(ul ul, p) > :is(li, a)", "e a x"},
		{"li:is(.new):not(.old)", "a e"},
		{"li:not(.new, #b)", "d"},
		{"li:not(ul ul li)", "a b c d"},
		{"li:not(li li, #a ~ li)", "a"},
		{"li:not(:is(.new, :not(#b)))", "b"},
		{"p:has(a)", "p1 p3"},
		{"p:has(> a)", "p1 p3"},
		{"div:has(> a)", ""},
		{"p:has(+ p)", "p1 p2"},
		{"p:has(~ hr, > b)", "p1 p2 p3"},
		{"p:has(+ hr)", "p3"},
		{"p:has(+ p > a)", "p2"},
		{"p:has(+ p + p)", "p1"},
		{"li:has(ul li, b)", "a d"},
		{"p:not(:has(a))", "p2"},
		{"p:haschild(a)", "p1 p3"},
		{"ul:has(ul):has(> .old)", "ul"},
		{"li:nth-child(2)", "b"},
		{"li:nth-child(2n+1)", "a c e"},
		{"li:nth-child(ODD)", "a c e"},
		{"li:nth-child( even )", "b d"},
		{"li:nth-child(-n + 2)", "a b e"},
		{"li:nth-last-child(1)", "d e"},
		{":nth-child(2 of .new)", "c"},
		{":nth-child(even of li:not(.old))", "b"},
		{"li:nth-child(2 of ul > li)", "b"},
		{":nth-last-child(1 of p, hr)", "hr"},
		{"p:nth-of-type(2)", "p2"},
		{"p:nth-last-of-type(1), p:first-of-type", "p1 p3"},
		{"li:first-child", "a e"},
		{"li:last-child:first-child", "e"},
		{"li:only-child", "e"},
		{"hr:only-of-type", "hr"},
		{"a[title='first link' i]", "a"},
		{"a[title='first link']", ""},
		{"a[title='First Link' s]", "a"},
		{"a[title~=Link]", "a"},
		{"p[lang|=en]", "p2"},
		{"a[href^='/']", "a x"},
		{"a[href$='2']", "x"},
		{"a[title*='st L']", "a"},
		{"a[href*='']", ""},
		{"p[id!=p1]", "p2 p3"},
		{`a[href#=^/[0-1]$]`, "a"},
		{"a[title]", "a"},
		{`li:contains("e")`, "d e"},
		{"li:containsOwn('D')", "d"},
		{"li:matches(^[BC]$)", "b c"},
		{"h1:matches(Book(s|z))", "h1"},
		{"input:checked", "i1"},
		{"input:disabled", "i2"},
		{"hr:empty", "hr"},
		{"p:lang(en)", "p1 p2 p3"},
		{":root", "html"},
		{":scope", "html"},
		{"> body > form", "form"},
		{`#\61 `, "a"},
		{`#\p1`, "p1"},
		{"li/* here */.new , /* and */ h1", "h1 a c e"},
		{"*|li", "a b c d e"},
		{"nothing", ""},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			d := selector.Parse([]byte(shelf), "text/html", "")
			got := ids(d.CSS(tt.query))
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("got %q, want %q", s, tt.want)
			}
			if err := d.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCSSOnSelection(t *testing.T) {
	tests := []struct{ of, query, want string }{
		{"#d", "li", "e"},
		{"#d", "ul li", "e"},
		{"#d", "li li", "e"},
		{"#d", "div li", ""},
		{"#d", "> ul", "ul"},
		{"#d", "> li", ""},
		{"#d", ":scope > ul > li", "e"},
		{"#d", ":scope", "d"},
		{"#d", "li:not(:scope)", "e"},
		{"#a", "::text", "A 1 a"},
		{"#a", "*::text", "A 1 a"},
		{"#a", ":scope::text", "A a"},
		{"#a", "> b::text", "1"},
		{"a", "::attr(href)", "/1 /2"},
		{"a", "a::attr(href)", "/1 /2"},
		{"#b", "::attr(id):is(a)", "error"},
		{"dt", "+ dd", "d1 d2"},
		{"dt", "+ dd::text", "v1 v2"},
		{"#t1", "+ dd", "d1"},
		{"#t1", "~ dd", "d1 d2"},
		{"dt", "~ dd", "d1 d2"},
		{"#t1", "+ dd + dt", "t2"},
		{"#t1", "+ dd:nth-child(2)", "d1"},
		{"#t1", "~ :last-child", "d2"},
		{"#p1", "+ p + p > a", "x"},
		{"#b", ":scope:nth-child(2)", "b"},
		{"#b", ":scope:nth-child(1)", ""},
		{"li", "li", "e"},
		{"ul", "> li:first-child", "a e"},
		{"ul, li, #top", "li", "a b c d e"},
		{"li::text", "b", ""},
		{"a::attr(href)", "b", ""},
		{"nothing", "b", ""},
	}
	for _, tt := range tests {
		t.Run(tt.of+"/"+tt.query, func(t *testing.T) {
			d := selector.Parse([]byte(shelf), "text/html", "")
			s := strings.Join(ids(d.CSS(tt.of).CSS(tt.query)), " ")
			if d.Err() != nil {
				s = "error"
			}
			if s != tt.want {
				t.Errorf("got %q, want %q (%v)", s, tt.want, d.Err())
			}
		})
	}
}

func TestCSSFaults(t *testing.T) {
	tests := []struct {
		query  string
		offset int
	}{
		{"", 0},
		{"div[", 4},
		{"div >", 5},
		{"div > > a", 6},
		{"a, ", 3},
		{"a,,b", 2},
		{"a)", 1},
		{"li::texts", 2},
		{"li::attr", 8},
		{"li::attr(", 9},
		{"li::text b", 9},
		{"li::text::text", 8},
		{":not(a::text)", 6},
		{":is(> a)", 4},
		{":is()", 4},
		{":not(a", 6},
		{":hover2", 0},
		{":nth-child(x)", 11},
		{":nth-child(2", 11},
		{":nth-child(99999999999999999999)", 11},
		{":nth-of-type(2 of a)", 13},
		{"[a='x", 3},
		{"[a=x", 4},
		{"[a?x]", 2},
		{"[a#=(]", 4},
		{".1a", 1},
		{"#", 1},
		{"a\x00b", 1},
		{":contains('x'", 9},
		{strings.Repeat(":not(", 20) + "a" + strings.Repeat(")", 20), 84},
		{strings.Repeat("a ", 65), 129},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			d := selector.Parse([]byte(shelf), "text/html", "")
			if n := d.CSS(tt.query).Len(); n != 0 {
				t.Errorf("%d results", n)
			}
			e, ok := errors.AsType[*selector.QueryError](d.Err())
			if !ok {
				t.Fatalf("Err is %v", d.Err())
			}
			if e.Query != tt.query || e.Offset != tt.offset {
				t.Errorf("offset %d, want %d: %v", e.Offset, tt.offset, e)
			}
			if !strings.HasSuffix(e.File, "css_test.go") || e.Line == 0 {
				t.Errorf("caller is %s:%d", e.File, e.Line)
			}
		})
	}
}

// Pages that make a matcher which goes back and forth take hours.
func TestCSSIsLinear(t *testing.T) {
	deep := strings.Repeat("<div>", 500) + strings.Repeat("<i></i>", 1000)
	wide := strings.Repeat("<li></li>", 50_000)
	tests := []struct{ page, query string }{
		{deep, "b " + strings.Repeat("div ", 30) + "i"},
		{deep, strings.Repeat("div ", 30) + "> b > i"},
		{wide, "b ~ li ~ li ~ li"},
		{wide, "li:nth-last-child(odd of :not(b))"},
		{wide, "li:last-of-type, li:only-child"},
		{wide, "li:nth-child(7n+3)"},
	}
	for _, tt := range tests {
		d := selector.Parse([]byte(tt.page), "text/html", "")
		d.CSS(tt.query)
		if d.Err() != nil {
			t.Errorf("%.40s: %v", tt.query, d.Err())
		}
	}
}

func TestCSSAgreesWithXPath(t *testing.T) {
	pairs := [][2]string{
		{"li", "//li"},
		{"div p > a", "//div//p/a"},
		{"li::text", "//li/text()"},
		{"ul li ::text", "//ul//li//*/text()"},
		{"a::attr(href)", "//a/@href"},
		{"dt + dd", "//dt/following-sibling::*[1][self::dd]"},
		{"p:has(a)", "//p[.//a]"},
		{"li:nth-child(2)", "//li[count(preceding-sibling::*)=1]"},
		{"li, p, a", "//li | //p | //a"},
	}
	d := selector.Parse([]byte(shelf), "text/html", "")
	for _, p := range pairs {
		css, xpath := d.CSS(p[0]).GetAll(), d.XPath(p[1]).GetAll()
		if len(css) == 0 || !slices.Equal(css, xpath) {
			t.Errorf("%s gives %q, %s gives %q", p[0], css, p[1], xpath)
		}
	}
	if err := d.Err(); err != nil {
		t.Error(err)
	}
}

func FuzzCSS(f *testing.F) {
	for _, q := range []string{
		"li", "a::attr(href)", "div > p + p ~ *::text", ":is(a, b:not(c d)):has(> e, + f)",
		":nth-child(2n+1 of .x)", "[a='b' i]", `[a#=(x|y)]`, `.a\:b`, ":matches(x[)]y)", ":contains('", "/*", "a|b", "\\",
	} {
		f.Add(q)
	}
	c := new(selector.Compiler)
	f.Fuzz(func(t *testing.T, query string) {
		d := c.Parse([]byte(shelf), "text/html", "")
		all := d.CSS(query)
		if d.Err() != nil && all.Len() > 0 {
			t.Fatalf("%q gives results and the error %v", query, d.Err())
		}
		seen := make(map[any]bool)
		for one := range all.All() {
			if n := one.Node(); !n.IsZero() {
				if seen[n] {
					t.Fatalf("%q gives a node twice", query)
				}
				seen[n] = true
			}
		}
		d.CSS("li").CSS(query)
	})
}

func ExampleSelection_CSS() {
	page := `<dl><dt>Author</dt><dd>Ada</dd><dt>Pages</dt><dd>96</dd></dl>`
	d := selector.Parse([]byte(page), "text/html", "")
	for key := range d.CSS("dt").All() {
		fmt.Println(key.Text(), "=", key.CSS("+ dd::text").Get())
	}
	// Output:
	// Author = Ada
	// Pages = 96
}
