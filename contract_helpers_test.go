package clew

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/clew-crawler/clew/fetch"
)

// conVisit is one fetch that the scripted web has seen.
type conVisit struct {
	*fetch.Request
	n  int           // how often this URL was asked for, this time included
	at time.Duration // since the web was made
}

// conReply is what the scripted web answers. The zero value is an empty page.
type conReply struct {
	status     int
	body       string
	location   string
	retryAfter string
	fail       fetch.Kind    // an error instead of an answer
	takes      time.Duration // of the bubble's clock
}

// conWeb is a fetch.Session whose answers are scripted.
type conWeb struct {
	answer func(v conVisit) conReply

	mu     sync.Mutex
	began  time.Time
	visits []conVisit
	counts map[string]int
}

func newConWeb(answer func(v conVisit) conReply) *conWeb {
	return &conWeb{answer: answer, began: time.Now(), counts: map[string]int{}}
}

// conPages is a web whose pages are given by their URLs, and all others missing.
func conPages(pages map[string]string) *conWeb {
	return newConWeb(func(v conVisit) conReply {
		body, ok := pages[v.URL]
		if !ok {
			return conReply{status: 404}
		}
		return conReply{body: body}
	})
}

func (w *conWeb) Fetch(ctx context.Context, req *fetch.Request) (*fetch.Response, error) {
	w.mu.Lock()
	w.counts[req.URL]++
	v := conVisit{Request: req, n: w.counts[req.URL], at: time.Since(w.began)}
	w.visits = append(w.visits, v)
	w.mu.Unlock()
	r := w.answer(v)
	if r.takes > 0 {
		select {
		case <-time.After(r.takes):
		case <-ctx.Done():
			return nil, &fetch.Error{Kind: fetch.KindCanceled, URL: req.URL, Err: ctx.Err()}
		}
	}
	if r.fail != 0 {
		return nil, &fetch.Error{Kind: r.fail, URL: req.URL, Err: errors.New("scripted")}
	}
	h := http.Header{"Content-Type": {"text/html; charset=utf-8"}}
	if r.location != "" {
		h.Set("Location", r.location)
	}
	if r.retryAfter != "" {
		h.Set("Retry-After", r.retryAfter)
	}
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return &fetch.Response{URL: req.URL, Status: r.status, Header: h, Body: []byte(r.body), Elapsed: r.takes}, nil
}

func (w *conWeb) Close() error { return nil }

// asked lists what was fetched, without the host that most tests use, in order.
func (w *conWeb) asked() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var urls []string
	for _, v := range w.visits {
		urls = append(urls, strings.TrimPrefix(v.URL, conHost))
	}
	return urls
}

// starts lists when URLs with a prefix were asked for, in order.
func (w *conWeb) starts(prefix string) []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	var at []time.Duration
	for _, v := range w.visits {
		if strings.HasPrefix(v.URL, prefix) {
			at = append(at, v.at)
		}
	}
	return at
}

const conHost = "http://site.test"

// conLinks is a page with links.
func conLinks(hrefs ...string) string {
	var b strings.Builder
	for _, href := range hrefs {
		fmt.Fprintf(&b, "<a href=%q>x</a>\n", href)
	}
	return b.String()
}

// conNumbered is n links "/0", "/1" and so on.
func conNumbered(n int) string {
	var hrefs []string
	for i := range n {
		hrefs = append(hrefs, fmt.Sprintf("/%d", i))
	}
	return conLinks(hrefs...)
}

// conSpider crawls a scripted web: it puts out each page's path and follows its links.
func conSpider(web fetch.Session, starts ...string) *Spider {
	if len(starts) == 0 {
		starts = []string{conHost + "/"}
	}
	return &Spider{
		Name: "contract", StartURLs: starts, IgnoreRobots: true, Logger: slog.New(slog.DiscardHandler),
		Sessions: map[string]fetch.Session{"": web},
		Parse: func(_ context.Context, page *Response, out *Output) error {
			out.Item(conPath(page.URL))
			for _, href := range page.CSS("a::attr(href)").GetAll() {
				out.Follow(href)
			}
			return nil
		},
	}
}

func conPath(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	return u.RequestURI()
}

// conRun runs a spider to its end, and checks the directory that it leaves.
func conRun(t *testing.T, s *Spider, opts ...Option) *Result {
	t.Helper()
	r, err := Run(t.Context(), s, opts...)
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	checkRun(t, opts)
	return r
}

// conStart begins a run; the returned function waits for its result, and checks the
// directory that it leaves.
func conStart(t *testing.T, s *Spider, opts ...Option) (*Crawl, func() (*Result, error)) {
	t.Helper()
	c, err := Open(s, opts...)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	var r *Result
	done := make(chan struct{})
	go func() {
		defer close(done)
		r, err = c.Run(t.Context())
	}()
	return c, func() (*Result, error) {
		t.Helper()
		<-done
		checkRun(t, opts)
		return r, err
	}
}

// conItems are the items of a result as T.
func conItems[T any](t *testing.T, r *Result) []T {
	t.Helper()
	var items []T
	for it, err := range Items[T](r) {
		if err != nil {
			t.Fatalf("items: %v", err)
		}
		items = append(items, it)
	}
	return items
}

// conEqual compares two lists in any order.
func conEqual[T interface{ ~string | ~int }](t *testing.T, what string, got []T, want ...T) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// conStatus checks how a run ended.
func conStatus(t *testing.T, r *Result, want Status, pages int64) {
	t.Helper()
	if r.Status != want || r.Stats.Pages != pages {
		t.Errorf("run ended %q with %d pages, want %q with %d", r.Status, r.Stats.Pages, want, pages)
	}
}

// conBubble runs a test with a clock of its own.
func conBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// conDisk is a crawl directory on a disk in memory, which a bubble can hold: the
// control socket of one on a real disk would keep the bubble's clock from moving.
func conDisk() Option {
	fs := vfs.NewMem()
	return func(o *options) { o.dir, o.fs = "/crawl", fs }
}

// conList is StartRequests that yields a list.
func conList(requests ...*Request) func(context.Context) iter.Seq2[*Request, error] {
	return func(context.Context) iter.Seq2[*Request, error] {
		return func(yield func(*Request, error) bool) {
			for _, r := range requests {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// conConcat is StartRequests that yields what several do, one after the other.
func conConcat(all ...func(context.Context) iter.Seq2[*Request, error]) func(context.Context) iter.Seq2[*Request, error] {
	return func(ctx context.Context) iter.Seq2[*Request, error] {
		return func(yield func(*Request, error) bool) {
			for _, requests := range all {
				for r, err := range requests(ctx) {
					if !yield(r, err) {
						return
					}
				}
			}
		}
	}
}

// conWait is StartRequests that yields nothing for a while.
func conWait(d time.Duration) func(context.Context) iter.Seq2[*Request, error] {
	return func(ctx context.Context) iter.Seq2[*Request, error] {
		return func(func(*Request, error) bool) {
			select {
			case <-time.After(d):
			case <-ctx.Done():
			}
		}
	}
}
