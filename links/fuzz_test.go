package links

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	whatwg "github.com/nlnwa/whatwg-url/url"
	"github.com/zeebo/xxh3"
)

// FuzzResolve holds that what Resolve gives can be fetched: net/url reads it, sees
// the host that the standard sees, and net/http accepts it for a request.
func FuzzResolve(f *testing.F) {
	f.Fuzz(func(t *testing.T, base, href string) {
		got, err := Resolve(base, href)
		if err != nil {
			return
		}
		u, err := url.Parse(got)
		if err != nil {
			t.Fatalf("%q on %q is %q, which net/url refuses: %v", href, base, got, err)
		}
		if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "" {
			t.Errorf("%q on %q is %q: scheme %q, host %q", href, base, got, u.Scheme, u.Host)
		}
		standard, err := whatwg.Parse(got)
		if err != nil || standard.Host() != u.Host {
			t.Errorf("%q: net/url asks %q, the standard %v (%v)", got, u.Host, standard, err)
		}
		if _, err := http.NewRequestWithContext(t.Context(), http.MethodGet, got, nil); err != nil {
			t.Errorf("%q cannot be requested: %v", got, err)
		}
		if again, err := Resolve(got, got); err != nil || again != got {
			t.Errorf("%q becomes %q on itself, %v", got, again, err)
		}
	})
}

// FuzzOrigin holds that the unit of politeness depends on scheme, host and port only,
// is a URL, is its own origin, and agrees with the host that would be asked.
func FuzzOrigin(f *testing.F) {
	f.Fuzz(func(t *testing.T, raw string) {
		origin, err := Origin(raw)
		if err != nil {
			if name := Hostname(raw); name != "" {
				t.Errorf("%q has the host %q and no origin: %v", raw, name, err)
			}
			return
		}
		u, err := url.Parse(origin)
		if err != nil || u.Path != "" || u.RawQuery != "" || u.User != nil || u.Scheme+"://"+u.Host != origin {
			t.Fatalf("origin of %q is %q: %+v, %v", raw, origin, u, err)
		}
		if again, err := Origin(origin); err != nil || again != origin {
			t.Errorf("origin of %q is %q, whose origin is %q, %v", raw, origin, again, err)
		}
		if canonical, err := (Canonicalizer{}).Canonical(raw); err == nil {
			if of, err := Origin(canonical); err != nil || of != origin {
				t.Errorf("%q is of %q, its canonical form %q of %q, %v", raw, origin, canonical, of, err)
			}
		}
		if name := Hostname(raw); name != u.Hostname() || strings.ContainsAny(origin, "\x00 ") {
			t.Errorf("%q: host %q, origin %q", raw, name, origin)
		}
	})
}

// A link that is only refused where the page's URL is long has no scope.
func TestScopeOfLongLinks(t *testing.T) {
	short, err := NewBase("http://a.test/")
	if err != nil {
		t.Fatal(err)
	}
	long, err := NewBase("http://a.test/?" + strings.Repeat("q", MaxLength-1000))
	if err != nil {
		t.Fatal(err)
	}
	for _, href := range []string{strings.Repeat("/a", maxSegments+1), strings.Repeat("a/", maxSegments+1), "/" + strings.Repeat("x", 1100) + "@b"} {
		_, err := short.Resolve(href)
		_, err2 := long.Resolve(href)
		if _, ok := short.Scope(href); ok && (err == nil) != (err2 == nil) {
			t.Errorf("%.20q has a scope, and %v on a short page, %.100v on a long one", href, err, err2)
		}
	}
}

// FuzzScope holds that a link leads to the same URL on all pages with the same scope.
func FuzzScope(f *testing.F) {
	for _, href := range []string{
		"a", "/a", "//b/c", "?a", "#a", "", " ?a", "\t#a", "../a?b", "./", ".", "http://a/b", "http:a", "Http:", "http:?a", "https:/a", "HTTP://a/b",
		"\\a", "/\\a", "a/../..", "mailto:a", "http://", "ht\ttp://a", "/\n/a", "%2e%2e/a", ";a", ":a", "é", "\u00a0?a", "\x00?a", "http:///a",
	} {
		f.Add("http://u@site.test:81/a/b/c?d", "e?f=g/h", href)
		f.Add("https://site.test/", "x", href)
	}
	f.Fuzz(func(t *testing.T, page, other, href string) {
		one, err := NewBase(page)
		if err != nil {
			return
		}
		two, err := NewBase(one.directory + other) // often one of the same folder
		if err != nil {
			return
		}
		scope, ok := one.Scope(href)
		if scope2, ok2 := two.Scope(href); !ok || !ok2 || scope != scope2 {
			return
		}
		url, err := one.Resolve(href)
		url2, err2 := two.Resolve(href)
		if url != url2 || (err == nil) != (err2 == nil) {
			t.Errorf("%q is %q, %v on %q, and %q, %v on %q", href, url, err, one, url2, err2, two)
		}
	})
}

// FuzzDomains holds that a domain that can be read contains itself and what is below
// it, and not what merely ends like it.
func FuzzDomains(f *testing.F) {
	f.Fuzz(func(t *testing.T, entry, raw string) {
		domains, err := ParseDomains([]string{entry})
		if err != nil {
			if len(domains.entries) > 0 {
				t.Errorf("%q is refused and kept", entry)
			}
			return
		}
		d := domains.entries[0]
		port := ""
		if d.port != "" {
			port = ":" + d.port
		}
		for _, scheme := range []string{"http://", "https://"} {
			if own := scheme + d.host + port + "/"; !domains.Contain(own) {
				t.Errorf("%q does not contain %s", entry, own)
			}
			if strings.Trim(d.host, "0123456789.[]:abcdefx") == "" {
				continue // an address, or what looks like one: nothing is below it
			}
			if below := scheme + "www." + d.host + port + "/"; Hostname(below) != "" && !domains.Contain(below) {
				t.Errorf("%q does not contain %s", entry, below)
			}
			if other := scheme + "x" + d.host + port + "/"; domains.Contain(other) {
				t.Errorf("%q contains %s", entry, other)
			}
		}
		if origin, err := Origin(raw); domains.Contain(raw) != (err == nil && domains.Contain(origin)) {
			t.Errorf("%q: of %q and its origin %q only one is in it", entry, raw, origin)
		}
		if domains.Contain(raw) && !strings.HasSuffix(strings.TrimSuffix(Hostname(raw), "."), strings.Trim(d.host, "[]")) {
			t.Errorf("%q contains %q", entry, raw)
		}
	})
}

// FuzzIdentify holds that the short way to an identity leads where the long one does:
// the standard's parser, and a canonical form put together from its parts.
func FuzzIdentify(f *testing.F) {
	for _, s := range []string{
		"https://e.com/a?b=1&c=2#d", "http://a-b.c1:8080/%7e/x|y", "http://1.2.3.4/?", "http://e.com/#", "http://e.com/?&a",
		"http://e.com/?b&a", "http://e.com/?a=%41", "http://e.com/?a\\b#c\\d", "https://u:p@e.com/a", "http://e.com/a#!/b%7e", "http://e.com",
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, raw string, keep bool) {
		got, host, err := Recipe{KeepFragment: keep}.Identify(Identity{URL: raw})
		s, wantErr := slow(raw)
		var want string
		if wantErr == nil {
			want = Canonicalizer{KeepFragment: keep}.canonical(split(s))
		}
		if wantErr != nil || len(want) > MaxLength {
			if err == nil {
				t.Errorf("%q has an identity; the parser says %v", raw, wantErr)
			}
			return
		}
		buffer := appendField(appendField(appendField(nil, "GET"), want), "")
		fp := xxh3.Hash128(appendField(append(buffer, bodyBytes), "")).Bytes()
		if err != nil || got != fp || host != split(s).origin() {
			t.Errorf("%q is %x of %q, %v; the long way to %q says %x of %q", raw, got, host, err, want, fp, split(s).origin())
		}
		if short, err := (Canonicalizer{KeepFragment: keep}).Canonical(raw); short != want || err != nil {
			t.Errorf("%q is %q, %v; by its parts it is %q", raw, short, err, want)
		}
	})
}

// FuzzTime holds that no URL up to the length limit takes long, whatever is repeated in it.
func FuzzTime(f *testing.F) {
	f.Fuzz(func(t *testing.T, front, unit, back string) {
		if len(front)+len(back) > 200 || unit == "" || len(unit) > 100 {
			return // most of it is to be one unit, repeated
		}
		raw := front + strings.Repeat(unit, (MaxLength-len(front)-len(back))/len(unit)) + back
		start := time.Now()
		_, _ = Canonicalizer{KeepFragment: true}.Canonical(raw)
		_, _ = Resolve("https://e.com/a/b", raw)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%q, %q many times, %q took %v", front, unit, back, took)
		}
	})
}
