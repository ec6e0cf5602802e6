package links

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/clew-crawler/clew/selector"
)

const page = `<html><body>
<nav><a href="/home">Home</a> <a href="/news" rel="UGC NoFollow">  The
 <b>news</b> </a></nav>
<main>
<a href="item/1?b=2&amp;a=1#top">One</a>
<a href="item/1?a=1&amp;b=2">One again</a>
<a href="http://[bad">Bad</a> <a href="mailto:me@e.com">Mail</a> <a>None</a>
<a HREF="/files/report.PDF">Report</a> <a href="/files/all.tar.gz?x">All</a> <a href="/v1.2/notes">Notes</a>
<map><area href="https://Sub.Other.org:443/map"></map>
<img src="/cat.png"><link href="/style">
</main>
<a href="https://notother.org/">Last</a>
</body></html>`

func parsePage(body string) *selector.Document {
	return selector.Parse([]byte(body), "text/html; charset=utf-8", "https://e.com/dir/page")
}

func urls(found []Link) []string {
	var list []string
	for _, link := range found {
		list = append(list, link.URL)
	}
	return list
}

func regexps(patterns ...string) (list []*regexp.Regexp) {
	for _, p := range patterns {
		list = append(list, regexp.MustCompile(p))
	}
	return list
}

func TestExtract(t *testing.T) {
	const (
		home  = "https://e.com/home"
		news  = "https://e.com/news"
		item  = "https://e.com/dir/item/1?b=2&a=1"
		notes = "https://e.com/v1.2/notes"
		other = "https://sub.other.org/map"
		last  = "https://notother.org/"
		pdf   = "https://e.com/files/report.PDF"
		tgz   = "https://e.com/files/all.tar.gz?x"
	)
	tests := []struct {
		name      string
		extractor Extractor
		want      []string
	}{
		{"zero value", Extractor{}, []string{home, news, item, notes, other, last}},
		{"allow", Extractor{Allow: regexps(`/item/\d`, "home$")}, []string{home, item}},
		{"deny wins", Extractor{Allow: regexps("e.com"), Deny: regexps("news", "item")}, []string{home, notes}},
		{"allow domains", Extractor{AllowDomains: []string{"OTHER.org"}}, []string{other}},
		{"allow several domains", Extractor{AllowDomains: []string{"other.org", "E.com"}}, []string{home, news, item, notes, other}},
		{"allow domains that are none", Extractor{AllowDomains: []string{"https://e.com/"}}, nil},
		{"deny domains", Extractor{DenyDomains: []string{"Other.ORG", "e.com"}}, []string{last}},
		{"restrict by CSS", Extractor{RestrictCSS: []string{"nav"}}, []string{home, news}},
		{"restrict by XPath", Extractor{RestrictXPath: []string{"//map"}}, []string{other}},
		{"restrict by both, in document order", Extractor{RestrictCSS: []string{"map"}, RestrictXPath: []string{"//nav"}}, []string{home, news, other}},
		{"restrict to a link itself", Extractor{RestrictCSS: []string{"a[rel]"}}, []string{news}},
		{"restrict to overlapping parts", Extractor{RestrictCSS: []string{"main", "map"}}, []string{item, notes, other}},
		{"restriction that matches nothing", Extractor{RestrictCSS: []string{"footer"}}, nil},
		{"restriction by XPath that matches nothing", Extractor{RestrictXPath: []string{"//footer"}}, nil},
		{"tags", Extractor{Tags: []string{"area"}}, []string{other}},
		{"tags and attributes", Extractor{Tags: []string{"img", "link"}, Attrs: []string{"src", "href"}, AllExtensions: true}, []string{"https://e.com/cat.png", "https://e.com/style"}},
		{"own extensions", Extractor{DenyExtensions: []string{".TAR.gz"}}, []string{home, news, item, pdf, notes, other, last}},
		{"own short extension", Extractor{DenyExtensions: []string{"gz"}}, []string{home, news, item, pdf, notes, other, last}},
		{"own extension of something else", Extractor{DenyExtensions: []string{"tar"}}, []string{home, news, item, pdf, tgz, notes, other, last}},
		{"all extensions", Extractor{AllExtensions: true}, []string{home, news, item, pdf, tgz, notes, other, last}},
		{"fragments", Extractor{KeepFragment: true, Allow: regexps("item")}, []string{item + "#top", "https://e.com/dir/item/1?a=1&b=2"}},
		{"process", Extractor{Process: func(url string) string {
			if strings.Contains(url, "item") {
				return "../made"
			}
			return ""
		}}, []string{"https://e.com/made"}},
		{"process gives nonsense", Extractor{Process: func(string) string { return "http://[bad" }}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			doc := parsePage(page)
			if got := urls(tt.extractor.Extract(doc)); !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			if err := doc.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestExtractGivesTextAndNoFollow(t *testing.T) {
	got := Extractor{RestrictCSS: []string{"nav"}}.Extract(parsePage(page))
	want := []Link{
		{URL: "https://e.com/home", Text: "Home"},
		{URL: "https://e.com/news", Text: "The news", NoFollow: true},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestExtractReadsBase(t *testing.T) {
	tests := []struct {
		base string
		want []string
	}{
		{"https://cdn.e.org/x/", []string{"https://cdn.e.org/x/a", "https://abs.org/"}},
		{"/other/", []string{"https://e.com/other/a", "https://abs.org/"}},
		{"mailto:me@e.com", []string{"https://abs.org/"}},
	}
	for _, tt := range tests {
		doc := parsePage(`<base href="` + tt.base + `"><a href="a"></a><a href="https://abs.org"></a>`)
		if got := urls(Extractor{}.Extract(doc)); !slices.Equal(got, tt.want) {
			t.Errorf("base %q: got %q, want %q", tt.base, got, tt.want)
		}
	}
}

func TestExtractReportsBadSelectorsByTheDocument(t *testing.T) {
	doc := parsePage(page)
	if got := (Extractor{RestrictCSS: []string{"nav[["}}).Extract(doc); got != nil || doc.Err() == nil {
		t.Errorf("got %q, doc.Err() = %v", urls(got), doc.Err())
	}
}

func TestMatches(t *testing.T) {
	e := Extractor{
		Allow:        regexps("/blog/"),
		Deny:         regexps("draft"),
		AllowDomains: []string{"example.com"},
		DenyDomains:  []string{"old.example.com"},
		Process:      func(string) string { panic("called") },
	}
	tests := []struct {
		url  string
		want bool
	}{
		{"https://www.Example.com/blog/1", true},
		{"https://example.com/news/1", false},
		{"https://example.com/blog/draft", false},
		{"https://old.example.com/blog/1", false},
		{"https://other.org/blog/1", false},
		{"https://example.com/blog/1.ZIP", false},
		{"https://example.com/blog/1?f=1.zip", true},
		{"https://example.com/blog/a.b/zip", true},
		{"ftp://example.com/blog/1", false},
		{"/blog/1", false},
	}
	for _, tt := range tests {
		if got := e.Matches(tt.url); got != tt.want {
			t.Errorf("Matches(%q) = %t, want %t", tt.url, got, tt.want)
		}
	}
}

func TestExtractorValidate(t *testing.T) {
	if err := (Extractor{AllowDomains: []string{"a.org"}, DenyDomains: []string{"b.org:80"}}).Validate(); err != nil {
		t.Error(err)
	}
	err := Extractor{AllowDomains: []string{"a/b"}, DenyDomains: []string{"*.c"}}.Validate()
	for _, want := range []string{"AllowDomains", `"a/b"`, "DenyDomains", `"*.c"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate() = %v, want it to name %s", err, want)
		}
	}
}

func FuzzExtract(f *testing.F) {
	f.Add(page)
	f.Add(`<base href="//x"><a href="?"><a href="..\&#0;">`)
	f.Fuzz(func(t *testing.T, body string) {
		found := Extractor{}.Extract(parsePage(body))
		seen := map[string]bool{}
		for _, link := range found {
			canonical, err := Canonicalizer{}.Canonical(link.URL)
			if err != nil || seen[canonical] || strings.Contains(link.URL, "#") {
				t.Errorf("%q (canonical %q, %v) does not belong in the result", link.URL, canonical, err)
			}
			seen[canonical] = true
		}
	})
}

// TestTextOf compares the text of links with the plain way to collapse it.
func TestTextOf(t *testing.T) {
	for _, inside := range []string{
		"", " ", "one", " one\n\ttwo ", "<b>one</b>two", "one <b> two</b>\u00a0three", "<b> </b>", "é\u2003<i>ü </i><i> ö</i> ",
	} {
		doc := parsePage(`<a href="/x">` + inside + "</a>")
		plain := ""
		for n := range doc.CSS("a").Node().Descendants() {
			if n.IsText() {
				plain += n.Data()
			}
		}
		found := Extractor{}.Extract(doc)
		if want := strings.Join(strings.Fields(plain), " "); len(found) != 1 || found[0].Text != want {
			t.Errorf("%q gives %+v, want the text %q", inside, found, want)
		}
	}
}

// TestExtractKeeps checks that links stay what they are when the page's memory holds
// another page.
func TestExtractKeeps(t *testing.T) {
	doc := parsePage(`<a href=" https://e.com/absolute ">absolute</a><a href="/relative">relative</a>` + strings.Repeat(" ", 1000))
	found := Extractor{}.Extract(doc)
	want := slices.Clone(found)
	for i, link := range want {
		want[i].URL, want[i].Text = strings.Clone(link.URL), strings.Clone(link.Text)
	}
	doc.Close()
	for range 10 {
		parsePage(strings.Repeat("<p>something else</p>", 10)).CSS("p")
	}
	if len(found) != 2 || !slices.Equal(found, want) {
		t.Errorf("the links became %+v, were %+v", found, want)
	}
}
