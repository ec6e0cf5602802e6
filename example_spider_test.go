package clew_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/fetch"
	"github.com/clew-crawler/clew/politeness"
)

// printItems runs a spider and prints what it found.
func printItems(spider *clew.Spider, opts ...clew.Option) *clew.Result {
	spider.Concurrency, spider.Logger = 1, quiet()
	result, err := clew.Run(context.Background(), spider, opts...)
	if err != nil {
		fmt.Println(err)
		return nil
	}
	for item, err := range result.Items() {
		if err != nil {
			fmt.Println(err)
			return nil
		}
		fmt.Println(string(item))
	}
	return result
}

// StartRequests may yield millions; the crawl takes them as it goes, and a resumed
// one goes on behind those that it has taken.
func ExampleSpider_startRequests() {
	site, done := exampleSite(map[string]string{
		"/search": `<h1>results</h1>`, "/item/1": `<h1>one</h1>`, "/item/2": `<h1>two</h1>`,
	})
	defer done()

	printItems(&clew.Spider{
		Name: "shop",
		StartRequests: func(context.Context) iter.Seq2[*clew.Request, error] {
			return func(yield func(*clew.Request, error) bool) {
				for n := 1; n <= 2; n++ {
					r := &clew.Request{URL: fmt.Sprintf("%s/item/%d", site, n), Meta: map[string]any{"number": n}}
					if !yield(r, nil) {
						return
					}
				}
			}
		},
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			var number int
			if _, err := page.Meta("number", &number); err != nil {
				return err
			}
			out.Item(map[string]any{"number": number, "heading": page.CSS("h1::text").Get()})
			return nil
		},
	})
	// Output:
	// {"heading":"one","number":1}
	// {"heading":"two","number":2}
}

// Handlers are registered by name. A request names its handler, and can carry
// values to it.
func ExampleSpider_handlers() {
	site, done := exampleSite(map[string]string{
		"/":  `<div>Hats <a href="/a">bowler</a></div><div>Shoes <a href="/b">brogue</a></div>`,
		"/a": `<b>40</b>`, "/b": `<b>90</b>`,
	})
	defer done()

	printItems(&clew.Spider{
		Name: "shop", StartURLs: []string{site},
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			for row := range page.CSS("div").All() {
				link := row.CSS("a")
				out.Follow(link.Attr("href"), clew.To("product"),
					clew.WithMeta("name", link.Text()), clew.WithPriority(len(link.Text())))
			}
			return nil
		},
		Handlers: map[string]clew.Handler{
			"product": func(_ context.Context, page *clew.Response, out *clew.Output) error {
				var name string
				if _, err := page.Meta("name", &name); err != nil {
					return err
				}
				out.Item(name + " costs " + page.CSS("b::text").Get())
				return nil
			},
		},
	})
	// Output:
	// "bowler costs 40"
	// "brogue costs 90"
}

// An API answers in JSON; requests can have any method and body.
func ExampleRequest() {
	site, done := exampleServer(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, `{"results": [{"name": "thread", "price": 3}, {"name": "sail", "price": 70}]}`)
	})
	defer done()

	printItems(&clew.Spider{
		Name: "api",
		StartRequests: func(context.Context) iter.Seq2[*clew.Request, error] {
			return func(yield func(*clew.Request, error) bool) {
				yield(&clew.Request{
					URL: site + "/search", Method: http.MethodPost,
					JSON: map[string]any{"query": "Crete"},
				}, nil)
			}
		},
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			var answer struct {
				Results []struct {
					Name  string `json:"name"`
					Price int    `json:"price"`
				} `json:"results"`
			}
			if err := page.JSON(&answer); err != nil {
				return err
			}
			for _, result := range answer.Results {
				out.Item(result)
			}
			return nil
		},
	})
	// Output:
	// {"name":"thread","price":3}
	// {"name":"sail","price":70}
}

// Log in with a form, then follow links: the session keeps the cookie, and a
// resumed crawl still has it.
func ExampleOutput_Request() {
	site, done := exampleServer(func(w http.ResponseWriter, r *http.Request) {
		_, err := r.Cookie("member")
		switch {
		case r.URL.Path == "/login" && r.FormValue("password") == "thread":
			http.SetCookie(w, &http.Cookie{Name: "member", Value: "theseus"})
			http.Redirect(w, r, "/inside", http.StatusSeeOther)
		case r.URL.Path == "/inside" && err == nil:
			fmt.Fprint(w, `<h1>Welcome</h1>`)
		case r.URL.Path == "/":
			fmt.Fprint(w, `<form action="/login"></form>`)
		default:
			http.Error(w, "members only", http.StatusNotFound)
		}
	})
	defer done()

	printItems(&clew.Spider{
		Name: "members", StartURLs: []string{site},
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			action, err := page.Resolve(page.CSS("form::attr(action)").Get())
			if err != nil {
				return err
			}
			out.Request(&clew.Request{
				URL: action, Method: http.MethodPost, Handler: "inside",
				Form: map[string][]string{"name": {"theseus"}, "password": {"thread"}},
			})
			return nil
		},
		Handlers: map[string]clew.Handler{
			"inside": func(_ context.Context, page *clew.Response, out *clew.Output) error {
				out.Item(page.CSS("h1::text").Get())
				return nil
			},
		},
	})
	// Output: "Welcome"
}

// Sessions fetch; a request may name one. Each HTTP session has cookies of its own,
// so one crawl can be two visitors.
func ExampleSpider_sessions() {
	site, done := exampleServer(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "<h1>%s</h1>", r.UserAgent())
	})
	defer done()
	guest, err := fetch.NewHTTP(fetch.HTTPOptions{UserAgent: "Guest/1.0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer guest.Close()

	printItems(&clew.Spider{
		Name: "visitors",
		HTTP: fetch.HTTPOptions{UserAgent: "Host/1.0"}, Sessions: map[string]fetch.Session{"guest": guest},
		StartRequests: func(context.Context) iter.Seq2[*clew.Request, error] {
			return func(yield func(*clew.Request, error) bool) {
				_ = yield(&clew.Request{URL: site}, nil) && yield(&clew.Request{URL: site, Session: "guest"}, nil)
			}
		},
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			out.Item(page.CSS("h1::text").Get())
			return nil
		},
	})
	// Output:
	// "Host/1.0"
	// "Guest/1.0"
}

// A busy server is asked again, later and later, and a handler can ask for the
// same. The delay survives a stop like everything else.
func ExampleRetryAfter() {
	var asked atomic.Int32
	site, done := exampleServer(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/robots.txt":
			http.NotFound(w, r)
		case asked.Add(1) == 1:
			http.Error(w, "busy", http.StatusServiceUnavailable)
		case asked.Load() == 2:
			fmt.Fprint(w, `<h1>being generated</h1>`)
		default:
			fmt.Fprint(w, `<h1>report</h1>`)
		}
	})
	defer done()

	result := printItems(&clew.Spider{
		Name: "reports", StartURLs: []string{site},
		Retry: politeness.Retry{Max: 3, Base: time.Millisecond},
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			heading := page.CSS("h1::text").Get()
			if heading == "being generated" {
				return clew.RetryAfter(time.Millisecond, errors.New("report is not there yet"))
			}
			out.Item(heading)
			return nil
		},
	})
	fmt.Println(result.Stats.Fetches, "fetches,", result.Stats.Retries, "retries,", result.Stats.Pages, "page")
	// Output:
	// "report"
	// 3 fetches, 2 retries, 1 page
}

// What finally fails is kept with its reason; OnError is told of it.
func ExampleSpider_onError() {
	site, done := exampleSite(map[string]string{"/": `<a href="/broken">x</a>`})
	defer done()

	result := printItems(&clew.Spider{
		Name: "strict", StartURLs: []string{site},
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			if page.Status != http.StatusOK {
				return fmt.Errorf("status %d", page.Status)
			}
			out.Follow(page.CSS("a::attr(href)").Get())
			return nil
		},
		OnError: func(_ context.Context, req *clew.Request, err error) {
			fmt.Println(req.URL[len(site):], "failed:", err)
		},
	})
	for _, f := range result.Failures {
		fmt.Println(f.URL[len(site):], "failed after", f.Attempts, "attempt:", f.Reason)
	}
	// Output:
	// /broken failed: handler Parse: status 404
	// /broken failed after 1 attempt: handler Parse: status 404
}

// OnItem sees every item before it is kept: it can change it, or drop it.
func ExampleSpider_onItem() {
	site, done := exampleSite(map[string]string{"/": `<b>3</b> <b>-1</b> <b>70</b>`})
	defer done()

	result := printItems(&clew.Spider{
		Name: "prices", StartURLs: []string{site},
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			for _, price := range page.CSS("b::text").GetAll() {
				out.Item(price)
			}
			return nil
		},
		OnItem: func(_ context.Context, item any) (any, error) {
			if price := item.(string); price[0] != '-' {
				return price + " drachmas", nil
			}
			return nil, nil // no item, no error: dropped
		},
	})
	fmt.Println(result.Stats.ItemsDropped, "dropped")
	// Output:
	// "3 drachmas"
	// "70 drachmas"
	// 1 dropped
}

// IsBlocked tells pages that are no answer but a block, and OnBlocked may change
// the request before it is tried again.
func ExampleSpider_onBlocked() {
	site, done := exampleServer(func(w http.ResponseWriter, r *http.Request) {
		if r.UserAgent() != "Friend/1.0" {
			fmt.Fprint(w, `<h1>Are you a robot?</h1>`)
			return
		}
		fmt.Fprint(w, `<h1>Hello</h1>`)
	})
	defer done()
	friend, err := fetch.NewHTTP(fetch.HTTPOptions{UserAgent: "Friend/1.0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer friend.Close()

	result := printItems(&clew.Spider{
		Name: "guarded", StartURLs: []string{site}, IgnoreRobots: true,
		Sessions: map[string]fetch.Session{"friend": friend},
		Retry:    politeness.Retry{Base: time.Millisecond},
		IsBlocked: func(_ context.Context, page *clew.Response) bool {
			return page.CSS("h1::text").Get() == "Are you a robot?"
		},
		OnBlocked: func(_ context.Context, _ *clew.Response, retry *clew.Request) {
			retry.Session = "friend"
		},
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			out.Item(page.CSS("h1::text").Get())
			return nil
		},
	})
	fmt.Println(result.Stats.Blocked, "block")
	// Output:
	// "Hello"
	// 1 block
}

// robots.txt is obeyed unless the spider says otherwise, and so are the domains
// that it keeps to.
func ExampleSpider_robots() {
	site, done := exampleSite(map[string]string{
		"/robots.txt": "User-agent: *\nDisallow: /private/\n",
		"/": `<a href="/public">public</a> <a href="/private/diary">private</a>
			<a href="https://elsewhere.example/">elsewhere</a>`,
		"/public": `<h1>public</h1>`, "/private/diary": `<h1>private</h1>`,
	})
	defer done()

	result := printItems(&clew.Spider{
		Name: "polite", StartURLs: []string{site},
		AllowedDomains: []string{"127.0.0.1"}, ConcurrencyPerHost: 1, Delay: time.Millisecond,
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			for _, heading := range page.CSS("h1::text").GetAll() {
				out.Item(heading)
			}
			for _, href := range page.CSS("a::attr(href)").GetAll() {
				out.Follow(href)
			}
			return nil
		},
	})
	fmt.Println(result.Stats.RobotsDisallowed, "disallowed,", result.Stats.LinksOffsite, "offsite")
	// Output:
	// "public"
	// 1 disallowed, 1 offsite
}

// OnStart and OnClose are called at the beginning and at the end of every run.
func ExampleSpider_onStart() {
	site, done := exampleChain(4)
	defer done()
	dir, done := exampleDir()
	defer done()

	spider := headings(site)
	spider.OnStart = func(_ context.Context, info clew.StartInfo) error {
		fmt.Printf("run %d, %s, %d pages so far\n", info.Run, info.Why, info.Stats.Pages)
		return nil
	}
	spider.OnClose = func(_ context.Context, result *clew.Result) error {
		fmt.Println(result.Status)
		return nil
	}
	for range 2 {
		if _, err := clew.Run(context.Background(), spider, clew.CrawlDir(dir), clew.MaxPages(3)); err != nil {
			fmt.Println(err)
			return
		}
	}
	// Output:
	// run 1, new, 0 pages so far
	// paused
	// run 2, resumed after a pause, 3 pages so far
	// finished
}

// A page is read with CSS, XPath or regular expressions, alone or one upon another.
func ExampleResponse() {
	site, done := exampleSite(map[string]string{
		"/": `<table><tr><td>Thread</td><td class="price">3 drachmas</td></tr></table>`,
	})
	defer done()

	printItems(&clew.Spider{
		Name: "reader", StartURLs: []string{site},
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			out.Item(page.CSS("td.price::text").Get())
			out.Item(page.XPath("//td[1]/text()").Get())
			out.Item(page.CSS("td.price").ReFirst(`\d+`))
			out.Item(page.CSS("td.price::attr(title)").GetOr("no title"))
			return nil
		},
	})
	// Output:
	// "3 drachmas"
	// "Thread"
	// "3"
	// "no title"
}
