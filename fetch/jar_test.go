package fetch

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/publicsuffix"
)

// epoch is when these tests play.
var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func mustParse(tb testing.TB, raw string) *url.URL {
	tb.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

func set(tb testing.TB, j *jar, now time.Time, from string, lines ...string) {
	tb.Helper()
	res := http.Response{Header: http.Header{"Set-Cookie": lines}}
	j.store(mustParse(tb, from), res.Cookies(), now)
}

func sent(tb testing.TB, j *jar, now time.Time, to string) string {
	tb.Helper()
	return names(j.match(mustParse(tb, to), now))
}

func names(cookies []*http.Cookie) string {
	var pairs []string
	for _, c := range cookies {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return strings.Join(pairs, " ")
}

func all(records []Record) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func TestCookieMatching(t *testing.T) {
	tests := []struct {
		name, from, set string
		want            map[string]string
	}{
		{"host only", "http://www.shop.example/", "a=1", map[string]string{
			"http://www.shop.example/x": "a=1", "https://www.shop.example:8443/": "a=1",
			"http://shop.example/": "", "http://m.www.shop.example/": "", "http://WWW.shop.example./": "a=1",
		}},
		{"domain", "http://www.shop.example/", "a=1; Domain=.Shop.example", map[string]string{
			"http://shop.example/": "a=1", "http://m.shop.example/": "a=1", "http://myshop.example/": "",
		}},
		{"public suffix", "http://shop.co.uk/", "a=1; Domain=co.uk", map[string]string{"http://shop.co.uk/": "", "http://bank.co.uk/": ""}},
		{"a host that is a public suffix", "http://co.uk/", "a=1; Domain=co.uk", map[string]string{"http://co.uk/": "a=1", "http://bank.co.uk/": ""}},
		{"another's domain", "http://evil.example/", "a=1; Domain=shop.example", map[string]string{"http://shop.example/": ""}},
		{"subdomain", "http://shop.example/", "a=1; Domain=www.shop.example", map[string]string{"http://www.shop.example/": ""}},
		{"secure", "https://shop.example/", "a=1; Secure", map[string]string{"https://shop.example/": "a=1", "http://shop.example/": ""}},
		{"secure on loopback", "http://localhost/", "a=1; Secure", map[string]string{"http://localhost/": "a=1"}},
		{"path", "http://shop.example/", "a=1; Path=/cart", map[string]string{
			"http://shop.example/cart": "a=1", "http://shop.example/cart/1": "a=1", "http://shop.example/carts": "", "http://shop.example/": "",
		}},
		{"default path", "http://shop.example/cart/item", "a=1", map[string]string{"http://shop.example/cart": "a=1", "http://shop.example/": ""}},
		{"address", "http://192.0.2.1/", "a=1; Domain=192.0.2.1", map[string]string{"http://192.0.2.1/": "a=1", "http://2.1/": ""}},
		{"part of an address", "http://192.0.2.1/", "a=1; Domain=2.1", map[string]string{"http://192.0.2.1/": ""}},
		{"IPv6", "http://[2001:db8::1]:81/", "a=1", map[string]string{"http://[2001:db8::1]/": "a=1"}},
		{"max age", "http://shop.example/", "a=1; Max-Age=10", map[string]string{"http://shop.example/": "a=1"}},
		{"expired", "http://shop.example/", "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", map[string]string{"http://shop.example/": ""}},
		{"max age over expires", "http://shop.example/", "a=1; Max-Age=9; Expires=Thu, 01 Jan 1970 00:00:00 GMT", map[string]string{"http://shop.example/": "a=1"}},
		{"too large", "http://shop.example/", "a=" + strings.Repeat("x", 4096), map[string]string{"http://shop.example/": ""}},
		{"not a host", "http://%ff.example/", "a=1", map[string]string{"http://%ff.example/": ""}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			j := newJar()
			set(t, j, epoch, test.from, test.set)
			again := newJar()
			if err := again.restore(all(j.drain(epoch)), epoch); err != nil {
				t.Fatal(err)
			}
			for to, want := range test.want {
				if got := sent(t, j, epoch, to); got != want {
					t.Errorf("%s gets %q, want %q", to, got, want)
				}
				if got := sent(t, again, epoch, to); got != want {
					t.Errorf("after a restart %s gets %q, want %q", to, got, want)
				}
			}
		})
	}
}

func TestCookieOrderAndReplacement(t *testing.T) {
	j := newJar()
	const from = "http://shop.example/"
	set(t, j, epoch, from, "a=1", "b=1; Path=/x", "c=1", "d=1; Path=/x/y")
	set(t, j, epoch, from, "a=2", "c=; Max-Age=0", "e=1")
	const want = "d=1 b=1 a=2 e=1"
	if got := sent(t, j, epoch, "http://shop.example/x/y"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	again := newJar()
	if err := again.restore(all(j.drain(epoch)), epoch); err != nil {
		t.Fatal(err)
	}
	if got := sent(t, again, epoch, "http://shop.example/x/y"); got != want {
		t.Errorf("after a restart got %q, want %q", got, want)
	}
}

// TestCookiesAgreeWithNetHTTP sets and asks at random, here and in net/http's
// jar. The order differs by design: net/http compares paths, not their lengths.
// IPv6 hosts are left out: there it takes the brackets for a part of the name.
func TestCookiesAgreeWithNetHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the other jar reads the clock itself
		random := rand.New(rand.NewPCG(1, 2))
		pick := func(from ...string) string { return from[random.IntN(len(from))] }
		hosts := []string{"shop.example", "www.shop.example", "a.www.shop.example", "co.uk", "x.co.uk", "y.x.co.uk", "192.0.2.1", "localhost", "github.io", "me.github.io"}
		paths := []string{"", "/", "/a", "/a/", "/a/b", "/ab"}
		for round := range 300 {
			ours := newJar()
			theirs, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
			if err != nil {
				t.Fatal(err)
			}
			for range 30 {
				<-time.After(time.Duration(random.IntN(5)) * time.Second)
				u := mustParse(t, pick("http://", "https://")+pick(hosts...)+pick(paths...))
				line := pick("a", "b", "c") + "=" + fmt.Sprint(random.IntN(100)) +
					pick("", "; Domain="+pick(hosts...), "; Domain=."+pick(hosts...), "; Domain=uk", "; Domain=.") +
					pick("", "; Path="+pick(paths...), "; Path=x") + pick("", "; Secure") +
					pick("", "; Max-Age=-1", "; Max-Age=10", "; Expires="+time.Now().Add(20*time.Second).UTC().Format(http.TimeFormat))
				res := http.Response{Header: http.Header{"Set-Cookie": {line}}}
				ours.store(u, res.Cookies(), time.Now())
				theirs.SetCookies(u, res.Cookies())

				if random.IntN(10) == 0 { // a restart
					restored := newJar()
					if err := restored.restore(all(everything(ours)), time.Now()); err != nil {
						t.Fatal(err)
					}
					ours = restored
				}
				u = mustParse(t, pick("http://", "https://")+pick(hosts...)+pick(paths...))
				got, want := strings.Fields(names(ours.match(u, time.Now()))), strings.Fields(names(theirs.Cookies(u)))
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Fatalf("round %d, after %q: %s gets %v, want %v", round, line, u, got, want)
				}
			}
		}
	})
}

// everything is what a crawl that committed all changes would hold.
func everything(j *jar) []Record {
	for key := range j.sites {
		j.changed[key] = struct{}{}
	}
	return j.drain(time.Now())
}

func TestChanged(t *testing.T) {
	j := newJar()
	keys := func(now time.Time) string {
		var keys []string
		for _, r := range j.drain(now) {
			keys = append(keys, fmt.Sprintf("%s:%v", r.Key, r.Value != nil))
		}
		return strings.Join(keys, " ")
	}
	steps := []struct {
		name, from, set string
		after           time.Duration
		want            string
	}{
		{"new", "http://www.shop.example/", "a=1; Max-Age=3600", 0, "shop.example:true"},
		{"nothing", "http://www.shop.example/", "", 0, ""},
		{"other host, same domain", "http://m.shop.example/", "a=1", 0, "shop.example:true"},
		{"same again", "http://m.shop.example/", "a=1", 0, ""},
		{"end barely moved", "http://www.shop.example/", "a=1; Max-Age=3600", time.Minute, ""},
		{"end moved", "http://www.shop.example/", "a=1; Max-Age=3600", time.Hour / 2, "shop.example:true"},
		{"end moved back", "http://www.shop.example/", "a=1; Max-Age=60", time.Hour / 2, "shop.example:true"},
		{"value", "http://www.shop.example/", "a=2; Max-Age=60", time.Hour / 2, "shop.example:true"},
		{"removed", "http://m.shop.example/", "a=; Max-Age=-1", time.Hour / 2, "shop.example:true"},
		{"last removed", "http://www.shop.example/", "a=; Max-Age=-1", time.Hour / 2, "shop.example:false"},
		{"removed again", "http://www.shop.example/", "a=; Max-Age=-1", time.Hour / 2, ""},
		{"refused", "http://www.shop.example/", "a=1; Domain=bank.example", time.Hour / 2, ""},
	}
	for _, step := range steps {
		now := epoch.Add(step.after)
		if step.set != "" {
			set(t, j, now, step.from, step.set)
		}
		if got := keys(now); got != step.want {
			t.Errorf("%s: changed %q, want %q", step.name, got, step.want)
		}
	}
}

func TestCookieBounds(t *testing.T) {
	j := newJar()
	for i := range 500 {
		set(t, j, epoch, fmt.Sprintf("http://h%d.shop.example/", i), fmt.Sprintf("n%d=1; Domain=shop.example", i))
	}
	got := strings.Fields(sent(t, j, epoch, "http://shop.example/"))
	if len(got) != maxSiteCookies || got[0] != "n320=1" || got[len(got)-1] != "n499=1" {
		t.Errorf("kept %d, %s to %s", len(got), got[0], got[len(got)-1])
	}

	j = newJar()
	j.limit = 8 << 20
	value := strings.Repeat("x", 4000)
	const sites = 40 // twice the limit
	for i := range sites {
		from := fmt.Sprintf("http://s%d.example/", i)
		for n := range 100 {
			set(t, j, epoch, from, fmt.Sprintf("n%d=%s", n, value))
		}
		sent(t, j, epoch, "http://s0.example/") // in use, so it stays
	}
	if j.bytes > j.limit || j.bytes < j.limit/2 || j.recent.Len() != len(j.sites) {
		t.Errorf("jar holds %d bytes, %d sites, %d in order", j.bytes, len(j.sites), j.recent.Len())
	}
	if sent(t, j, epoch, "http://s0.example/") == "" || sent(t, j, epoch, "http://s1.example/") != "" {
		t.Error("not the domain used longest ago went first")
	}
	gone := 0
	for _, r := range j.drain(epoch) {
		if r.Value == nil {
			gone++
		}
	}
	if gone+len(j.sites) != sites {
		t.Errorf("%d records of dropped domains and %d domains, want %d in all", gone, len(j.sites), sites)
	}
	for key := range j.sites {
		j.drop(j.sites[key])
	}
	if j.bytes != 0 || j.recent.Len() != 0 {
		t.Errorf("an empty jar holds %d bytes, %d sites", j.bytes, j.recent.Len())
	}
}

func TestRestoreDropsExpired(t *testing.T) {
	j := newJar()
	set(t, j, epoch, "http://shop.example/", "a=1; Max-Age=10", "b=1; Max-Age=20", "c=1")
	records := j.drain(epoch)
	again := newJar()
	if err := again.restore(all(records), epoch.Add(15*time.Second)); err != nil {
		t.Fatal(err)
	}
	if got := sent(t, again, epoch, "http://shop.example/"); got != "b=1 c=1" {
		t.Errorf("got %q", got)
	}
	if again.drain(epoch) != nil {
		t.Error("restoring counts as a change")
	}
	set(t, again, epoch, "http://shop.example/", "d=1")
	if err := again.restore(all(records), epoch); err != nil {
		t.Fatal(err)
	}
	if got := sent(t, again, epoch, "http://shop.example/"); got != "a=1 b=1 c=1" || again.drain(epoch) != nil {
		t.Errorf("restoring over a change left %q", got)
	}
	// A nil value, which says that a domain is gone, restores to nothing.
	if err := again.restore(all([]Record{{Key: "shop.example"}}), epoch); err != nil || len(again.sites) != 0 {
		t.Errorf("%v, %d sites", err, len(again.sites))
	}
}

func TestRestoreRefusesGarbage(t *testing.T) {
	good := Record{"good.example", []byte(`{"version":1,"cookies":[{"name":"a","value":"1","domain":"good.example","path":"/"}]}`)}
	for name, value := range map[string]string{
		"not JSON":   "s3cret",
		"empty":      "",
		"trailing":   `{"version":1} s3cret`,
		"newer":      `{"version":2}`,
		"no version": `{}`,
		"name":       `{"version":1,"cookies":[{"name":"a b","value":"1","domain":"shop.example","path":"/"}]}`,
		"value":      `{"version":1,"cookies":[{"name":"a","value":"1\r\nX: y","domain":"shop.example","path":"/"}]}`,
		"two values": `{"version":1,"cookies":[{"name":"a","value":"1; b=2","domain":"shop.example","path":"/"}]}`,
		"domain":     `{"version":1,"cookies":[{"name":"a","value":"1","domain":"bank.example","path":"/"}]}`,
		"path":       `{"version":1,"cookies":[{"name":"a","value":"1","domain":"shop.example","path":""}]}`,
		"expiry":     `{"version":1,"cookies":[{"name":"a","value":"1","domain":"shop.example","path":"/","expires":-1}]}`,
		"size":       `{"version":1,"cookies":[{"name":"a","value":"` + strings.Repeat("x", 4096) + `","domain":"shop.example","path":"/"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			session := newSession(t, HTTPOptions{})
			err := session.Restore(all([]Record{good, {"shop.example", []byte(value)}}))
			if err == nil || !strings.Contains(err.Error(), `"shop.example"`) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("error is %v", err)
			}
			if len(session.jar.sites) != 0 {
				t.Error("some records were taken")
			}
		})
	}
	broken := errors.New("disk is gone")
	err := newSession(t, HTTPOptions{}).Restore(func(yield func(Record, error) bool) { yield(Record{}, broken) })
	if !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
}

func TestCookiesAreSent(t *testing.T) {
	server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "jar"})
		http.SetCookie(w, &http.Cookie{Name: "b", Value: "two words"})
	})
	session := newSession(t, HTTPOptions{})
	get(t, session, server.URL)
	records := session.Changed()
	restarted := newSession(t, HTTPOptions{})
	if err := restarted.Restore(all(records)); err != nil {
		t.Fatal(err)
	}
	off := newSession(t, HTTPOptions{NoCookies: true})
	if err := off.Restore(all(records)); err != nil {
		t.Fatal(err)
	}
	get(t, off, server.URL)
	if off.Changed() != nil {
		t.Error("with NoCookies cookies are kept")
	}
	mine := []*http.Cookie{{Name: "a", Value: "mine"}, {Name: "c", Value: "3"}}
	tests := []struct {
		name    string
		session Session
		req     Request
		want    string
	}{
		{"jar", session, Request{}, `a=jar; b="two words"`},
		{"restarted", restarted, Request{}, `a=jar; b="two words"`},
		{"request over jar", session, Request{Cookies: mine}, `a=mine; c=3; b="two words"`},
		{"field over both", session, Request{Header: http.Header{"cookie": {"c=field; d"}}, Cookies: mine}, `c=field; d; a=mine; b="two words"`},
		{"off", off, Request{}, ""},
		{"off, request's", off, Request{Cookies: mine}, `a=mine; c=3`},
	}
	for _, test := range tests {
		test.req.URL = server.URL
		res, err := test.session.Fetch(t.Context(), &test.req)
		if err != nil {
			t.Fatal(err)
		}
		if got := res.RequestHeader.Get("Cookie"); got != test.want {
			t.Errorf("%s: sent %q, want %q", test.name, got, test.want)
		}
	}
}

func FuzzCookieRecord(f *testing.F) {
	f.Add("shop.example", []byte(`{"version":1,"cookies":[{"name":"a","value":"1","domain":"www.shop.example","host_only":true,"path":"/","secure":true,"expires":4000000000}]}`))
	f.Add("192.0.2.1", []byte(`{"version":1,"cookies":[{"name":"a","value":"","quoted":true,"domain":"192.0.2.1","path":"/x"}]}`))
	f.Add("", []byte(`{"version":1,"cookies":null}`))
	f.Add("x", []byte(`[`))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		j := newJar()
		if err := j.restore(all([]Record{{key, value}}), epoch); err != nil {
			return
		}
		// What was taken must come out the same, for ever.
		first := everything(j)
		again := newJar()
		if err := again.restore(all(first), epoch); err != nil {
			t.Fatalf("refuses its own record: %v", err)
		}
		second := everything(again)
		if len(first) != len(second) || len(first) > 0 && !bytes.Equal(first[0].Value, second[0].Value) {
			t.Fatalf("first %q, then %q", first, second)
		}
	})
}

// FuzzSetCookie gives the jar whatever a server may say: what it keeps must
// survive a restart.
func FuzzSetCookie(f *testing.F) {
	f.Add("http://www.shop.example/a/b", "a=1; Domain=shop.example; Path=/a; Secure; Max-Age=10")
	f.Add("http://%ff/%ff/x", "a=\"x y\"; Max-Age=9999999999999")
	f.Add("https://[fe80::1%25eth0]/", "a=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT")
	f.Fuzz(func(t *testing.T, from, line string) {
		u, err := url.Parse(from)
		if err != nil {
			return
		}
		j, now := newJar(), time.Now()
		res := http.Response{Header: http.Header{"Set-Cookie": {line}}}
		j.store(u, res.Cookies(), now)
		again := newJar()
		if err := again.restore(all(j.drain(now)), now); err != nil {
			t.Fatal(err)
		}
		if got, want := names(again.match(u, now)), names(j.match(u, now)); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}
