package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestFetch(t *testing.T) {
	server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		sent, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read request: %v", err)
		}
		w.Header().Set("X-Answer", "yes")
		w.WriteHeader(http.StatusTeapot)
		_, _ = fmt.Fprintf(w, "%s %s %q %d", r.Method, r.URL.RequestURI(), sent, r.ContentLength)
	})
	session := newSession(t, HTTPOptions{})
	tests := []struct {
		name string
		req  Request
		want string
	}{
		{"zero is GET", Request{URL: server.URL + "/a%2Fb?q=1#part"}, `GET /a%2Fb?q=1 "" 0`},
		{"post", Request{Method: "POST", URL: server.URL, Body: []byte("x=1")}, `POST / "x=1" 3`},
		{"post nothing", Request{Method: "POST", URL: server.URL}, `POST / "" 0`},
		{"own method", Request{Method: "PURGE", URL: server.URL}, `PURGE / "" 0`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			res, err := session.Fetch(t.Context(), &test.req)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(res.Body); got != test.want {
				t.Errorf("server saw %s, want %s", got, test.want)
			}
			if res.Status != http.StatusTeapot || res.Proto != "HTTP/1.1" || res.URL != test.req.URL ||
				res.Header.Get("X-Answer") != "yes" || res.Elapsed <= 0 || res.Proxy != "" {
				t.Errorf("response is %+v", res)
			}
		})
	}
}

func TestRedirectIsReturned(t *testing.T) {
	server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/target" {
			t.Error("the redirect was followed")
		}
		http.SetCookie(w, &http.Cookie{Name: "seen", Value: "1"})
		http.Redirect(w, r, "/target", http.StatusFound)
	})
	session := newSession(t, HTTPOptions{})
	res := get(t, session, server.URL)
	if res.Status != http.StatusFound || res.Header.Get("Location") != "/target" {
		t.Errorf("response is %+v", res)
	}
	if res := get(t, session, server.URL); res.RequestHeader.Get("Cookie") != "seen=1" {
		t.Errorf("the redirect's cookie was not kept: %v", res.RequestHeader)
	}
}

func TestHeader(t *testing.T) {
	var seen http.Header
	var host string
	server := newServer(t, func(_ http.ResponseWriter, r *http.Request) { seen, host = r.Header, r.Host })
	session := newSession(t, HTTPOptions{
		UserAgent: "session/1",
		Header:    http.Header{"X-Session": {"a", "b"}, "accept": {"text/plain"}},
	})
	tests := []struct {
		name string
		url  string
		give http.Header
		want http.Header // nil values: absent
	}{
		{"session's", "", nil, http.Header{
			"User-Agent": {"session/1"}, "X-Session": {"a", "b"}, "Accept": {"text/plain"},
			"Accept-Encoding": {"gzip, deflate, br, zstd"},
		}},
		{
			"request's win", "",
			http.Header{"User-Agent": {"mine/2"}, "X-Session": {"c"}, "Accept": {"*/*"}},
			http.Header{"User-Agent": {"mine/2"}, "X-Session": {"c"}, "Accept": {"*/*"}},
		},
		{
			"in any case", "",
			http.Header{"user-agent": {"mine/3"}, "x-session": {"d"}, "content-length": {"99"}},
			http.Header{"User-Agent": {"mine/3"}, "X-Session": {"d"}, "Content-Length": nil},
		},
		{"no user agent", "", http.Header{"User-Agent": {""}}, http.Header{"User-Agent": nil}},
		{"range is not compressed", "", http.Header{"Range": {"bytes=0-9"}}, http.Header{"Accept-Encoding": {"identity"}}},
		{"host", "", http.Header{"host": {"other.example"}}, http.Header{"Host": nil}},
		{"user in URL", "ann:s3cret@", nil, http.Header{"Authorization": {"Basic YW5uOnMzY3JldA=="}}},
		{
			"authorization wins over user in URL", "ann:s3cret@",
			http.Header{"authorization": {"Bearer x"}},
			http.Header{"Authorization": {"Bearer x"}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			given := test.give.Clone()
			req := &Request{URL: strings.Replace(server.URL, "://", "://"+test.url, 1), Header: test.give}
			if _, err := session.Fetch(t.Context(), req); err != nil {
				t.Fatal(err)
			}
			for name, want := range test.want {
				if got := seen[name]; fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if fmt.Sprint(given) != fmt.Sprint(test.give) {
				t.Errorf("the request's header was changed to %v", test.give)
			}
			if test.name == "host" && host != "other.example" {
				t.Errorf("host is %q", host)
			}
		})
	}
}

// The case of a name is the user's on the wire, where net/http's own server
// would not show it.
func TestHeaderNamesAreKept(t *testing.T) {
	var seen http.Header
	session := newSession(t, HTTPOptions{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		seen = r.Header
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
	})})
	req := &Request{URL: "http://a.example/", Header: http.Header{"x-lower": {"1"}, "ACCEPT": {"*/*"}}}
	if _, err := session.Fetch(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	for name := range seen {
		if name != http.CanonicalHeaderKey(name) {
			delete(req.Header, name)
		}
	}
	if _, ok := seen["Accept"]; ok || len(req.Header) != 0 {
		t.Errorf("sent %v", seen)
	}
}

// TestUserAgentOnce checks a header that has a field under two names: one of them is sent,
// the same each time.
func TestUserAgentOnce(t *testing.T) {
	session := newSession(t, HTTPOptions{})
	target, err := parseURL("http://a.example/")
	if err != nil {
		t.Fatal(err)
	}
	for range 100 { // the order of a map is random
		h, err := session.header(&Request{Header: http.Header{"User-Agent": {"one"}, "user-agent": {"two"}}}, target, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		var sent []string
		for name, values := range h {
			if strings.EqualFold(name, "User-Agent") {
				sent = append(sent, values...)
			}
		}
		if !slices.Equal(sent, []string{"two"}) {
			t.Fatalf("sent %q", sent)
		}
	}
}

// What one request adds, and what is done with a response, is not in the next.
func TestHeaderIsEachRequestsOwn(t *testing.T) {
	session := newSession(t, HTTPOptions{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		r.Header["X-Transport"] = []string{"1"}
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
	})})
	want := session.plain.Clone()
	for _, req := range []*Request{
		{URL: "http://a.example/"},
		{URL: "http://ann:s3cret@a.example/"},
		{URL: "http://a.example/", Cookies: []*http.Cookie{{Name: "a", Value: "1"}}},
		{URL: "http://a.example/", Header: http.Header{"Accept": {"*/*"}, "X-Own": {"1"}}},
	} {
		res, err := session.Fetch(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		delete(res.RequestHeader, "User-Agent")
		if fmt.Sprint(session.plain) != fmt.Sprint(want) {
			t.Fatalf("after %+v the session sends %v, before %v", req, session.plain, want)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestInvalidRequests(t *testing.T) {
	session := newSession(t, HTTPOptions{})
	tests := map[string]Request{
		"no URL":         {},
		"relative":       {URL: "/a"},
		"no host":        {URL: "http:///a"},
		"scheme":         {URL: "ftp://a.example/"},
		"space":          {URL: "http://a b/"},
		"control":        {URL: "http://a.example/\n"},
		"secret":         {URL: "http://ann:s3cret@a.example:port/"},
		"slash secret":   {URL: "http://ann:s3cret/s3cret@a.example/"},
		"odd secret":     {URL: "http://ann:s3cret%zz@a.example/"},
		"method":         {URL: "http://a.example/", Method: "GET /"},
		"connect":        {URL: "http://a.example/", Method: "CONNECT"},
		"header name":    {URL: "http://a.example/", Header: http.Header{"a b": {"1"}}},
		"header value":   {URL: "http://a.example/", Header: http.Header{"A": {"s3cret\r\nB: 2"}}},
		"cookie":         {URL: "http://a.example/", Cookies: []*http.Cookie{{Name: "a b", Value: "1"}}},
		"proxy":          {URL: "http://a.example/", Proxy: "http://ann:s3cret@:x/"},
		"proxy scheme":   {URL: "http://a.example/", Proxy: "ftp://ann:s3cret@p.example/"},
		"proxy unscheme": {URL: "http://a.example/", Proxy: "ann:s3cret@p.example"},
		"timeout":        {URL: "http://a.example/", Timeout: -1},
		"limit":          {URL: "http://a.example/", MaxBody: -1},
	}
	for name, req := range tests {
		t.Run(name, func(t *testing.T) {
			fault := failure(t, session, &req, KindInvalid)
			if fault.Retryable() || fault.HostDown() {
				t.Error("is retryable or the host's")
			}
			if strings.Contains(fault.Error(), "s3cret") || strings.Contains(fault.URL, "s3cret") {
				t.Errorf("%v tells the password", fault)
			}
		})
	}
}

func TestOptionsFaults(t *testing.T) {
	_, err := NewHTTP(HTTPOptions{
		UserAgent:           "a\nb",
		Header:              http.Header{"a b": {"1"}},
		Timeout:             -1,
		MaxBody:             -1,
		Proxies:             []string{"http://good.example", "gopher://ann:s3cret@bad.example", "://s3cret@"},
		DenyPrivateNetworks: true,
		InsecureTLS:         true,
		Transport:           http.DefaultTransport,
	})
	if err == nil {
		t.Fatal("no error")
	}
	text := err.Error()
	for _, want := range []string{
		"UserAgent: ", "Header: ", "Timeout: ", "MaxBody: ", "number 2: ", "number 3: ",
		"DenyPrivateNetworks: ", "InsecureTLS: ", "Proxies: cannot",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "s3cret") {
		t.Errorf("tells the password:\n%s", text)
	}
}

func TestBodyLimit(t *testing.T) {
	body := bytes.Repeat([]byte("x"), 5000)
	lengths := map[string]http.HandlerFunc{
		"known": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5000")
			_, _ = w.Write(body)
		},
		"unknown": func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); _, _ = w.Write(body) },
		"gzip": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(compress(t, "gzip", body))
		},
	}
	session := newSession(t, HTTPOptions{MaxBody: 4999})
	for name, handler := range lengths {
		t.Run(name, func(t *testing.T) {
			server := newServer(t, handler)
			fails(t, session, &Request{URL: server.URL}, KindTooLarge)
			res, err := session.Fetch(t.Context(), &Request{URL: server.URL, MaxBody: 5000})
			if err != nil || !bytes.Equal(res.Body, body) {
				t.Errorf("at the limit: %v", err)
			}
		})
	}
}

func TestBodiesAreTheCallers(t *testing.T) {
	for _, size := range []int{0, 10, 100_000, 3 << 20} {
		server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush() // no Content-Length, so buffers are pooled
			_, _ = w.Write(bytes.Repeat([]byte(r.URL.RawQuery), size))
		})
		session := newSession(t, HTTPOptions{})
		first := get(t, session, server.URL+"/?a").Body
		second := get(t, session, server.URL+"/?b").Body
		if len(first) != size || bytes.Contains(first, []byte("b")) || len(second) != size || bytes.Contains(second, []byte("a")) {
			t.Errorf("size %d: bodies share memory", size)
		}
	}
}

func TestCanceled(t *testing.T) {
	arrived := make(chan struct{}, 1)
	server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("begin"))
		w.(http.Flusher).Flush()
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	session := newSession(t, HTTPOptions{})
	reason := errors.New("the crawl is pausing")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-arrived
		cancel(reason)
	}()
	res, err := session.Fetch(ctx, &Request{URL: server.URL})
	fault := wantKind(t, res, err, KindCanceled)
	if !errors.Is(fault, context.Canceled) || !errors.Is(fault, reason) || fault.Retryable() || fault.HostDown() {
		t.Errorf("got %v", fault)
	}
	if _, err := session.Fetch(ctx, &Request{URL: server.URL}); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	late, stop := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer stop()
	res, err = session.Fetch(late, &Request{URL: server.URL})
	if fault := wantKind(t, res, err, KindCanceled); !errors.Is(fault, context.DeadlineExceeded) {
		t.Errorf("with a past deadline: %v", fault)
	}
}

func TestHTTP2(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/reset":
			panic(http.ErrAbortHandler)
		case "/half":
			_, _ = w.Write([]byte("half"))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, r.Header.Get("User-Agent")+r.Host)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)

	session := newSession(t, HTTPOptions{InsecureTLS: true})
	res, err := session.Fetch(t.Context(), &Request{
		URL: server.URL, Header: http.Header{"user-agent": {"ua "}, "Host": {"h.example"}},
	})
	if err != nil || res.Proto != "HTTP/2.0" || string(res.Body) != "ua h.example" {
		t.Fatalf("got %+v, %v", res, err)
	}
	fails(t, session, &Request{URL: server.URL + "/reset"}, KindReset)
	fails(t, session, &Request{URL: server.URL + "/half"}, KindReset)

	plain := newSession(t, HTTPOptions{InsecureTLS: true, NoHTTP2: true})
	if res := get(t, plain, server.URL); res.Proto != "HTTP/1.1" {
		t.Errorf("with NoHTTP2 it spoke %s", res.Proto)
	}
	fault := failure(t, newSession(t, HTTPOptions{}), &Request{URL: server.URL}, KindTLS)
	if fault.Retryable() || fault.HostDown() {
		t.Error("a bad certificate is retryable or the host's")
	}
}

func TestConcurrentUse(t *testing.T) {
	server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "last", Value: r.URL.RawQuery})
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(compress(t, "gzip", []byte(r.URL.RawQuery)))
	})
	session := newSession(t, HTTPOptions{})
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 20 {
				want := fmt.Sprintf("%d-%d", worker, i)
				res, err := session.Fetch(t.Context(), &Request{URL: server.URL + "/?" + want})
				if err != nil || string(res.Body) != want {
					t.Errorf("got %v, want %s", err, want)
				}
				session.Changed()
			}
		})
	}
	wg.Wait()
}

// A body that is read to its end leaves its connection for the next request,
// also where the decompressor stops before the end of the body.
func TestConnectionsAreReused(t *testing.T) {
	for _, name := range []string{"identity", "gzip", "deflate", "br", "zstd"} {
		peers := map[string]bool{}
		server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
			peers[r.RemoteAddr] = true
			w.Header().Set("Content-Encoding", name)
			body := compress(t, name, page)
			_, _ = w.Write(body[:len(body)-1])
			w.(http.Flusher).Flush()
			_, _ = w.Write(body[len(body)-1:])
			if name == "deflate" { // it ends by itself, whatever follows
				_, _ = w.Write(make([]byte, 40<<10))
			}
		})
		session := newSession(t, HTTPOptions{})
		for range 5 {
			get(t, session, server.URL)
		}
		if len(peers) != 1 {
			t.Errorf("%s: %d connections for 5 pages", name, len(peers))
		}
	}
}
