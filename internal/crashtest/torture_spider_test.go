package crashtest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/fetch"
	"github.com/clew-crawler/clew/internal/testsite"
	"github.com/clew-crawler/clew/politeness"
)

// A crawler is the spider of a round as it is in one run.
type crawler struct {
	*errand
	site *testsite.Site
	stop *stopper
}

func (c *crawler) spider() (*clew.Spider, error) {
	d, m := &c.Design, &c.Manner
	agent := fmt.Sprintf("%s%d", agentPrefix, c.Run)
	sp := &clew.Spider{
		Name: "torture", Parse: c.reader(0), Handlers: map[string]clew.Handler{}, Aliases: map[string]string{},
		Concurrency: m.Concurrency, ConcurrencyPerHost: m.PerHost, Delay: m.Delay, Jitter: m.Jitter,
		IgnoreRobots: !d.Robots, HTTP: fetch.HTTPOptions{UserAgent: agent}, Sessions: map[string]fetch.Session{},
		Retry:        politeness.Retry{Max: d.Retries, Base: 5 * time.Millisecond, Cap: 10 * time.Millisecond},
		MaxRedirects: d.MaxRedirects,
		OnClose:      func(context.Context, *clew.Result) error { c.stop.inOnClose(); return nil },
		Logger:       slog.New(slog.NewTextHandler(logWriter(), nil)),
	}
	for _, base := range d.Bases {
		sp.AllowedDomains = append(sp.AllowedDomains, strings.TrimPrefix(base, "http://"))
	}
	for n := 1; n < d.Handlers; n++ {
		now := handlerName(n, m.Names)
		sp.Handlers[now] = c.reader(n)
		for old := range m.Names {
			sp.Aliases[handlerName(n, old)] = handlerName(n, old+1)
		}
	}
	for n := 1; n < d.Sessions; n++ {
		s, err := fetch.NewHTTP(fetch.HTTPOptions{UserAgent: agent + "/" + sessionName(n)})
		if err != nil {
			return nil, err
		}
		sp.Sessions[sessionName(n)] = s
	}
	if d.Drops {
		sp.OnItem = func(_ context.Context, item any) (any, error) {
			if q, ok := item.(quoteItem); ok && len(q.Text)%7 == 0 {
				return nil, nil
			}
			return item, nil
		}
	}
	if d.Web != nil {
		c.roam(sp)
		return sp, nil
	}
	c.start(sp)
	return sp, nil
}

// start gives the spider something to begin with: the front page, then others in
// an order that leads nowhere in particular, some of them more than once.
func (c *crawler) start(sp *clew.Spider) {
	d := &c.Design
	pages := make([]int, d.Starts)
	for i := range pages {
		pages[i] = i * 7 % d.Site.Pages
	}
	if !d.Func {
		for _, n := range pages {
			if d.handlerOf(n)+d.sessionOf(n)+d.hostOf(n) == 0 {
				sp.StartURLs = append(sp.StartURLs, d.Bases[0]+c.site.Path(n))
			}
		}
		return
	}
	sp.StartRequests = c.yield(len(pages), func(i int) *clew.Request {
		n := pages[i]
		r := &clew.Request{URL: d.Bases[d.hostOf(n)] + c.site.Path(n)}
		switch i % 10 {
		case 3:
			r.URL = "mailto:nobody@offsite.invalid"
		case 6:
			r.URL = fmt.Sprintf("http://offsite.invalid/%d", i)
		default:
			c.address(r, n)
		}
		return r
	})
}

// yield makes start requests one by one.
func (c *crawler) yield(count int, request func(i int) *clew.Request) func(context.Context) iter.Seq2[*clew.Request, error] {
	return func(context.Context) iter.Seq2[*clew.Request, error] {
		return func(yield func(*clew.Request, error) bool) {
			for i := range count {
				c.stop.inStarts(i)
				if !yield(request(i), nil) {
					return
				}
			}
		}
	}
}

// address gives a request for page n to those who fetch and read that page.
func (c *crawler) address(r *clew.Request, n int) {
	d := &c.Design
	r.Session, r.Handler = sessionName(d.sessionOf(n)), handlerName(d.handlerOf(n), c.Manner.Names)
	clew.WithMeta("n", n)(r)
	if d.Priorities {
		r.Priority = n*31%5 - 2
	}
}

// A readItem is put out for every page that was read.
type readItem struct {
	Path    string `json:"path"`
	Title   string `json:"title"`
	Session string `json:"session"`
	Part    int    `json:"part"`
}

// A tagItem is put out once for each tag; the page it was found on depends on the order.
type tagItem struct {
	Tag string `json:"tag"`
	On  string `json:"on"`
}

// reader is handler number part.
func (c *crawler) reader(part int) clew.Handler {
	return func(ctx context.Context, page *clew.Response, out *clew.Output) error {
		c.stop.inHandler()
		path, err := canonicalPath(page.URL)
		if err != nil {
			return err
		}
		n, isPage := pageNumber(path)
		if err := c.ready(ctx, page, n); err != nil {
			return err
		}
		if err := c.addressed(page, n, part); err != nil {
			return err
		}
		out.ItemKind("page", readItem{path, page.CSS("title::text").Get(), page.Request.Session, part})
		c.keepState(out, path)
		if isPage {
			c.readPage(page, out, n, path)
		}
		return nil
	}
}

// ready fails for pages that are to fail, and takes its time over slow ones.
func (c *crawler) ready(ctx context.Context, page *clew.Response, n int) error {
	d := &c.Design
	switch fails, panics := d.fails(n); {
	case page.Status != http.StatusOK:
		return fmt.Errorf("status %d", page.Status)
	case page.Header.Get(notYetHeader) != "":
		return clew.RetryAfter(time.Millisecond, errors.New("not yet"))
	case fails && panics:
		panic("scripted panic")
	case fails:
		return errScripted
	case c.Manner.Bug && bug(n):
		return errors.New("a bug")
	case d.Slow > 0 && n%d.Slow == 4:
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// addressed checks that a page got to the handler and the session that it is for,
// with the meta that its request was given.
func (c *crawler) addressed(page *clew.Response, n, part int) error {
	d := &c.Design
	meta := n
	if _, err := page.Meta("n", &meta); err != nil {
		return err
	}
	if meta != n || part != d.handlerOf(n) || page.Request.Session != sessionName(d.sessionOf(n)) ||
		!strings.HasPrefix(page.URL, d.Bases[d.hostOf(n)]+"/") {
		return fmt.Errorf("astray: %s with meta %d in handler %d and session %q", page.URL, meta, part, page.Request.Session)
	}
	return nil
}

// keepState folds the pages into values: a sum, and a chain that shows their order.
func (c *crawler) keepState(out *clew.Output, path string) {
	out.Count("read", 1)
	clew.Update(out, "sum", func(n int) int { return n + len(path) })
	clew.Update(out, "order", func(old string) string { return inOrder(old, path) })
}

// inOrder adds a page to a chain.
func inOrder(chain, path string) string {
	return strconv.FormatUint(hashOf(chain+"\n"+path), 16)
}

// readPage puts out what an ordinary page says and where it leads.
func (c *crawler) readPage(page *clew.Response, out *clew.Output, n int, path string) {
	for quote := range page.CSS("div.quote").All() {
		q := readQuote(quote, path)
		out.ItemKind("quote", q)
		out.ItemOnce("author "+q.Author, authorItem{q.Author})
		for _, tag := range q.Tags {
			out.ItemOnce("tag "+tag, tagItem{tag, path})
		}
		out.Count("quotes", 1)
	}
	for _, href := range page.CSS("ul a::attr(href)").GetAll() {
		c.follow(page, out, href)
	}
	d := &c.Design
	base := d.Bases[d.hostOf(n)]
	if d.Forms && n%13 == 5 {
		r := &clew.Request{URL: fmt.Sprintf("%s/form/%d", base, n), Method: http.MethodPost, Params: url.Values{"p": {strconv.Itoa(n)}}}
		if n%3 == 0 {
			r.JSON = map[string]any{"n": n, "path": path}
		} else {
			r.Form = url.Values{"n": {strconv.Itoa(n)}, "path": {path}}
		}
		c.address(r, n)
		out.Request(r)
	}
	if d.Again && n%17 == 3 {
		out.Follow(fmt.Sprintf("%s/again/%d", base, n), func(r *clew.Request) { c.address(r, n); r.DontFilter = true })
	}
	if d.Again && n%17 == 4 && n > 4 {
		back := n - 1 // the page before asks for the same
		out.Follow(fmt.Sprintf("%s/again/%d", d.Bases[d.hostOf(back)], back), func(r *clew.Request) { c.address(r, back); r.DontFilter = true })
	}
	if d.Chains && n%29 == 7 {
		out.Follow(fmt.Sprintf("%s/chain/%d/0", base, n), func(r *clew.Request) { c.address(r, n) })
	}
}

// follow sends a link to a page to those that the page is for, and any other link
// where it leads.
func (c *crawler) follow(page *clew.Response, out *clew.Output, href string) {
	u, err := page.Resolve(href)
	if err != nil || !strings.HasPrefix(u, "http://127.0.0.1") {
		out.Follow(href)
		return
	}
	parsed, err := url.Parse(u)
	if err != nil {
		out.Follow(href)
		return
	}
	n, ok := pageNumber(parsed.Path)
	if !ok {
		out.Follow(href)
		return
	}
	out.Follow(href, func(r *clew.Request) {
		r.URL = c.Design.Bases[c.Design.hostOf(n)] + parsed.RequestURI()
		c.address(r, n)
	})
}

// pageNumber reads the number out of a path that belongs to a page of the site; for
// other paths with a number in second place it returns that and false.
func pageNumber(path string) (n int, isPage bool) {
	path, _, _ = strings.Cut(path, "?")
	if path == "/" {
		return 0, true
	}
	kind, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	number, _, _ := strings.Cut(rest, "/")
	n, err := strconv.Atoi(number)
	return n, err == nil && (kind == "page" || kind == "r")
}
