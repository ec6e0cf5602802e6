package links

import (
	"errors"
	"strings"
	"testing"

	whatwg "github.com/nlnwa/whatwg-url/url"
)

func TestCanonical(t *testing.T) {
	tests := []struct{ raw, want string }{
		{"https://example.com/a", "https://example.com/a"},
		{"https://example.com", "https://example.com/"},
		{"HTTP://EXAMPLE.com:80/A", "http://example.com/A"},
		{"https://example.com:443/", "https://example.com/"},
		{"https://example.com:80/", "https://example.com:80/"},
		{"https://example.com:08443/", "https://example.com:8443/"},
		{"http://example.com?b", "http://example.com/?b"},
		{"  https://example.com/a\n", "https://example.com/a"},
		{"https://exa\tmple.com/a", "https://example.com/a"},
		{"https:\\\\example.com\\a", "https://example.com/a"},
		{"https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"},
		{"http://0x7f.1/", "http://127.0.0.1/"},
		{"http://[::0:1]:80/", "http://[::1]/"},
		{"https://e.com/a/./b/../c", "https://e.com/a/c"},
		{"https://e.com/a/%2e%2E/c", "https://e.com/c"},
		{"https://e.com/../../a", "https://e.com/a"},
		{"https://e.com/a//b", "https://e.com/a//b"},
		{"https://e.com/a/", "https://e.com/a/"},
		{"https://e.com/%7euser/%41%2d", "https://e.com/~user/A-"},
		{"https://e.com/a%2fb", "https://e.com/a%2Fb"},
		{"https://e.com/a b", "https://e.com/a%20b"},
		{"https://e.com/a|b^[c]", "https://e.com/a%7Cb%5E%5Bc%5D"},
		{"https://e.com/100%", "https://e.com/100%25"},
		{"https://e.com/%%32e", "https://e.com/%252e"},
		{"https://e.com/?b=2&a=1", "https://e.com/?a=1&b=2"},
		{"https://e.com/?b=2&a=2&b=1&a=1", "https://e.com/?a=2&a=1&b=2&b=1"},
		{"https://e.com/?b&a=", "https://e.com/?a=&b"},
		{"https://e.com/?b=&b", "https://e.com/?b=&b"},
		{"https://e.com/?a=1&&b=2&", "https://e.com/?a=1&b=2"},
		{"https://e.com/?", "https://e.com/"},
		{"https://e.com/?&", "https://e.com/"},
		{"https://e.com/?q=a b", "https://e.com/?q=a%20b"},
		{"https://e.com/?q=a+b", "https://e.com/?q=a+b"},
		{"https://e.com/?q=%c3%bc%", "https://e.com/?q=%C3%BC%25"},
		{"https://e.com/?q=ü", "https://e.com/?q=%C3%BC"},
		{"https://e.com/?a[]=2&a%5b%5d=1", "https://e.com/?a%5B%5D=2&a%5B%5D=1"},
		{"https://e.com/?u=http://x/?y", "https://e.com/?u=http://x/?y"},
		{"https://e.com/a#b", "https://e.com/a"},
		{"https://e.com/a#", "https://e.com/a"},
		{"https://user:pa%20ss@e.com/", "https://user:pa%20ss@e.com/"},
		{"https://e.com./a", "https://e.com./a"},
	}
	for _, tt := range tests {
		got, err := Canonicalizer{}.Canonical(tt.raw)
		if got != tt.want || err != nil {
			t.Errorf("Canonical(%q) = %q, %v, want %q", tt.raw, got, err, tt.want)
		}
	}
}

func TestCanonicalKeepsFragmentOnRequest(t *testing.T) {
	tests := []struct{ raw, want string }{
		{"https://e.com/?b&a#!/%7ex y", "https://e.com/?a&b#!/~x%20y"},
		{"https://e.com/a#b", "https://e.com/a#b"},
		{"https://e.com/a#", "https://e.com/a"},
	}
	for _, tt := range tests {
		got, err := Canonicalizer{KeepFragment: true}.Canonical(tt.raw)
		if got != tt.want || err != nil {
			t.Errorf("Canonical(%q) = %q, %v, want %q", tt.raw, got, err, tt.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	long := "https://e.com/" + strings.Repeat("a", MaxLength)
	tests := []struct {
		raw  string
		want error
	}{
		{"", ErrInvalid},
		{"/a", ErrInvalid},
		{"example.com", ErrInvalid},
		{"http://", ErrInvalid},
		{"http://[bad", ErrInvalid},
		{"http://a b/", ErrInvalid},
		{"http://e.com:99999/", ErrInvalid},
		{"http://1.2.3.999/", ErrInvalid},
		{"ftp://e.com/", ErrScheme},
		{"file:///etc/passwd", ErrScheme},
		{"mailto:a@e.com", ErrScheme},
		{" java\nscript:alert(1)", ErrScheme},
		{"data:image/png;base64," + strings.Repeat("A", 2*MaxLength), ErrScheme},
		{"localhost:8080/a", ErrScheme},
		{long, ErrTooLong},
		{"https://e.com" + strings.Repeat("/", 5000), ErrTooLong},
		{"https://e.com" + strings.Repeat("\\", 5000), ErrTooLong},
		{"https://" + strings.Repeat("@", 5000) + "e.com/", ErrTooLong},
		{"https://" + strings.Repeat("u", 5000) + "@e.com", ErrTooLong},
		{"https://e.com/" + strings.Repeat("ü", MaxLength/3), ErrTooLong},
		{"https://e.com/" + strings.Repeat("|", MaxLength/2), ErrTooLong},
	}
	for _, tt := range tests {
		got, err := Canonicalizer{}.Canonical(tt.raw)
		if !errors.Is(err, tt.want) || got != "" {
			t.Errorf("Canonical(%.40q) = %.40q, %v, want %v", tt.raw, got, err, tt.want)
		}
		if err != nil && len(err.Error()) > 1000 {
			t.Errorf("Canonical(%.40q): an error of %d bytes", tt.raw, len(err.Error()))
		}
	}
}

func TestErrorsHidePasswords(t *testing.T) {
	_, err := Canonicalizer{}.Canonical("https://user:secret@e.com:99999/")
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "e.com") {
		t.Errorf("err = %v", err)
	}
}

func TestResolve(t *testing.T) {
	const base = "https://e.com/a/b/c.html?q=1#top"
	tests := []struct{ href, want string }{
		{"", "https://e.com/a/b/c.html?q=1"},
		{"  ", "https://e.com/a/b/c.html?q=1"},
		{"#x", "https://e.com/a/b/c.html?q=1#x"},
		{"?", "https://e.com/a/b/c.html?"},
		{"?b=2&a=1", "https://e.com/a/b/c.html?b=2&a=1"},
		{"/", "https://e.com/"},
		{"/x/y", "https://e.com/x/y"},
		{"d", "https://e.com/a/b/d"},
		{"d/e?f#g", "https://e.com/a/b/d/e?f#g"},
		{".", "https://e.com/a/b/"},
		{"./", "https://e.com/a/b/"},
		{"./d", "https://e.com/a/b/d"},
		{"..", "https://e.com/a/"},
		{"../d", "https://e.com/a/d"},
		{"../../d", "https://e.com/d"},
		{"../../../../d", "https://e.com/d"},
		{"..//d", "https://e.com/a//d"},
		{".././?x", "https://e.com/a/?x"},
		{"../d/../e", "https://e.com/a/e"},
		{"%2e%2e/d", "https://e.com/a/d"},
		{".hidden", "https://e.com/a/b/.hidden"},
		{"//other.org/x", "https://other.org/x"},
		{"///other.org/x", "https://other.org/x"},
		{"\\\\other.org\\x", "https://other.org/x"},
		{"\\x", "https://e.com/x"},
		{"HTTP://Other.ORG", "http://other.org/"},
		{"https:d", "https://e.com/a/b/d"},
		{"http:d", "http://d/"},
		{" /x\n", "https://e.com/x"},
		{"/x\ny", "https://e.com/xy"},
		{"/a b", "https://e.com/a%20b"},
		{"/ü", "https://e.com/%C3%BC"},
		{"/%7e", "https://e.com/%7e"},
		{"/50%", "https://e.com/50%25"},
		{"/x?50%", "https://e.com/x?50%"},
		{"x'y?'", "https://e.com/a/b/x'y?%27"},
		{"a/b:c", "https://e.com/a/b/a/b:c"},
		{"http://u:p@e.com/", "http://u:p@e.com/"},
	}
	b, err := NewBase(base)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		got, err := Resolve(base, tt.href)
		if got != tt.want || err != nil {
			t.Errorf("Resolve(%q) = %q, %v, want %q", tt.href, got, err, tt.want)
		}
		if again, err := b.Resolve(tt.href); again != got || err != nil {
			t.Errorf("Base.Resolve(%q) = %q, %v, want %q", tt.href, again, err, got)
		}
	}
}

func TestResolveRefusals(t *testing.T) {
	tests := []struct {
		base, href string
		want       error
	}{
		{"https://e.com/", "mailto:a@e.com", ErrScheme},
		{"https://e.com/", "JavaScript:void(0)", ErrScheme},
		{"https://e.com/", "tel:1", ErrScheme},
		{"https://e.com/", "http://[bad", ErrInvalid},
		{"https://e.com/", "//", ErrInvalid},
		{"https://e.com/", "/" + strings.Repeat("a", MaxLength), ErrTooLong},
		{"https://e.com/" + strings.Repeat("a", MaxLength/2) + "/", strings.Repeat("a", MaxLength/2), ErrTooLong},
		{"about:blank", "/a", ErrScheme},
		{"/a", "/b", ErrInvalid},
	}
	for _, tt := range tests {
		if got, err := Resolve(tt.base, tt.href); !errors.Is(err, tt.want) || got != "" {
			t.Errorf("Resolve(%.40q, %.40q) = %.40q, %v, want %v", tt.base, tt.href, got, err, tt.want)
		}
	}
}

func TestOriginAndHostname(t *testing.T) {
	tests := []struct{ raw, origin, host string }{
		{"https://example.com/a", "https://example.com", "example.com"},
		{"HTTPS://Example.COM:443/a", "https://example.com", "example.com"},
		{"http://example.com:8080", "http://example.com:8080", "example.com"},
		{"http://u:p@example.com:8080/@x", "http://example.com:8080", "example.com"},
		{"http://[::1]:8080/", "http://[::1]:8080", "::1"},
		{"http://[::1]/", "http://[::1]", "::1"},
		{"http://bücher.example/", "http://xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"ftp://example.com/", "", ""},
		{"example.com", "", ""},
	}
	for _, tt := range tests {
		origin, err := Origin(tt.raw)
		if origin != tt.origin || (err == nil) != (tt.origin != "") {
			t.Errorf("Origin(%q) = %q, %v, want %q", tt.raw, origin, err, tt.origin)
		}
		if host := Hostname(tt.raw); host != tt.host {
			t.Errorf("Hostname(%q) = %q, want %q", tt.raw, host, tt.host)
		}
	}
}

func TestDomainAllowed(t *testing.T) {
	tests := []struct {
		url, entry string
		want       bool
	}{
		{"https://example.com/", "example.com", true},
		{"https://EXAMPLE.com/", "Example.COM", true},
		{"https://www.example.com/", "example.com", true},
		{"https://www.example.com", "example.com", true},
		{"https://www.example.com:8080", "example.com:443", false},
		{"https://www.example.com/", ".example.com", true},
		{"https://notexample.com/", "example.com", false},
		{"https://example.com.evil.org/", "example.com", false},
		{"https://example.com/", "www.example.com", false},
		{"https://example.com./", "example.com", true},
		{"https://example.com/", "example.com.", true},
		{"https://u:p@example.com:8443/", "example.com", true},
		{"https://example.com@evil.org/", "example.com", false},
		{"https://example.com:8080/", "example.com:8080", true},
		{"https://a.example.com:8080/", "example.com:8080", true},
		{"https://example.com/", "example.com:8080", false},
		{"https://example.com/", "example.com:443", true},
		{"http://example.com/", "example.com:80", true},
		{"http://example.com/", "example.com:443", false},
		{"https://xn--bcher-kva.example/", "bücher.example", true},
		{"https://bücher.example/", "xn--bcher-kva.example", true},
		{"http://127.0.0.1:9/", "127.0.0.1", true},
		{"http://[::1]:9/", "[::1]", true},
		{"http://[::1]:9/", "[::1]:9", true},
		{"mailto:a@example.com", "example.com", false},
		{"https://example.com/", "", false},
		{"https://example.com/", "com", true},
	}
	for _, tt := range tests {
		if got := DomainAllowed(tt.url, []string{"other.org", tt.entry}); got != tt.want {
			t.Errorf("DomainAllowed(%q, %q) = %t, want %t", tt.url, tt.entry, got, tt.want)
		}
	}
	if !DomainAllowed("https://example.com/", nil) || DomainAllowed("ftp://example.com/", nil) {
		t.Error("an empty list must allow http and https, and nothing else")
	}
}

func TestParseDomainsNamesEachFault(t *testing.T) {
	entries := []string{"https://a.org/", "b.org:http", "*.c.org", "d.org:99999", "d.org:80:", "e f", "", "..", "0..", "g..h", "good.org", "[::1", "fe80::1", "1::1", "d.org::80", "[::1]::80"}
	d, err := ParseDomains(entries)
	if err == nil {
		t.Fatal("no error")
	}
	for _, entry := range entries {
		if named := strings.Contains(err.Error(), "parse domain \""+entry+"\""); named != (entry != "good.org") {
			t.Errorf("%q named: %t", entry, named)
		}
	}
	if !d.Contain("http://www.good.org/") || (Domains{}).Contain("http://good.org/") {
		t.Error("wrong contents")
	}
}

// slow is the reference: the standard without shortcuts.
func slow(raw string) (string, error) {
	return parse(raw, func(s string) (*whatwg.Url, error) { return whatwg.Parse(s) })
}

func FuzzNormal(f *testing.F) {
	for _, s := range []string{
		"https://example.com/a?b=c#d", "http://a-b.c1:8080/%7e/./x", "http://1.2.3.4/", "http://a.0x1/",
		"http://xn--a/", "https://a/%2e%2e/b", "http://a//b/..%2f?'#`", "https://a..b/", "http://a.b:443/",
		"http://127.0.0.1:40123/a", "http://1.2.3.256/", "http://01.2.3.4/", "http://a.b:65536/",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if !isNormal(raw) {
			return
		}
		if want, err := slow(raw); err != nil || want != raw {
			t.Errorf("%q is taken for normal; the parser says %q, %v", raw, want, err)
		}
	})
}

// TestNormalAddress holds that addresses and high ports, which sites under test
// have, need no parser.
func TestNormalAddress(t *testing.T) {
	for raw, want := range map[string]bool{
		"http://127.0.0.1:40123/a": true, "https://255.0.10.9/": true, "http://a.b:65535/": true,
		"http://a.b:65536/": false, "http://a.b:080/": false, "http://a.b:/": false, "http://a.b:0/": false,
		"http://1.2.3.256/": false, "http://1.2.3/": false, "http://1.2.3.4.5/": false, "http://01.2.3.4/": false,
		"http://1.2.3.0x4/": false,
	} {
		if got := isNormal(raw); got != want {
			t.Errorf("isNormal(%q) = %v, want %v", raw, got, want)
		}
	}
}

func FuzzBase(f *testing.F) {
	for _, s := range []string{
		"", "#a", "?a", "/a", "//a", "a/b:c", "../a", ".././..//a", "..", "./..a", "%2e%2e/a", " /a\t", "a:b", "http:a", "\\a", "/a?b#c%",
	} {
		f.Add("https://e.com/a//b/c?d#e", s)
	}
	f.Fuzz(func(t *testing.T, rawBase, href string) {
		base, err := NewBase(rawBase)
		if err != nil {
			return
		}
		got, err := base.Resolve(href)
		want, wantErr := parse(href, func(s string) (*whatwg.Url, error) { return whatwg.ParseRef(base.String(), s) })
		if got != want || (err == nil) != (wantErr == nil) {
			t.Errorf("%q on %q = %q, %v; the parser says %q, %v", href, base, got, err, want, wantErr)
		}
	})
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{
		"https://e.com/?b=1&a=%7e&&#x#y", "http://user:p%41@BÜ.example/%2e%2E%41/%", "http://0x7f.1:080/?=&'", "http://[::1]:9?a%5b=1&a[=2", "https://e.com/\x80?\xff#\x00",
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, raw string, keep bool) {
		c := Canonicalizer{KeepFragment: keep}
		once, err := c.Canonical(raw)
		if err != nil {
			return
		}
		if twice, err := c.Canonical(once); err != nil || twice != once {
			t.Errorf("%q becomes %q becomes %q, %v", raw, once, twice, err)
		}
		if resolved, err := Resolve(once, ""); err != nil || !keep && resolved != once {
			t.Errorf("%q as a page's own link is %q, %v", once, resolved, err)
		}
	})
}

// TestFetchable checks that what the standard allows and net/http does not is
// spelt otherwise or refused here, not by the fetch of a page.
func TestFetchable(t *testing.T) {
	for href, want := range map[string]string{
		"/a#100%":             "https://e.com/a#100%25",
		"#%zz%41":             "https://e.com/b?c#%25zz%41",
		"?%":                  "https://e.com/b?%",
		"/%?%#%":              "https://e.com/%25?%#%25",
		"https://e.com/a#50%": "https://e.com/a#50%25",
	} {
		if got, err := Resolve("https://e.com/b?c", href); err != nil || got != want {
			t.Errorf("%q is %q, %v, want %q", href, got, err, want)
		}
	}
	for _, raw := range []string{"http://`/", "http://{host}/", "http://a`b.example/"} {
		if got, err := Resolve(raw, ""); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q is %q, %v, want ErrInvalid", raw, got, err)
		}
	}
}
