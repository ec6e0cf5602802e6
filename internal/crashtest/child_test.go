package crashtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/fetch"
	"github.com/clew-crawler/clew/politeness"
	"github.com/clew-crawler/clew/selector"
)

// orderVariable tells the test binary to crawl instead, and how.
const orderVariable = "CLEW_CRASHTEST_ORDER"

// An order tells a child what to crawl and what to do wrong.
type order struct {
	Base        string
	Dir         string
	Run         int // sent with every request, so that the site can tell runs apart
	Concurrency int // default 16
	Starts      int // number of start requests; default 1, the front page
	Fault       string
	On          string // canonical path of the page on which the fault happens

	Torture *errand  // what to do instead, if set; all of the above but Dir is unused then
	Env     []string // added to the child's environment
}

// A told message is one line that a child says on its standard output.
type told struct {
	Event  string       `json:"event"` // opening, running, ended
	Start  string       `json:"start,omitempty"`
	Result *clew.Result `json:"result,omitempty"`
	Error  string       `json:"error,omitempty"`
}

// Exit codes of a child.
const (
	exitFinished = 0
	exitError    = 1
	exitPaused   = 3
	exitOfFault  = 7
)

// crawlAsTold is the whole life of a child.
func crawlAsTold(text string) int {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		fmt.Fprintln(os.Stderr, "read order:", err)
		return exitError
	}
	if o.Torture != nil {
		return o.Torture.do()
	}
	say := json.NewEncoder(os.Stdout)
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	s := &script{order: o, say: say, cancel: cancel}
	if err := say.Encode(told{Event: "opening"}); err != nil {
		return exitError
	}
	result, err := clew.Run(ctx, s.spider(), clew.CrawlDir(o.Dir), clew.HandleSignals())
	return end(say, result, err)
}

// end says how a run ended and returns the exit code for it.
func end(say *json.Encoder, result *clew.Result, err error) int {
	last := told{Event: "ended", Result: result}
	if err != nil {
		last.Error = err.Error()
	}
	if err := say.Encode(last); err != nil {
		return exitError
	}
	switch {
	case err != nil || result == nil:
		return exitError
	case result.Status == clew.Paused:
		return exitPaused
	}
	return exitFinished
}

// A script is the spider of a child with the fault that it was told to commit.
type script struct {
	order
	say    *json.Encoder
	cancel context.CancelCauseFunc
}

func (s *script) spider() *clew.Spider {
	sp := &clew.Spider{
		Name:           "crash",
		StartRequests:  s.starts,
		Parse:          s.parse,
		AllowedDomains: []string{strings.TrimPrefix(s.Base, "http://")},
		Concurrency:    s.Concurrency,
		HTTP:           fetch.HTTPOptions{UserAgent: fmt.Sprintf("%s%d", agentPrefix, s.Run)},
		Retry:          politeness.Retry{Max: 2, Base: 20 * time.Millisecond, Cap: 40 * time.Millisecond},
		OnItem:         s.onItem,
		OnStart:        s.onStart,
		Logger:         slog.New(slog.NewTextHandler(logWriter(), &slog.HandlerOptions{Level: slog.LevelInfo})),
	}
	s.breakHooks(sp)
	return sp
}

// logWriter is where a child logs: nowhere, unless somebody is looking for a fault.
func logWriter() io.Writer {
	if os.Getenv("CLEW_CRASHTEST_LOG") != "" {
		return os.Stderr
	}
	return io.Discard
}

// startPages is the number of different pages among any number of start requests.
const startPages = 500

// starts yields the front page, or the first pages of the site over and over, with
// some requests between them that come to nothing.
func (s *script) starts(ctx context.Context) iter.Seq2[*clew.Request, error] {
	return func(yield func(*clew.Request, error) bool) {
		if s.Starts <= 1 {
			s.fail("StartRequests", s.On)
			yield(&clew.Request{URL: s.Base + "/"}, nil)
			return
		}
		for i := range s.Starts {
			u := fmt.Sprintf("%s/page/%d", s.Base, i%startPages)
			switch i % 10 {
			case 3:
				u = "mailto:nobody@offsite.invalid"
			case 6:
				u = fmt.Sprintf("http://offsite.invalid/%d", i)
			}
			if !yield(&clew.Request{URL: u}, nil) {
				return
			}
		}
		if s.Fault == "starts that stall" {
			if err := s.say.Encode(told{Event: "waiting"}); err != nil {
				yield(nil, err)
			}
			<-ctx.Done()
		}
	}
}

func (s *script) onStart(_ context.Context, info clew.StartInfo) error {
	s.fail("OnStart", s.On)
	return s.say.Encode(told{Event: "running", Start: info.Why})
}

// A pageItem is put out for every page, a quoteItem for what it says, and an
// authorItem once for each author, on whatever page the name comes first.
type pageItem struct {
	Path  string `json:"path"`
	Title string `json:"title"`
}

type quoteItem struct {
	Path   string   `json:"path"`
	Text   string   `json:"text"`
	Author string   `json:"author"`
	Tags   []string `json:"tags"`
}

type authorItem struct {
	Author string `json:"author"`
}

// parse depends on its page alone, so that items can be compared byte for byte.
func (s *script) parse(ctx context.Context, page *clew.Response, out *clew.Output) error {
	path, err := canonicalPath(page.URL)
	if err != nil {
		return err
	}
	if err := s.commitFault(ctx, path, out); err != nil {
		return err
	}
	if page.Status != 200 {
		return fmt.Errorf("status %d", page.Status)
	}
	out.ItemKind("page", pageItem{Path: path, Title: page.CSS("title::text").Get()})
	for quote := range page.CSS("div.quote").All() {
		q := readQuote(quote, path)
		out.ItemKind("quote", q)
		out.ItemOnce("author "+q.Author, authorItem{q.Author})
		out.Count("quotes", 1)
	}
	clew.Update(out, "letters", func(n int) int {
		s.fail("Update", path)
		return n + len(path)
	})
	for _, href := range page.CSS("ul a::attr(href)").GetAll() {
		out.Follow(href)
	}
	return nil
}

// readQuote reads one quote of a page.
func readQuote(quote selector.Selection, path string) quoteItem {
	return quoteItem{
		Path: path, Text: quote.CSS("span.text::text").Get(),
		Author: quote.CSS("small.author::text").Get(), Tags: quote.CSS("a.tag::text").GetAll(),
	}
}

// onItem drops some of the quotes.
func (s *script) onItem(_ context.Context, item any) (any, error) {
	q, ok := item.(quoteItem)
	if !ok {
		return item, nil
	}
	s.fail("OnItem", q.Path)
	if len(q.Text)%7 == 0 {
		return nil, nil
	}
	return item, nil
}

// canonicalPath is path and query of a URL, with the keys of the query in order.
func canonicalPath(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", fmt.Errorf("parse page's URL: %w", err)
	}
	if q := u.Query().Encode(); q != "" {
		return u.Path + "?" + q, nil
	}
	return u.Path, nil
}

var errScripted = errors.New("scripted")
