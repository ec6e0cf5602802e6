package selector_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/clew-crawler/clew/selector"
)

const quotes = `<!DOCTYPE html><html><head><meta charset="utf-8"><title>Quotes</title></head><body>
<div class="quote"><span class="text">“A clew leads out.”</span>
<span>by <small class="author">Ariadne</small> <a href="/author/Ariadne">(about)</a></span></div>
<div class="quote"><span class="text">“I was &amp; am lost.”</span>
<span>by <small class="author">Theseus</small> <a href="/author/Theseus">(about)</a></span></div>
<nav><ul class="pager"><li class="next"><a href="/page/2/">Next <span>&rarr;</span></a></li></ul></nav>
</body></html>`

const news = `<html><body><center><table><tr class="athing" id="1"><td class="title"><span class="titleline">
<a href="https://a.example/x">First</a><span class="sitebit"> (<a href="from?site=a.example">a.example</a>)</span></span></td></tr>
<tr><td class="subtext">10 points</td></tr>
<tr class="athing" id="2"><td class="title"><span class="titleline"><a href="item?id=2">Second</a></span></td></tr>
<tr><td><a href="?p=2" class="morelink" rel="next">More</a></td></tr></table></center></body></html>`

func parse(body string) *selector.Document {
	return selector.Parse([]byte(body), "text/html; charset=utf-8", "https://site.example/dir/page")
}

func check(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprintf("%q", got), fmt.Sprintf("%q", want); g != w {
		t.Errorf("%s: got %s, want %s", what, g, w)
	}
}

func TestQuotes(t *testing.T) {
	d := parse(quotes)
	var got []string
	for q := range d.CSS("div.quote").All() {
		got = append(got, q.CSS("small.author::text").Get()+": "+q.CSS("span.text::text").Get())
	}
	check(t, "quotes", got, []string{"Ariadne: “A clew leads out.”", "Theseus: “I was & am lost.”"})
	check(t, "next", d.CSS("li.next a::attr(href)").Get(), "/page/2/")
	check(t, "missing", d.CSS("li.previous a::attr(href)").Get(), "")
	check(t, "default", d.CSS("li.previous a::attr(href)").GetOr("none"), "none")
	check(t, "outer HTML", d.CSS("small").Get(), `<small class="author">Ariadne</small>`)
	if err := d.Err(); err != nil {
		t.Error(err)
	}
}

func TestNews(t *testing.T) {
	d := parse(news)
	var got []string
	for item := range d.CSS(".athing").All() {
		got = append(got, item.CSS(".titleline a::text").Get(), item.CSS(".titleline a::attr(href)").Get())
	}
	check(t, "items", got, []string{"First", "https://a.example/x", "Second", "item?id=2"})
	check(t, "more", d.CSS(".morelink::attr(href)").Get(), "?p=2")
	check(t, "direct links", d.CSS(".titleline > a::text").GetAll(), []string{"First", "Second"})
}

func TestSelection(t *testing.T) {
	d := parse(`<p>  one <b>two</b>
		<script>var x</script>three</p><p title="" CLASS="c d">4&nbsp;5 &lt;</p><p></p>`)
	p := d.CSS("p")
	check(t, "Text", p.Text(), "one two three")
	check(t, "Text of a text", d.CSS("p::text").Text(), "one")
	check(t, "Text of a script", d.CSS("script").Text(), "var x")
	check(t, "Text of a value", d.CSS("p::attr(class)").Text(), "c d")
	check(t, "nbsp", p.At(1).Text(), "4 5 <")
	check(t, "HTML of a text", d.CSS("p::text").Last().HTML(), "4\u00a05 &lt;")
	check(t, "HTML of a value", d.CSS("p::attr(class)").HTML(), "")
	check(t, "Attr", p.At(1).Attr("class"), "c d")
	check(t, "Attr in capitals", p.At(1).Attr("Class"), "c d")
	check(t, "HasAttr", []bool{p.HasAttr("title"), p.At(1).HasAttr("title")}, []bool{false, true})
	check(t, "Len", []int{p.Len(), p.At(-1).Len(), p.At(3).Len(), p.Last().Len()}, []int{3, 0, 0, 1})
	check(t, "Parent", d.CSS("b, script").Parent().GetAll(), []string{p.Get()})
	check(t, "Parent of values", d.CSS("p::attr(class)").Parent().HasAttr("title"), true)
	check(t, "Re", p.Re(`<(\w)>|\b(o)ne`), []string{"p", "", "", "o", "b", "", "p", ""})
	check(t, "ReFirst", []string{p.ReFirst(`o\w+`), p.ReFirst(`(t)(w)`), p.ReFirst(`zzz`)}, []string{"one", "t", ""})
	check(t, "Document.Re", d.Re(`CLASS="(.) (.)"`), []string{"c", "d"})
	for range p.All() {
		break // an iterator that is left early stops
	}
}

func TestZeroValues(t *testing.T) {
	var s selector.Selection
	check(t, "zero", []string{s.Get(), s.CSS("a").XPath("//b").Text(), s.HTML(), s.ReFirst("x"), s.Attr("x")}, make([]string, 5))
	check(t, "zero lists", len(s.GetAll())+len(s.Re("x"))+s.First().Len()+s.Last().Len()+s.Parent().Len(), 0)
	if !s.Node().IsZero() || s.JSON(new(any)) == nil {
		t.Error("a zero Selection has a node or JSON")
	}
	var d selector.Document
	check(t, "empty page", d.CSS("html > *").Len(), 2)
	check(t, "empty page", []string{d.Text(), d.Base(), d.Encoding()}, []string{"", "", "utf-8"})
}

func TestBase(t *testing.T) {
	tests := []struct{ body, want string }{
		{`<p>`, "https://site.example/dir/page"},
		{`<base href="/other/">`, "https://site.example/other/"},
		{`<base href=" https://cdn.example/x ">`, "https://cdn.example/x"},
		{`<base target=_top><base href="a/"><base href="b/">`, "https://site.example/dir/a/"},
		{`<body><p><base href="/late/">`, "https://site.example/late/"},
		{`<base href="http://[bad">`, "https://site.example/dir/page"},
		{`<base href="javascript:alert(1)">`, "https://site.example/dir/page"},
		{`<base href="data:text/plain,x">`, "https://site.example/dir/page"},
		{`<base href="">`, "https://site.example/dir/page"},
		{`<svg><base href="/svg/"></svg>`, "https://site.example/dir/page"},
	}
	for _, tt := range tests {
		check(t, tt.body, parse(tt.body).Base(), tt.want)
	}
	feed := selector.Parse([]byte(`<r><base href="/x"/></r>`), "text/xml", "https://site.example/feed")
	check(t, "XML", feed.Base(), "https://site.example/feed")
}

func TestMalformedHTML(t *testing.T) {
	tests := []struct{ body, query, want string }{
		{`<ul><li>a<li>b<p>c`, "li::text", "a b"},
		{`<table><tr><td>1<td>2</table>`, "tbody > tr > td::text", "1 2"},
		{`<div class=a id='b'><p>x</div></p></b>`, "div.a#b > p::text", "x"},
		{`<a href="1"><b>x</a>y</b>`, "b::text", "x y"},
		{`</p><<p>>a</p`, "p::text", ">a"},
		{`<!-- <p>no</p> --><p>yes`, "p::text", "yes"},
		{`<title>a<b>c</title>`, "title::text", "a<b>c"},
		{"<p>a\x00b", "p::text", "ab"},
		{"\xff\xfe", "p", ""},
	}
	for _, tt := range tests {
		got := parse(tt.body).CSS(tt.query).GetAll()
		check(t, tt.body, strings.Join(got, " "), tt.want)
	}
}

func TestDeepPages(t *testing.T) {
	const deep = 20_000
	for _, tag := range []string{"div", "b", "table", "x"} {
		body := strings.Repeat("<"+tag+">", deep) + `<br><a href="/end">end</a>` + strings.Repeat("</"+tag+">", deep) + "<i>after</i>"
		for _, kind := range []string{"text/html", "text/xml"} {
			d := selector.Parse([]byte(body), kind, "")
			check(t, kind+" "+tag, d.CSS("a::attr(href)").Get(), "/end")
			check(t, kind+" "+tag, d.XPath("//a/text()").Get(), "end")
			if kind == "text/html" {
				check(t, "after "+tag, d.CSS("i").Text(), "after")
			}
			if !strings.Contains(d.CSS("*").Get(), "/end") {
				t.Errorf("%s %s: the outer HTML lacks the end", kind, tag)
			}
		}
	}
}

func TestJSON(t *testing.T) {
	type item struct{ Name string }
	tests := []struct{ body, contentType, want string }{
		{`{"name":"é"}`, "application/json", "é"},
		{"\xEF\xBB\xBF" + `{"name":"bom"}`, "application/json", "bom"},
		{"\xFF\xFE{\x00\"\x00n\x00a\x00m\x00e\x00\"\x00:\x00\"\x00\xe9\x00\"\x00}\x00", "application/json", "é"},
		{"{\"name\":\"\xe9\"}", "application/json; charset=iso-8859-1", "é"},
		{`{"name":"é<meta charset=windows-1252>"}`, "text/html", "é<meta charset=windows-1252>"},
	}
	for _, tt := range tests {
		var got item
		if err := selector.Parse([]byte(tt.body), tt.contentType, "").JSON(&got); err != nil {
			t.Errorf("%q: %v", tt.body, err)
		}
		check(t, tt.body, got.Name, tt.want)
	}
	var got item
	d := selector.Parse([]byte("{\n \"name\": x}"), "application/json", "https://site.example/api")
	err := d.JSON(&got)
	if _, ok := errors.AsType[*json.SyntaxError](err); !ok || !strings.Contains(err.Error(), "https://site.example/api: line 2, byte 10") {
		t.Errorf("error is %v", err)
	}
	if err := selector.Parse([]byte(`{"name":5}`), "", "").JSON(&got); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("error is %v", err)
	}
	if err := selector.Parse(nil, "", "").JSON(&got); err == nil {
		t.Error("an empty page is JSON")
	}
	if d.Err() != nil {
		t.Errorf("a fault of the page is an error: %v", d.Err())
	}
}

func TestInlineJSON(t *testing.T) {
	d := parse(`<p>no</p><script type="application/json" id="data" data-x='{"n":3}'>{"n":1, "s":"a&amp;</p>"}</script>`)
	for query, want := range map[string]int{"#data": 1, "#data::text": 1, "#data::attr(data-x)": 3} {
		var v struct{ N int }
		if err := d.CSS(query).JSON(&v); err != nil || v.N != want {
			t.Errorf("%s: %v, %v", query, v, err)
		}
	}
	var v any
	if err := d.CSS("p").JSON(&v); err == nil || !strings.Contains(err.Error(), "https://site.example/dir/page") {
		t.Errorf("error is %v", err)
	}
}

func TestErrIsTheFirst(t *testing.T) {
	d := parse(quotes)
	for _, query := range []func(){
		func() { d.Re("(") },
		func() { d.CSS("[") },
		func() { d.XPath("//[") },
	} {
		query()
	}
	e, ok := errors.AsType[*selector.QueryError](d.Err())
	if !ok || e.Language != "regular expression" || e.Query != "(" || e.Op != "parse" {
		t.Errorf("Err is %v", d.Err())
	}
	if !strings.HasPrefix(e.Error(), "document_test.go:") || e.Unwrap() == nil {
		t.Errorf("Err is %v", e)
	}
	empty := parse("<p>")
	empty.CSS("nothing").CSS("[") // a mistake even where the page has nothing
	if empty.Err() == nil {
		t.Error("a bad query on an empty selection is no error")
	}
}

func TestCompilerIsShared(t *testing.T) {
	var c selector.Compiler
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 300 {
				d := c.Parse([]byte(quotes), "text/html", "")
				id := fmt.Sprintf("q%d-%d", g, i)
				d.CSS("#" + id)
				if n := d.CSS("div.quote").Len(); n != 2 {
					t.Errorf("%d quotes", n)
				}
				if s := d.XPath("count(//div[contains(., 'lost')])").Get(); s != "1" {
					t.Errorf("count is %s", s)
				}
				if c.Parse(nil, "", "").CSS("["); len(d.Re("Thes(e)us")) != 2 {
					t.Error("regular expression")
				}
			}
		})
	}
	all.Wait()
}

func FuzzCharset(f *testing.F) {
	f.Add([]byte("caf\xe9"), "text/html")
	f.Add([]byte("\xFF\xFEa\x00\x01"), "")
	f.Add([]byte(`<meta charset="shift_jis">`+"\x83\x65"), "text/html; charset=bogus")
	f.Add([]byte(`<?xml version='1.0' encoding='koi8-r'?><a>`+"\xc1</a>"), "text/xml")
	f.Add([]byte("\x1b$)C\x0e"), "text/html; charset=iso-2022-kr")
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		d := selector.Parse(body, contentType, "")
		if text := d.Text(); strings.ToValidUTF8(text, "") != text {
			t.Fatalf("text is not UTF-8: %q", text)
		}
		if d.Encoding() == "" {
			t.Fatal("no encoding")
		}
		d.CSS("*").Text()
		d.Base()
	})
}

func TestEncoding(t *testing.T) {
	tests := []struct{ name, body, contentType, text, encoding string }{
		{"utf-8", "é", "text/html", "é", "utf-8"},
		{"ascii", "e", "", "e", "utf-8"},
		{"latin1 by guess", "\xe9", "text/html", "é", "windows-1252"},
		{"latin1 by header", "\xe9", "text/html; charset=ISO-8859-1", "é", "windows-1252"},
		{"header, quoted", "\xe9", `text/html;x=y; CHARSET = "latin1"; charset=utf-8`, "é", "windows-1252"},
		{"shift_jis by header", "\x83\x65\x83\x58\x83\x67", "text/html; charset=Shift_JIS", "テスト", "shift_jis"},
		{"shift_jis by meta", "<meta charset=sjis>\x83\x65", "text/html", "<meta charset=sjis>テ", "shift_jis"},
		{"http-equiv", "<META http-equiv='Content-Type' content='text/html; charset=koi8-r'>\xc1", "", "<META http-equiv='Content-Type' content='text/html; charset=koi8-r'>а", "koi8-r"},
		{"content without http-equiv", "<meta content='charset=koi8-r'>\xe9", "", "<meta content='charset=koi8-r'>é", "windows-1252"},
		{"header before meta", "<meta charset=koi8-r>é", "text/html; charset=utf-8", "<meta charset=koi8-r>é", "utf-8"},
		{"wrong header, meta", "<meta charset=koi8-r>\xc1", "text/html; charset=none", "<meta charset=koi8-r>а", "koi8-r"},
		{"meta that lies", "<meta charset=utf-16>é", "", "<meta charset=utf-16>é", "utf-8"},
		{"meta in a comment", "<!-- <meta charset=koi8-r> -->é", "", "<!-- <meta charset=koi8-r> -->é", "utf-8"},
		{"meta far down", strings.Repeat(" ", 5000) + "<meta charset=koi8-r>é", "", strings.Repeat(" ", 5000) + "<meta charset=koi8-r>é", "utf-8"},
		{"bom", "\xEF\xBB\xBFé", "text/html; charset=latin1", "é", "utf-8"},
		{"utf-16le bom", "\xFF\xFE\xe9\x00", "text/html; charset=utf-8", "é", "utf-16le"},
		{"utf-16be bom", "\xFE\xFF\x00\xe9", "", "é", "utf-16be"},
		{"xml declaration", "<?xml version='1.0' encoding='iso-8859-5'?><a>\xd0</a>", "text/xml", "<?xml version='1.0' encoding='iso-8859-5'?><a>а</a>", "iso-8859-5"},
		{"invalid utf-8", "a\xffb", "text/html; charset=utf-8", "a\uFFFDb", "utf-8"},
		{"replacement", "abc", "text/html; charset=iso-2022-kr", "abc", "utf-8"},
		{"gb18030", "\xc4\xe3", "text/html; charset=gb2312", "你", "gbk"},
		{"letters that shrink", "é", "text/html; İİİİ charset=utf-8", "é", "utf-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := selector.Parse([]byte(tt.body), tt.contentType, "")
			check(t, "text", d.Text(), tt.text)
			check(t, "encoding", d.Encoding(), tt.encoding)
		})
	}
}

func ExampleParse() {
	page := `<h1>Quotes</h1><div class="quote"><q>Know thyself</q> <small>Thales</small></div>
<div class="quote"><q>All flows</q> <small>Heraclitus</small></div><a rel="next" href="?page=2">Next</a>`
	d := selector.Parse([]byte(page), "text/html; charset=utf-8", "https://quotes.example/")
	for quote := range d.CSS("div.quote").All() {
		fmt.Printf("%s: %s\n", quote.CSS("small::text").Get(), quote.CSS("q::text").Get())
	}
	fmt.Println(d.CSS("a[rel=next]::attr(href)").Get())
	fmt.Println(d.XPath("count(//q)").Get())
	// Output:
	// Thales: Know thyself
	// Heraclitus: All flows
	// ?page=2
	// 2
}

func ExampleDocument_Err() {
	d := selector.Parse([]byte("<p>"), "text/html", "https://site.example/")
	d.CSS("div[class")
	if e, ok := errors.AsType[*selector.QueryError](d.Err()); ok {
		fmt.Println(e.Query, "at offset", e.Offset, "-", e.Err)
	}
	// Output: div[class at offset 9 - unexpected end, expected an attribute operator or ]
}

func ExampleSelection_Re() {
	d := selector.Parse([]byte(`<p>12 eggs</p><p>3 pears</p>`), "text/html", "")
	fmt.Println(d.CSS("p::text").Re(`(\d+) (\w+)`))
	fmt.Println(d.CSS("p::text").ReFirst(`\d+`))
	// Output:
	// [12 eggs 3 pears]
	// 12
}

func ExampleSelection_JSON() {
	d := selector.Parse([]byte(`<script type="application/ld+json">{"price": 12.5}</script>`), "text/html", "")
	var product struct{ Price float64 }
	if err := d.CSS("script").JSON(&product); err != nil {
		fmt.Println(err)
	}
	fmt.Println(product.Price)
	// Output: 12.5
}

func ExampleDocument_JSON() {
	d := selector.Parse([]byte(`{"items": ["a", "b"]}`), "application/json", "https://site.example/api")
	var page struct{ Items []string }
	if err := d.JSON(&page); err != nil {
		fmt.Println(err)
	}
	fmt.Println(page.Items)
	// Output: [a b]
}

func ExampleDocument_Base() {
	d := selector.Parse([]byte(`<base href="/shop/">`), "text/html", "https://site.example/index.html")
	fmt.Println(d.Base())
	// Output: https://site.example/shop/
}

func ExampleCompiler() {
	var c selector.Compiler // one for all pages: "h1::text" is parsed once
	for _, page := range []string{"<h1>One</h1>", "<h1>Two</h1>"} {
		fmt.Println(c.Parse([]byte(page), "text/html", "").CSS("h1::text").Get())
	}
	// Output:
	// One
	// Two
}

func BenchmarkPage(b *testing.B) {
	var page strings.Builder
	page.WriteString("<!DOCTYPE html><html><head><meta charset=utf-8><title>Bench</title></head><body>")
	for i := range 10 {
		fmt.Fprintf(&page, `<div class="quote"><span class="text">%s</span><small class="author">Author %d</small><p>%s</p></div>`,
			strings.Repeat("word ", 60), i, strings.Repeat("lorem ", 60))
	}
	for i := range 40 {
		fmt.Fprintf(&page, `<ul><li class="nav"><a href="/page/%d?from=bench">Page number %d</a></li></ul>`, i, i)
	}
	body := []byte(page.String())
	queries := []struct{ name, items, text, author, links string }{
		{"css", "div.quote", "span.text::text", "small.author::text", "a::attr(href)"},
		{"xpath", "//div[@class='quote']", "./span[@class='text']/text()", "./small[@class='author']/text()", "//a/@href"},
	}
	var c selector.Compiler
	for _, q := range queries {
		b.Run(q.name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			get := selector.Selection.CSS
			from := (*selector.Document).CSS
			if q.name == "xpath" {
				get, from = selector.Selection.XPath, (*selector.Document).XPath
			}
			for b.Loop() {
				d := c.Parse(body, "text/html; charset=utf-8", "https://site.example/")
				n := 0
				for item := range from(d, q.items).All() {
					n += len(get(item, q.text).Get()) + len(get(item, q.author).Get())
				}
				if links := from(d, q.links).GetAll(); len(links) != 40 || n == 0 {
					b.Fatalf("%d links, %d bytes of items, %v", len(links), n, d.Err())
				}
			}
		})
	}
	b.Run("parse", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			c.Parse(body, "text/html; charset=utf-8", "").CSS("nothing")
		}
	})
}
