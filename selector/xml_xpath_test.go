package selector_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/clew-crawler/clew/selector"
)

const feed = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE rss [<!ENTITY lol "lol">]>
<?xml-stylesheet href="x"?>
<rss version="2.0" xmlns:media="http://search.example/mrss/" xmlns:dc="x">
<channel><title>Feed &amp; Co</title><link>https://site.example/</link>
<item><title>One</title><link>https://site.example/1</link><pubDate>Mon</pubDate><dc:creator>Ada</dc:creator>
<description><![CDATA[<p>Hi]]> &eacute; &lol; &amp; a & b]]></description><media:content url="1.jpg"/><guid isPermaLink="false">g1</guid></item>
<item><title>Two</title><link>https://site.example/2</link><pubDate>Tue</pubDate><media:title>M</media:title></item>
</channel></rss>`

const sitemap = `<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
<url><loc>https://site.example/a</loc><lastmod>2026-01-01</lastmod></url><url><loc> https://site.example/b </loc></url></urlset>`

func TestXML(t *testing.T) {
	d := selector.Parse([]byte(feed), "application/rss+xml", "")
	css := []struct{ query, want string }{
		{"item > title::text", "One|Two|M"},
		{"item link::text", "https://site.example/1|https://site.example/2"},
		{"pubDate::text", "Mon|Tue"},
		{"creator::text", "Ada"},
		{"dc|creator::text", "Ada"},
		{"media|title::text", "M"},
		{"media|content::attr(url)", "1.jpg"},
		{"guid::attr(isPermaLink)", "false"},
		{"guid[isPermaLink=false]::text", "g1"},
		{"item:first-of-type description::text", "<p>Hi é &lol; & a & b]]>"},
		{"item:has(creator) > title::text", "One"},
		{"rss::attr(xmlns|media)", "http://search.example/mrss/"},
	}
	for _, tt := range css {
		check(t, tt.query, strings.Join(d.CSS(tt.query).GetAll(), "|"), tt.want)
	}
	xpath := []struct{ query, want string }{
		{"//item/title/text()", "One|Two"},
		{"//item[pubDate='Tue']/link/text()", "https://site.example/2"},
		{"//*[local-name()='creator']/text()", "Ada"},
		{"//dc:creator/text()", "Ada"},
		{"//media:content/@url", "1.jpg"},
		{"string(/rss/channel/title)", "Feed & Co"},
		{"//guid/@isPermaLink", "false"},
	}
	for _, tt := range xpath {
		check(t, tt.query, strings.Join(d.XPath(tt.query).GetAll(), "|"), tt.want)
	}
	check(t, "outer XML", d.CSS("item").Last().Get(),
		`<item><title>Two</title><link>https://site.example/2</link><pubDate>Tue</pubDate><media:title>M</media:title></item>`)
	check(t, "empty element", d.CSS("media|content").Get(), `<media:content url="1.jpg"/>`)
	check(t, "Attr with a prefix", d.CSS("rss").Attr("xmlns:dc"), "x")
	if err := d.Err(); err != nil {
		t.Error(err)
	}
}

func TestSitemap(t *testing.T) {
	for _, contentType := range []string{"application/xml", "text/xml; charset=utf-8", "text/html", "", "text/plain"} {
		d := selector.Parse([]byte(sitemap), contentType, "")
		check(t, contentType, d.CSS("url > loc").Len(), 2)
		check(t, contentType, d.XPath("//url/loc/text()").Get(), "https://site.example/a")
		check(t, contentType, d.CSS("loc").Last().Text(), "https://site.example/b")
	}
}

func TestXMLOrHTML(t *testing.T) {
	tests := []struct{ body, contentType, query string }{
		{`<?xml version="1.0"?><!-- c --><!DOCTYPE html><html><P>x`, "text/html", "html > body > p"},
		{`<html><P>x`, "application/xhtml+xml", "body > p"},
		{"\n<?xml version='1.0'?><Root><Br>x</Br></Root>", "", "Root > Br"},
		{`<Root/>`, "application/atom+xml", "Root"},
		{"\xFF\xFE<\x00?\x00x\x00m\x00l\x00?\x00>\x00<\x00R\x00/\x00>\x00", "", "R:root"},
		{`<?xml`, "text/html", ":root > body"},
	}
	for _, tt := range tests {
		if n := selector.Parse([]byte(tt.body), tt.contentType, "").CSS(tt.query).Len(); n != 1 {
			t.Errorf("%q as %q: %s finds %d", tt.body, tt.contentType, tt.query, n)
		}
	}
}

func TestMalformedXML(t *testing.T) {
	tests := []struct{ body, want string }{
		{"<a><b>1</b><b>2", "1 2"},
		{"<a><b>1</c></b><b>2</b></a>", "1 2"},
		{"<a><b>1\x01</b><b>2</b>", "1 2"},
		{"<a><b x=1 y>1</b><b>2</b></a></a></a>", "1 2"},
		{"<a><b>1 < 2</b><b>]]>&eacute;</b><b x=\"></b><b>3</b>", "1 < 2 ]]>é 3"},
		{"<b>1</b><b>2</b>", "1 2"},
	}
	for _, tt := range tests {
		d := selector.Parse([]byte(tt.body), "text/xml", "")
		check(t, tt.body, strings.Join(d.CSS("b::text").GetAll(), " "), tt.want)
	}
}

func TestXPath(t *testing.T) {
	tests := []struct{ query, want string }{
		{"//li[@class='new']/@id", "a e"},
		{"//ul/li[1]/@id", "a e"},
		{"(//li)[2]/@id", "b"},
		{"//p/a/@href | //h1/text()", "Books /1 /2"},
		{"//li[@id='e']/ancestor::li/@id", "d"},
		{"//li[@id='c']/preceding-sibling::li/@id", "a b"},
		{"//div//li/@id", "a b c d e"},
		{"//ul/li/@id", "a b c d e"},
		{"count(//li)", "5"},
		{"count(//li) div 2", "2.5"},
		{"0 div 0", "NaN"},
		{"1 div 0", "Infinity"},
		{"string(//h1)", "Books"},
		{"concat('a', 'b')", "ab"},
		{"count(//li) > 4", "true"},
		{"boolean(//nothing)", "false"},
		{"//li[contains(., 'B')]/text()", "B"},
		{"//nothing", ""},
		{"/html/head/title/text()", "Shelf"},
		{"//a[@title]/@*", "/1 First Link"},
		{"name(/*)", "html"},
	}
	var c selector.Compiler
	for _, tt := range append(tests, tests...) { // the second time compiled before
		d := c.Parse([]byte(shelf), "text/html", "")
		check(t, tt.query, strings.Join(d.XPath(tt.query).GetAll(), " "), tt.want)
		if err := d.Err(); err != nil {
			t.Error(err)
		}
	}
}

func TestXPathOnSelection(t *testing.T) {
	tests := []struct{ of, query, want string }{
		{"dt", "./following-sibling::dd[1]/text()", "v1 v2"},
		{"dt", "./following-sibling::dd/@id", "d1 d2"},
		{"#d", ".//li/@id", "e"},
		{"#d", "//h1/text()", "Books"},
		{"li, ul", "/html/head/title/text()", "Shelf"},
		{"#d, #a", "@id", "a d"},
		{"dt", "string(.)", "k1 k2"},
		{"#p1, #p3", "count(a)", "1 1"},
		{"#b::text", "../@id", "b"},
		{"#b::attr(id)", "..", ""},
		{"nothing", "//li", ""},
	}
	for _, tt := range tests {
		d := selector.Parse([]byte(shelf), "text/html", "")
		check(t, tt.of+" "+tt.query, strings.Join(d.CSS(tt.of).XPath(tt.query).GetAll(), " "), tt.want)
	}
}

func TestXPathFaults(t *testing.T) {
	for _, query := range []string{
		"", " ", "//", "//[", "//li[", "//li[@", "nosuch(1)", "'open", "//li[1", "1 +", "$x", "//a[matches(., '(')]",
		strings.Repeat("(", 1000), "@@", "//li]", "contains()", "a:b:c", "sum('x')", "//li foo", "1 2",
	} {
		d := selector.Parse([]byte(shelf), "text/html", "")
		if n := d.XPath(query).Len(); n != 0 {
			t.Errorf("%q: %d results", query, n)
		}
		e, ok := errors.AsType[*selector.QueryError](d.Err())
		if !ok || e.Language != "XPath" || !strings.HasSuffix(e.File, "xpath_test.go") {
			t.Errorf("%q: Err is %v", query, d.Err())
		}
	}
}

func FuzzXPath(f *testing.F) {
	for _, q := range []string{
		"//li[@class='new']/@id", "count(//a) + 1", "//a[contains(., 'x')][position() < 3]", "string(//h1) | 2",
		"//li/ancestor::*[last()]", "reverse(//li)", "//a[not(@x) or @y and 1 = 2]", "-//*", "//processing-instruction('x')",
	} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		d := selector.Parse([]byte(shelf), "text/html", "")
		all := d.XPath(query)
		if d.Err() != nil && all.Len() > 0 {
			t.Fatalf("%q gives results and the error %v", query, d.Err())
		}
		all.GetAll()
		d.CSS("li").XPath(query)
	})
}

func FuzzXML(f *testing.F) {
	f.Add(feed)
	f.Add(sitemap)
	f.Add("<a><![CDATA[x]]>&#x41;<b c='d' e=f g/><?p i?></a>")
	f.Add("<a><a></b></a:c></a>")
	f.Fuzz(func(t *testing.T, body string) {
		d := selector.Parse([]byte(body), "text/xml; charset=utf-8", "")
		elements := d.CSS("*")
		if n := d.XPath("count(//*)").Get(); n != fmt.Sprint(elements.Len()) {
			t.Fatalf("CSS finds %d elements, XPath %s", elements.Len(), n)
		}
		elements.First().HTML()
		if err := d.Err(); err != nil {
			t.Fatal(err)
		}
	})
}

func ExampleDocument_XPath() {
	feed := `<rss><channel><item><title>News</title><pubDate>Mon, 05 Jan 2026</pubDate></item></channel></rss>`
	d := selector.Parse([]byte(feed), "application/rss+xml", "https://site.example/feed")
	for item := range d.XPath("//item").All() {
		fmt.Println(item.XPath("./title/text()").Get(), "-", item.XPath("./pubDate/text()").Get())
	}
	// Output: News - Mon, 05 Jan 2026
}
