package clew

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clew-crawler/clew/internal/testsite"
)

// listed returns all entries of a kind.
func listed(t *testing.T, dir, kind string) (entries []Entry) {
	t.Helper()
	for e, err := range List(t.Context(), dir, kind) {
		if err != nil {
			t.Fatalf("list %s: %v", kind, err)
		}
		e.Value = slices.Clone(e.Value)
		entries = append(entries, e)
	}
	return entries
}

// TestList compares the entries of each kind with what the crawl counts.
func TestList(t *testing.T) {
	_, _, dirs := lookDirs(t)
	for name, dir := range dirs {
		before := tree(t, dir)
		i, err := Inspect(dir)
		if err != nil {
			t.Fatal(err)
		}
		listMatches(t, dir, i)
		if after := tree(t, dir); !slices.Equal(before, after) {
			t.Errorf("%s: the lists have changed\n%v\nto\n%v", name, before, after)
		}
	}
	for _, kind := range []string{"", "pendings"} {
		for _, err := range List(t.Context(), dirs["paused"], kind) {
			if err == nil || !strings.Contains(err.Error(), `"sessions"`) {
				t.Errorf("kind %q: %v", kind, err)
			}
		}
	}
	for _, err := range List(t.Context(), t.TempDir(), "pending") {
		if !errors.Is(err, ErrNoCrawl) {
			t.Errorf("no crawl: %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, kind := range []string{"items", "pending"} {
		for _, err := range List(ctx, dirs["paused"], kind) {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
		}
	}
}

// listMatches holds every list of a crawl against its counters.
func listMatches(t *testing.T, dir string, i *Inspection) {
	t.Helper()
	n := map[string]int64{}
	for _, kind := range entryKinds() {
		for _, e := range listed(t, dir, kind) {
			n[kind]++
			if e.Kind != kind {
				t.Errorf("%s: an entry of kind %q", kind, e.Kind)
			}
			if data, err := json.Marshal(e); err != nil || strings.Contains(string(data), "secret") {
				t.Errorf("%s: %s, %v", kind, data, err)
			}
		}
	}
	s := &i.Stats
	over := i.State == StateFinished && s.Failed == 0
	for kind, want := range map[string]int64{
		"pending": s.Pending, "delayed": s.Delayed, "failed": s.Failed, "items": s.Items, "seen": s.Seen,
	} {
		if kind == "seen" && over {
			want = 0 // gone with the frontier
		}
		if n[kind] != want {
			t.Errorf("%s, %s: %d listed, %d counted", i.State, kind, n[kind], want)
		}
	}
	for _, kind := range []string{"robots", "sessions"} {
		if i.State != StateRunning && (n[kind] == 0) != over {
			t.Errorf("%s, %s: %d listed", i.State, kind, n[kind])
		}
	}
	for _, e := range listed(t, dir, "state") {
		if string(e.Value) != fmt.Sprint(s.Pages) || e.Key != "pages" {
			t.Errorf("%s: state %+v, %d pages", i.State, e, s.Pages)
		}
	}
	for _, e := range listed(t, dir, "hosts") {
		if e.Pending != s.Pending {
			t.Errorf("%s: %+v, %d pending", i.State, e, s.Pending)
		}
	}
}

// TestListFields looks at what the entries of requests say, and what they do not.
func TestListFields(t *testing.T) {
	web := newConWeb(func(v conVisit) conReply {
		if strings.HasSuffix(v.URL, "/busy") {
			return conReply{status: http.StatusServiceUnavailable, retryAfter: "3000"}
		}
		return conReply{}
	})
	s := conSpider(web)
	parse := s.Parse
	s.Handlers = map[string]Handler{"other": func(context.Context, *Response, *Output) error {
		return errors.New("proxy http://me:secret@proxy.test:80/ refused")
	}}
	s.Parse = func(ctx context.Context, page *Response, out *Output) error {
		out.Request(&Request{
			URL: "http://name:secret@b.test:8080/x?y=1#z", Handler: "other", Priority: 7, Method: "POST", Body: []byte("secret"),
			Header: http.Header{"Authorization": {"secret"}}, Cookies: []*http.Cookie{{Name: "id", Value: "secret"}},
			Proxy: "http://me:secret@proxy.test", Meta: map[string]any{"k": "secret"},
		})
		out.Follow("/busy")
		for range 3 {
			out.Follow("/later", WithPriority(-1))
		}
		return parse(ctx, page, out)
	}
	dir := filepath.Join(t.TempDir(), "crawl")
	c, wait := conStart(t, s, CrawlDir(dir), Interval(time.Millisecond))
	for len(listed(t, dir, "failed")) == 0 || len(listed(t, dir, "delayed")) == 0 {
		runtime.Gosched() // until they are committed
	}
	look := func() {
		failed, delayed := listed(t, dir, "failed"), listed(t, dir, "delayed")
		if len(failed) != 1 || len(delayed) != 1 {
			t.Fatalf("failed %+v, delayed %+v", failed, delayed)
		}
		f, d := failed[0], delayed[0]
		if len(f.Fingerprint) != 32 || f.Due != (time.Time{}) {
			t.Errorf("failed %+v", f)
		}
		f.Fingerprint = ""
		want := Entry{
			Kind: "failed", URL: "http://b.test:8080/x?y=1#z", Method: "POST", Host: "http://b.test:8080", Handler: "other",
			Priority: 7, Depth: 1, Referer: conHost + "/", Attempts: 1,
			Reason: "handler other: proxy http://proxy.test:80/ refused",
		}
		if fmt.Sprint(f) != fmt.Sprint(want) {
			t.Errorf("failed\n%+v\nwant\n%+v", f, want)
		}
		if in := time.Until(d.Due); d.URL != conHost+"/busy" || in < 40*time.Minute || in > 51*time.Minute || d.Handler != "Parse" || d.Attempts != 1 {
			t.Errorf("delayed %+v", d)
		}
	}
	look()
	c.Pause()
	if _, err := wait(); err != nil {
		t.Fatal(err)
	}
	look()
}

// TestListRunning lists a crawl while it runs: a commit's state, whatever follows.
func TestListRunning(t *testing.T) {
	_, base := testsite.Start(t, testsite.Config{Seed: 3, Pages: 80})
	dir := filepath.Join(t.TempDir(), "crawl")
	s := lookSpider(base)
	parse, lists := s.Parse, 0
	s.Concurrency = 1
	var c *Crawl
	s.Parse = func(ctx context.Context, page *Response, out *Output) error {
		if lists++; lists%20 == 10 {
			if err := c.engine.frontier.Flush(); err != nil {
				t.Error(err)
			}
			i, err := Inspect(dir) // this page is the only one in flight
			if err != nil || i.State != StateRunning || i.Handlers["Parse"] != i.Stats.Pending {
				t.Errorf("inspect: %+v, %v", i, err)
			}
			listMatches(t, dir, i)
			for e, err := range List(ctx, dir, "seen") {
				if err != nil || e.Fingerprint == "" {
					t.Errorf("%+v, %v", e, err)
				}
				break // the rest is not wanted
			}
		}
		return parse(ctx, page, out)
	}
	c, err := Open(s, CrawlDir(dir))
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Run(t.Context())
	if err != nil || lists < 60 {
		t.Fatalf("%d pages, %+v, %v", lists, r, err)
	}
	checkDir(t, dir)
}

func TestHideUserinfo(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "",
		"no address a@b.test":      "no address a@b.test",
		"http://a.test/x@y":        "http://a.test/x@y",
		"http://u:p@a.test/x":      "http://a.test/x",
		"http://u:p@q@a.test?e=@":  "http://a.test?e=@",
		"x http://u@a, ftp://:p@b": "x http://a, ftp://b",
		`Get "http://u:p@a.test": refused (see mail@b.test)`: `Get "http://a.test": refused (see mail@b.test)`,
	} {
		if got := hideUserinfo(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
