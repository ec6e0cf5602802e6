package clew

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/clew-crawler/clew/fetch"
)

// numbered serves pages that hold nothing but their number, many times.
func numbered(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(numberedBody(r.URL.Path))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func numberedBody(path string) []byte {
	return bytes.Repeat([]byte(path[strings.LastIndexByte(path, '/')+1:]+"."), 1000)
}

// A page's body is its own until the page is admitted, changes of state included.
func TestBodyUntilAdmission(t *testing.T) {
	base := numbered(t)
	var urls []string
	for i := range 300 {
		urls = append(urls, fmt.Sprintf("%s/%d", base, i))
	}
	bad := 0
	s := &Spider{
		Name: "body", StartURLs: urls, Concurrency: 8, IgnoreRobots: true, Logger: slog.New(slog.DiscardHandler),
		Parse: func(_ context.Context, page *Response, out *Output) error {
			Update(out, "pages", func(old int) int {
				if !bytes.Equal(page.Body, numberedBody(page.URL)) {
					bad++
				}
				return old + 1
			})
			return nil
		},
	}
	if result, err := Run(t.Context(), s); err != nil || result.Stats.Pages != 300 || bad > 0 {
		t.Errorf("%d of the pages hold what is not theirs, %+v, %v", bad, result, err)
	}
}

// Strings that a page gave stay when its memory has become another page's.
func TestStringsStay(t *testing.T) {
	base := numbered(t)
	type kept struct {
		want    string
		strings []string
	}
	var mu sync.Mutex
	var all []kept
	s := &Spider{
		Name: "body", Concurrency: 8, IgnoreRobots: true, Logger: slog.New(slog.DiscardHandler),
		Parse: func(_ context.Context, page *Response, out *Output) error {
			number := page.URL[strings.LastIndexByte(page.URL, '/')+1:]
			k := kept{number, page.Re(`^\d+`)} // first: Text makes a copy of all
			k.strings = append(k.strings, page.Text(), page.CSS("body::text").Get(), page.XPath("//body/text()").Get(), page.CSS("body").HTML())
			k.strings = append(k.strings, page.CSS("body").Re(`\d+`)[:2]...)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, k)
			return nil
		},
	}
	for i := range 300 {
		s.StartURLs = append(s.StartURLs, fmt.Sprintf("%s/%d", base, i+1000))
	}
	if _, err := Run(t.Context(), s); err != nil || len(all) != 300 {
		t.Fatal(len(all), err)
	}
	for _, k := range all {
		if len(k.strings) != 7 {
			t.Fatalf("page %s gave %d strings", k.want, len(k.strings))
		}
		for i, text := range k.strings {
			if n := strings.Count(text, k.want); n == 0 || n != 1+strings.Count(text, ".") && n != strings.Count(text, ".") {
				t.Fatalf("string %d of page %s is %.40q…", i, k.want, text)
			}
		}
	}
}

// TestNamesStay names a handler by a part of the page, which is gone when that handler runs.
func TestNamesStay(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		kind := strings.Repeat("Z", 300)
		if r.URL.Path == "/" {
			kind = "detail"
		}
		fmt.Fprintf(w, "<p data-kind=%s>%s", kind, strings.Repeat("x ", 2500))
	}))
	t.Cleanup(server.Close)
	details := 0
	s := &Spider{
		Name: "names", StartURLs: []string{server.URL + "/"}, IgnoreRobots: true, Concurrency: 1,
		Logger: slog.New(slog.DiscardHandler),
		Parse: func(_ context.Context, page *Response, out *Output) error {
			kind := page.CSS("p").Node().Attr(0).Value
			for i := range 100 {
				out.Request(&Request{URL: fmt.Sprintf("%s/%d", server.URL, i), Handler: kind})
			}
			return nil
		},
		Handlers: map[string]Handler{"detail": func(_ context.Context, page *Response, _ *Output) error {
			details++
			_ = page.CSS("p").Text() // its tree takes the memory of the first one
			return nil
		}},
	}
	r, err := Run(t.Context(), s)
	if err != nil || details != 100 || r.Stats.Failed != 0 {
		t.Errorf("%d details, %v, %v", details, r, err)
	}
}

// A session that hands a response out twice is left its memory.
func TestBodyOfOthers(t *testing.T) {
	base := numbered(t)
	inner, err := fetch.NewHTTP(fetch.HTTPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inner.Close() })
	s := &remembering{Session: inner, kept: map[string]*fetch.Response{}}
	var mu sync.Mutex
	bad := 0
	spider := &Spider{
		Name: "body", IgnoreRobots: true, Concurrency: 8, Logger: slog.New(slog.DiscardHandler),
		Sessions: map[string]fetch.Session{"": s},
		Parse: func(_ context.Context, page *Response, _ *Output) error {
			mu.Lock()
			defer mu.Unlock()
			if !bytes.Equal(page.Body, numberedBody(strings.SplitN(page.URL, "?", 2)[0])) {
				bad++
			}
			return nil
		},
	}
	for i := range 400 {
		spider.StartURLs = append(spider.StartURLs, fmt.Sprintf("%s/%d?%d", base, i%100, i/100))
	}
	if _, err := Run(t.Context(), spider); err != nil || bad > 0 {
		t.Errorf("%d pages hold what is not theirs, %v", bad, err)
	}
}

// remembering fetches each page once, whatever its query.
type remembering struct {
	fetch.Session
	mu   sync.Mutex
	kept map[string]*fetch.Response
}

func (s *remembering) Fetch(ctx context.Context, req *fetch.Request) (*fetch.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	page, _, _ := strings.Cut(req.URL, "?")
	if s.kept[page] == nil {
		resp, err := s.Session.Fetch(ctx, req)
		if err != nil {
			return nil, err
		}
		s.kept[page] = resp
	}
	return s.kept[page], nil
}

// A handler that keeps a body is found by its test.
func TestBodyIsNotKept(t *testing.T) {
	var kept []byte
	s := &Spider{
		Name: "body", StartURLs: []string{conHost}, Logger: slog.New(slog.DiscardHandler),
		Parse: func(_ context.Context, page *Response, out *Output) error {
			kept = page.Body
			out.Item(page.Text())
			return nil
		},
	}
	page := &Response{URL: conHost, Body: []byte("thread")}
	c, err := s.Handle(t.Context(), page, nil)
	if err != nil || len(c.Items) != 1 || string(c.Items[0]) != `"thread"` {
		t.Fatalf("%+v, %v", c, err)
	}
	if bytes.Contains(kept, []byte("thread")) || string(page.Body) != "thread" {
		t.Errorf("kept %q, given %q", kept, page.Body)
	}
}
