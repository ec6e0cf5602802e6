package selector_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/net/html/charset"

	"github.com/clew-crawler/clew/selector"
)

// FuzzHTML holds that the two languages see the same page, and that what a page is
// written out as reads as text again.
func FuzzHTML(f *testing.F) {
	f.Fuzz(func(t *testing.T, body string) {
		d := selector.Parse([]byte(body), "text/html; charset=utf-8", "https://site.example/a")
		for css, xpath := range map[string]string{
			"*": "//*", "a::attr(href)": "//a/@href", "p > *": "//p/*", "div p": "//div//p", "[id]": "//*[@id]",
			"ul > li + li": "//ul/li/following-sibling::*[1][self::li]",
		} {
			byCSS, byXPath := d.CSS(css), d.XPath(xpath)
			if css == "a::attr(href)" && strings.Contains(strings.ToLower(body), "xlink") {
				continue // CSS takes a prefixed attribute if there is no other, XPath does not
			}
			if !slices.Equal(byCSS.GetAll(), byXPath.GetAll()) {
				t.Errorf("%s gives %q, %s gives %q", css, byCSS.GetAll(), xpath, byXPath.GetAll())
			}
		}
		if n := d.XPath("count(//*)").Get(); n != fmt.Sprint(d.CSS("*").Len()) {
			t.Errorf("CSS finds %d elements, XPath %s", d.CSS("*").Len(), n)
		}
		for one := range d.CSS("*").All() {
			if !utf8.ValidString(one.HTML()) || !utf8.ValidString(one.Text()) {
				t.Errorf("%q is not UTF-8", one.HTML())
			}
			break
		}
		d.Base()
		if err := d.Err(); err != nil {
			t.Error(err)
		}
	})
}

// FuzzCharsetRoundTrip holds that a page in any encoding is read as what was
// written, however it says which one it is in.
func FuzzCharsetRoundTrip(f *testing.F) {
	names := []string{
		"utf-8", "windows-1252", "windows-1251", "koi8-r", "iso-8859-2", "iso-8859-15", "macintosh",
		"shift_jis", "euc-jp", "gbk", "gb18030", "big5", "euc-kr", "windows-874",
	}
	f.Fuzz(func(t *testing.T, text string, which, how uint8) {
		name := names[int(which)%len(names)]
		body, contentType := text, "text/html"
		switch how % 4 {
		case 0:
			contentType = "text/html; charset=" + name
		case 1:
			contentType = `text/html;x=y ;CharSet = "` + strings.ToUpper(name) + `"`
		case 2:
			body = "<meta charset=" + name + ">" + text
		case 3:
			body = "<meta http-equiv=content-type content='text/html;charset=" + name + "'>" + text
		}
		encoding, _ := charset.Lookup(name)
		written, err := encoding.NewEncoder().String(body)
		if err != nil || !utf8.ValidString(text) || strings.HasPrefix(text, "\ufeff") {
			return
		}
		if back, err := encoding.NewDecoder().String(written); err != nil || back != body {
			return // the encoding has two spellings of a character
		}
		if strings.HasPrefix(written, "\xff\xfe") || strings.HasPrefix(written, "\xfe\xff") || strings.HasPrefix(written, "\xef\xbb\xbf") {
			return // a byte order mark, which goes before everything
		}
		d := selector.Parse([]byte(written), contentType, "")
		if d.Text() != body || d.Encoding() != name {
			t.Errorf("%q in %s, said by %s, is read as %q in %s", body, name, contentType, d.Text(), d.Encoding())
		}
	})
}

// FuzzTime holds that no selector takes long on any page: there is a bound on the
// steps of one query, and none on how they are combined.
func FuzzTime(f *testing.F) {
	f.Fuzz(func(t *testing.T, unit, css, xpath string) {
		if unit == "" || len(unit) > 100 || len(css)+len(xpath) > 200 {
			return
		}
		before, err := processor()
		d := selector.Parse([]byte(strings.Repeat(unit, 4000/len(unit))), "text/html", "")
		d.CSS(css).Len()
		d.XPath(xpath).Len()
		after, aerr := processor()
		if err := errors.Join(err, aerr); err != nil {
			t.Fatal(err)
		}
		limit := 10 * time.Second
		if raced {
			limit *= 6 // as it slows everything down
		}
		if took := after - before; took > limit {
			t.Errorf("%q and %q on %q many times took %v", css, xpath, unit, took)
		}
	})
}

// FuzzRe holds that a regular expression either is one or is an error of the document.
func FuzzRe(f *testing.F) {
	f.Fuzz(func(t *testing.T, pattern, body string) {
		d := selector.Parse([]byte(body), "text/plain; charset=utf-8", "")
		found := d.Re(pattern)
		if d.Err() != nil && found != nil {
			t.Errorf("%q gives results and the error %v", pattern, d.Err())
		}
		for _, s := range found {
			if !strings.Contains(d.Text(), s) {
				t.Errorf("%q found %q, which is not in %q", pattern, s, d.Text())
			}
		}
	})
}

// FuzzJSON holds that JSON is read as encoding/json reads it, byte order mark and
// encoding aside, and that errors do not panic on the way to their place.
func FuzzJSON(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte) {
		var v any
		err := selector.Parse(body, "application/json", "https://site.example/x").JSON(&v)
		if err != nil && !strings.Contains(err.Error(), "https://site.example/x") {
			t.Errorf("error %q does not name the page", err)
		}
		var again any
		if err == nil && !strings.HasPrefix(string(body), "\ufeff") && selector.Parse(append([]byte("\xef\xbb\xbf"), body...), "", "").JSON(&again) != nil && utf8.Valid(body) {
			t.Errorf("%q cannot be read behind a byte order mark", body)
		}
	})
}
