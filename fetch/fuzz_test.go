package fetch

import (
	"bufio"
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"golang.org/x/net/http/httpguts"
)

// FuzzDecodeChain holds that a body compressed up to three times comes out as it was,
// that a limit below its size is an error, and that a broken one ends.
func FuzzDecodeChain(f *testing.F) {
	encodings := []string{"gzip", "deflate", "br", "zstd", "raw"}
	kinds := []coding{codingGzip, codingDeflate, codingBrotli, codingZstd, codingDeflate}
	shared := new(codecs)
	f.Fuzz(func(t *testing.T, body []byte, chain uint16, cut, flip uint32) {
		wire, ambiguous := body, false
		var codings []coding
		for n := range int(chain % (maxCodings + 1)) {
			which := int(chain>>(2+3*n)) % len(encodings)
			wire = compress(t, encodings[which], wire)
			codings = append(codings, kinds[which])
			ambiguous = ambiguous || encodings[which] == "raw" && isZlib(wire[:min(2, len(wire))])
		}
		read := func(wire []byte, limit int64) ([]byte, error) {
			r, release, err := shared.open(iotest.HalfReader(bytes.NewReader(wire)), codings, limit+wireSlack)
			defer release()
			if err != nil {
				return nil, err
			}
			var res Response
			err = shared.readAll(&res, r, -1, bodyLimit{bytes: limit})
			defer res.Release()
			return bytes.Clone(res.Body), err
		}
		if got, err := read(wire, int64(len(body))); (err != nil || !bytes.Equal(got, body)) && !ambiguous {
			t.Fatalf("%q by %v comes out as %q, %v", body, codings, got, err)
		}
		if len(body) > 0 {
			if _, err := read(wire, int64(len(body))-1); err == nil && !ambiguous {
				t.Errorf("%d bytes pass a limit of one less", len(body))
			}
		}
		broken := bytes.Clone(wire[:int(cut)%(len(wire)+1)])
		if len(broken) > 0 {
			broken[int(flip>>3)%len(broken)] ^= 1 << (flip & 7)
		}
		const limit = 1 << 16
		if got, err := read(broken, limit); err == nil && len(got) > limit {
			t.Errorf("%d bytes of a broken body", len(got))
		}
	})
}

// FuzzHeader holds that what is sent is valid, says each field that frames the message
// by nobody but net/http, and leaves the request as it was.
func FuzzHeader(f *testing.F) {
	session, err := NewHTTP(HTTPOptions{Header: http.Header{"x-own": {"1"}, "Accept-Language": {"de"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, target, name, value, cookie, cookieValue string) {
		u, err := url.Parse(target)
		if err != nil {
			return
		}
		req := &Request{
			URL: target, Header: http.Header{name: {value}},
			Cookies: []*http.Cookie{{Name: cookie, Value: cookieValue}},
		}
		if name == "" && value == "" {
			req.Header, name = nil, "X-None"
		}
		h, err := session.header(req, u, epoch)
		if err != nil {
			if httpguts.ValidHeaderFieldName(name) && httpguts.ValidHeaderFieldValue(value) && httpguts.ValidHeaderFieldName(cookie) {
				t.Errorf("%q: %q and cookie %q are refused: %v", name, value, cookie, err)
			}
			return
		}
		if req.Header != nil && (len(req.Header) != 1 || !slices.Equal(req.Header[name], []string{value})) {
			t.Errorf("the request's own header is now %v", req.Header)
		}
		seen := map[string]string{}
		for key, values := range h {
			canonical := http.CanonicalHeaderKey(key)
			if other, twice := seen[canonical]; twice && len(values) > 0 && len(h[other]) > 0 {
				t.Errorf("%q is sent as %q, too", key, other)
			}
			seen[canonical] = key
			switch canonical {
			case "Content-Length", "Transfer-Encoding", "Trailer":
				t.Errorf("%s is sent", key)
			}
			for _, v := range values {
				if !httpguts.ValidHeaderFieldName(key) || !httpguts.ValidHeaderFieldValue(v) {
					t.Errorf("%q: %q cannot be sent", key, v)
				}
			}
		}
	})
}

// FuzzWireCookies lets a response be read off the wire, as a server wrote it, and
// holds that the jar's memory of it is bounded, survives a restart, and is sent to nobody else.
func FuzzWireCookies(f *testing.F) {
	f.Fuzz(func(t *testing.T, wire []byte, offset int64) {
		res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(wire)), nil)
		if err != nil {
			return
		}
		defer res.Body.Close()
		now := time.Unix(max(offset%(1<<36), 1), 0)
		u := &url.URL{Scheme: "https", Host: "www.shop.example", Path: "/a/b"}
		j := newJar()
		j.store(u, res.Cookies(), now)
		if j.bytes > maxSiteCookies*(maxCookieBytes+160) {
			t.Errorf("%d bytes of cookies", j.bytes)
		}
		for _, foreign := range []string{"www.other.example", "shop.example.evil.example", "example", "127.0.0.1", "xshop.example"} {
			if sent := j.match(&url.URL{Scheme: "https", Host: foreign, Path: "/a/b"}, now); len(sent) > 0 {
				t.Errorf("%s gets %q", foreign, names(sent))
			}
		}
		want := names(j.match(u, now))
		again := newJar()
		if err := again.restore(all(j.drain(now)), now); err != nil {
			t.Fatalf("at %v: %v", now, err)
		}
		if got := names(again.match(u, now)); got != want {
			t.Errorf("at %v: %q is sent after a restart, %q before", now, got, want)
		}
	})
}

// FuzzProxyURL holds that what is no proxy is refused without its password.
func FuzzProxyURL(f *testing.F) {
	f.Fuzz(func(t *testing.T, raw string) {
		_, err := NewHTTP(HTTPOptions{Proxies: []string{raw}})
		u, perr := url.Parse(raw)
		if perr != nil || err == nil || u.User == nil {
			return
		}
		if password, _ := u.User.Password(); len(password) > 8 && strings.Contains(err.Error(), password) {
			t.Errorf("error %q tells the password", err)
		}
	})
}
