package clewtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/clewtest"
)

// record is a TB that keeps what a test would fail with.
type record struct {
	testing.TB
	failed string
}

func (r *record) Helper() {}

func (r *record) Errorf(format string, args ...any) { r.failed += fmt.Sprintf(format, args...) }

func (r *record) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// failure runs a piece of a test and returns what it fails with.
func failure(t *testing.T, f func(tb *record)) string {
	t.Helper()
	r := &record{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	return r.failed
}

// parsing is a spider with one handler.
func parsing(h clew.Handler) *clew.Spider {
	return &clew.Spider{Name: "test", StartURLs: []string{"https://site.test/"}, Parse: h}
}

func TestHandleFailsAsACrawlDoes(t *testing.T) {
	tests := map[string]struct {
		parse clew.Handler
		want  string
	}{
		"error": {func(context.Context, *clew.Response, *clew.Output) error { return errors.New("no quotes") }, "no quotes"},
		"panic": {func(context.Context, *clew.Response, *clew.Output) error { panic("oh") }, "oh"},
		"selector": {func(_ context.Context, page *clew.Response, _ *clew.Output) error {
			page.CSS("div[")
			return nil
		}, "div["},
		"item": {func(_ context.Context, _ *clew.Response, out *clew.Output) error {
			out.Item(make(chan int))
			return nil
		}, "chan int"},
		"handler": {func(_ context.Context, _ *clew.Response, out *clew.Output) error {
			out.Follow("/x", clew.To("nobody"))
			return nil
		}, `"nobody" is not registered`},
		"state": {func(_ context.Context, _ *clew.Response, out *clew.Output) error {
			clew.Update(out, "n", func(int) int { panic("full") })
			return nil
		}, "full"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			found, err := clewtest.Handle(t, parsing(test.parse), &clew.Request{URL: "https://site.test/"}, clewtest.Page{})
			if err == nil || !strings.Contains(err.Error(), test.want) || found != nil {
				t.Errorf("got %+v and %v, want an error with %q", found, err, test.want)
			}
		})
	}
}

// What Handle gives is what a crawl keeps and hands to the next handler.
func TestHandleAgreesWithACrawl(t *testing.T) {
	var met *clew.Request
	spider := parsing(func(_ context.Context, page *clew.Response, out *clew.Output) error {
		out.ItemKind("page", map[string]any{"title": page.CSS("title::text").Get(), "n": 1})
		out.Item(page.Header.Get("X-Test"))
		out.Count("seen", 2)
		clew.Update(out, "sum", func(n int) int { return n + 40 })
		clew.Update(out, "sum", func(n int) int { return n + 2 })
		out.Follow("more?b=1#there", clew.To("more"), clew.WithMeta("n", 12345678901234567), clew.WithPriority(3))
		out.Follow("https://elsewhere.test/")
		out.Follow("mailto:somebody@site.test")
		return nil
	})
	spider.AllowedDomains = []string{"site.test"}
	spider.Handlers = map[string]clew.Handler{"more": func(_ context.Context, page *clew.Response, _ *clew.Output) error {
		met = page.Request
		return nil
	}}
	page := clewtest.Page{Body: "<base href=/deep/><title>Café</title>", Header: map[string][]string{"X-Test": {"yes"}}}
	found, err := clewtest.Handle(t, spider, &clew.Request{URL: "https://site.test/"}, page)
	if err != nil {
		t.Fatal(err)
	}
	site := clewtest.NewSite(t, map[string]clewtest.Page{"https://site.test/": page, "https://site.test/deep/more?b=1": {}})
	result := clewtest.Crawl(t, spider, site)

	var items []string
	for item, err := range result.Items() {
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, string(item))
	}
	if got := fmt.Sprintf("%s", found.Items); len(items) != 2 || got != fmt.Sprint(items) {
		t.Errorf("items %s, a crawl has %s", got, items)
	}
	if met == nil || len(found.Requests) != 1 || fmt.Sprintf("%+v", *found.Requests[0]) != fmt.Sprintf("%+v", *met) {
		t.Errorf("requests %+v, a crawl has %+v", found.Requests, met)
	}
	if found.Counts["seen"] != 2 || result.Stats.Custom["seen"] != 2 {
		t.Errorf("counts %v, a crawl has %v", found.Counts, result.Stats.Custom)
	}
	if got := string(found.State["sum"]); got != "42" || string(result.State["sum"]) != got {
		t.Errorf("state %s, a crawl has %s", found.State, result.State)
	}
	if found.Offsite != 1 || found.Bad != 1 || result.Stats.LinksOffsite != 1 || result.Stats.LinksBad != 1 {
		t.Errorf("offsite %d, bad %d", found.Offsite, found.Bad)
	}
}

func TestHandleNamesTheHandler(t *testing.T) {
	spider := parsing(nil)
	spider.StartRequests = nothing
	spider.Handlers = map[string]clew.Handler{"author": func(_ context.Context, page *clew.Response, out *clew.Output) error {
		var name string
		if _, err := page.Meta("name", &name); err != nil {
			return err
		}
		out.Item(name)
		return nil
	}}
	request := &clew.Request{URL: "https://site.test/a", Handler: "author", Meta: map[string]any{"name": "Ada"}}
	found, err := clewtest.Handle(t, spider, request, clewtest.Page{})
	if err != nil {
		t.Fatal(err)
	}
	if items := clewtest.Items[string](t, found); len(items) != 1 || items[0] != "Ada" {
		t.Errorf("items %q", items)
	}
}

func nothing(context.Context) iter.Seq2[*clew.Request, error] {
	return func(func(*clew.Request, error) bool) {}
}

func TestPagesByTheirFiles(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"a.html": "text/html", "a.xml": "application/xml", "a.json": "application/json", "a.txt": "text/plain", "a": "text/html",
	}
	spider := parsing(func(_ context.Context, page *clew.Response, out *clew.Output) error {
		out.Item(page.Header.Get("Content-Type"))
		return nil
	})
	for file, want := range files {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := clewtest.Handle(t, spider, &clew.Request{URL: "https://site.test/"}, clewtest.Page{File: path})
		if err != nil {
			t.Fatal(err)
		}
		if got := clewtest.Items[string](t, found); got[0] != want {
			t.Errorf("%s is %q, want %q", file, got, want)
		}
	}
}

func TestTestsFail(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "x.json")
	spider := parsing(func(context.Context, *clew.Response, *clew.Output) error { return nil })
	request := &clew.Request{URL: "https://site.test/"}
	tests := map[string]struct {
		run  func(tb *record)
		want string
	}{
		"no golden file": {func(tb *record) { clewtest.Golden(tb, file, 1) }, "CLEWTEST_UPDATE=1"},
		"not JSON":       {func(tb *record) { clewtest.Golden(tb, file, make(chan int)) }, "chan int"},
		"other type":     {func(tb *record) { clewtest.Items[int](tb, &clew.Contents{Items: rawList(`"x"`)}) }, "item 1 as int"},
		"no file": {func(tb *record) {
			_, _ = clewtest.Handle(tb, spider, request, clewtest.Page{File: "testdata/none.html"})
		}, "none.html"},
		"two bodies": {func(tb *record) {
			_, _ = clewtest.Handle(tb, spider, request, clewtest.Page{File: "testdata/quotes.html", Body: "x"})
		}, "either Body or File"},
		"no URL": {func(tb *record) { clewtest.NewSite(tb, map[string]clewtest.Page{"/x": {}}) }, `"/x"`},
		"bad spider": {func(tb *record) {
			clewtest.Crawl(tb, &clew.Spider{}, clewtest.NewSite(tb, nil))
		}, "Name"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := failure(t, test.run); !strings.Contains(got, test.want) {
				t.Errorf("fails with %q, want %q in it", got, test.want)
			}
		})
	}
}

func rawList(lines ...string) (list []json.RawMessage) {
	for _, line := range lines {
		list = append(list, json.RawMessage(line))
	}
	return list
}

func TestGolden(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "x.json")
	t.Setenv("CLEWTEST_UPDATE", "1")
	clewtest.Golden(t, file, []string{"a & b"})
	t.Setenv("CLEWTEST_UPDATE", "")
	clewtest.Golden(t, file, []string{"a & b"})
	if data, err := os.ReadFile(file); err != nil || string(data) != "[\n\t\"a & b\"\n]\n" {
		t.Errorf("file %q, %v", data, err)
	}
	got := failure(t, func(tb *record) { clewtest.Golden(tb, file, []string{"c"}) })
	if !strings.Contains(got, "out of date") || !strings.Contains(got, `"c"`) || !strings.Contains(got, "a & b") {
		t.Errorf("another value fails with %q", got)
	}
}
