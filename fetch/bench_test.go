package fetch

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"testing"
)

// BenchmarkFetch fetches a page of 10 KB over a kept connection. Server and
// client share the process and the figures.
func BenchmarkFetch(b *testing.B) {
	body := bytes.Repeat([]byte("<p>the thread</p>\n"), 10<<10/18)
	for _, name := range []string{"identity", "gzip", "br", "zstd"} {
		encoded := compress(b, name, body)
		server := newServer(b, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", name)
			_, _ = w.Write(encoded)
		})
		session := newSession(b, HTTPOptions{})
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				res, err := session.Fetch(context.Background(), &Request{URL: server.URL})
				if err != nil || len(res.Body) != len(body) {
					b.Fatal(err)
				}
			}
		})
	}
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
