package fetch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"testing"
)

// BenchmarkFetch fetches a page of 10 KB over a kept connection; alone is what
// net/http takes for it without a session. Server and client share the process
// and the figures.
func BenchmarkFetch(b *testing.B) {
	body := bytes.Repeat([]byte("<p>the thread</p>\n"), 10<<10/18)
	session := newSession(b, HTTPOptions{})
	for _, name := range []string{"alone", "identity", "gzip", "br", "zstd"} {
		fetch, encoded := session.fetchBody, body
		switch name {
		case "alone":
			fetch = session.tripAlone
		case "identity":
		default:
			encoded = compress(b, name, body)
		}
		server := newServer(b, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", name)
			w.Header().Set("Content-Length", strconv.Itoa(len(encoded)))
			_, _ = w.Write(encoded)
		})
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if got, err := fetch(server.URL); err != nil || len(got) != len(body) {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestAllocations holds that a plain fetch allocates little more than net/http
// does for the same page.
func TestAllocations(t *testing.T) {
	const most = 18
	server := newServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("the thread")) })
	session := newSession(t, HTTPOptions{})
	count := func(fetch func(string) ([]byte, error)) float64 {
		return testing.AllocsPerRun(300, func() {
			if body, err := fetch(server.URL); err != nil || string(body) != "the thread" {
				t.Fatalf("got %q, %v", body, err)
			}
		})
	}
	if alone, fetched := count(session.tripAlone), count(session.fetchBody); fetched-alone > most {
		t.Errorf("a fetch makes %v allocations, %v of them net/http's, want at most %d more", fetched, alone, most)
	}
}

func (s *HTTP) fetchBody(target string) ([]byte, error) {
	res, err := s.Fetch(context.Background(), &Request{URL: target})
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}

// tripAlone is the least that a fetch by net/http can be.
func (s *HTTP) tripAlone(target string) ([]byte, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	res, err := s.transport.RoundTrip(&http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: s.plain})
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body := make([]byte, res.ContentLength)
	_, err = io.ReadFull(res.Body, body)
	return body, err
}

// BenchmarkFetchAlone leaves network and server out: what this package and its
// cookies cost.
func BenchmarkFetchAlone(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 10<<10)
	session := newSession(b, HTTPOptions{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, ContentLength: int64(len(body)), Body: reader{bytes.NewReader(body)}}, nil
	})})
	set(b, session.jar, epoch, "http://a.example/", "a=1", "b=2")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := session.Fetch(context.Background(), &Request{URL: "http://a.example/x"}); err != nil {
			b.Fatal(err)
		}
	}
}

type reader struct{ *bytes.Reader }

func (reader) Close() error { return nil }

func BenchmarkChanged(b *testing.B) {
	session := newSession(b, HTTPOptions{})
	for i := range 10_000 {
		set(b, session.jar, epoch, fmt.Sprintf("http://s%d.example/", i), "a=1")
	}
	session.Changed()
	b.ReportAllocs()
	for b.Loop() {
		if session.Changed() != nil {
			b.Fatal("changed")
		}
	}
}
