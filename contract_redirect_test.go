package clew

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// conMoved is a web of redirects, by path; other paths are pages.
func conMoved(to map[string]string) *conWeb {
	return newConWeb(func(v conVisit) conReply {
		if location, ok := to[strings.TrimPrefix(v.URL, conHost)]; ok {
			return conReply{status: 302, location: location}
		}
		return conReply{body: "page"}
	})
}

func TestContractRedirectChain(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := conMoved(map[string]string{"/a": "/b", "/b": "c?x=1", "/c?x=1": "http://other.test/d"})
		s := conSpider(web)
		s.StartURLs = nil
		s.StartRequests = conList(&Request{
			URL: conHost + "/a", Handler: "detail", Session: "second", Meta: map[string]any{"k": 7},
			Header: http.Header{"Authorization": {"secret"}, "X-Own": {"kept"}}, Cookies: []*http.Cookie{{Name: "c", Value: "1"}},
		})
		s.Sessions["second"] = web
		var page *Response
		s.Handlers = map[string]Handler{"detail": func(_ context.Context, p *Response, _ *Output) error { page = p; return nil }}
		r := conRun(t, s)
		conStatus(t, r, Finished, 1)
		if page == nil || page.URL != "http://other.test/d" ||
			!slices.Equal(page.Redirects, []string{conHost + "/a", conHost + "/b", conHost + "/c?x=1"}) {
			t.Fatalf("page %+v", page)
		}
		var k int
		if ok, err := page.Meta("k", &k); !ok || err != nil || k != 7 {
			t.Errorf("meta %v, %v, %d", ok, err, k)
		}
		if page.Request.Session != "second" || page.Request.Handler != "detail" {
			t.Errorf("request %+v", page.Request)
		}
		if last := web.visits[3]; last.Header.Get("Authorization") != "" || last.Header.Get("X-Own") != "kept" || len(last.Cookies) != 0 {
			t.Errorf("another host was sent %v and %v", last.Header, last.Cookies)
		}
		if r.Stats.Redirects != 3 || r.Stats.Statuses[302] != 3 || r.Stats.Statuses[200] != 1 {
			t.Errorf("stats %+v", r.Stats)
		}
	})
}

func TestContractRedirectLoop(t *testing.T) {
	for _, most := range []int{0, 3} {
		for name, to := range map[string]map[string]string{
			"itself": {"/a": "/a"}, "two": {"/a": "/b", "/b": "/a"},
		} {
			t.Run(name+strconv.Itoa(most), func(t *testing.T) {
				conBubble(t, func(t *testing.T) {
					web := conMoved(to)
					s := conSpider(web, conHost+"/a")
					s.MaxRedirects = most
					r := conRun(t, s)
					conStatus(t, r, Finished, 0)
					if n := len(web.asked()); n != orDefault(most, 20)+1 || r.Stats.Failed != 1 {
						t.Errorf("%d fetches, %d failed", n, r.Stats.Failed)
					}
				})
			})
		}
	}
}

func TestContractRedirectOffsite(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := conMoved(map[string]string{"/": "http://elsewhere.test/", "/bad": "javascript:alert(1)"})
		s := conSpider(web, conHost+"/", conHost+"/bad")
		s.AllowedDomains = []string{"site.test"}
		r := conRun(t, s)
		conStatus(t, r, Finished, 0)
		conEqual(t, "fetched", web.asked(), "/", "/bad")
		if r.Stats.LinksOffsite != 1 || r.Stats.Failed != 1 || !strings.Contains(r.Failures[0].Reason, "redirect") {
			t.Errorf("%d offsite, %+v", r.Stats.LinksOffsite, r.Failures)
		}
	})
}

func TestContractRedirectObeysRobotsAndDelay(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := newConWeb(func(v conVisit) conReply {
			switch conPath(v.URL) {
			case "/robots.txt":
				return conReply{body: "User-agent: *\nDisallow: /private\nCrawl-delay: 5\n"}
			case "/":
				return conReply{status: 301, location: "/b"}
			case "/b":
				return conReply{status: 301, location: "/private"}
			}
			return conReply{}
		})
		s := conSpider(web)
		s.IgnoreRobots = false
		r := conRun(t, s)
		if conStatus(t, r, Finished, 0); r.Stats.RobotsDisallowed != 1 {
			t.Errorf("%d disallowed", r.Stats.RobotsDisallowed)
		}
		if at := web.starts(conHost); len(at) != 3 || at[2]-at[1] < 5*time.Second {
			t.Errorf("asked at %v", at)
		}
	})
}

func TestContractLoginRoundTrip(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		var in bool
		web := newConWeb(func(v conVisit) conReply {
			switch {
			case v.Method == http.MethodPost && string(v.Body) == "user=me":
				in = true
				return conReply{status: 302, location: "/secret"} // back to where it began
			case v.URL == conHost+"/login":
				return conReply{body: "form"}
			case !in:
				return conReply{status: 302, location: "/login"}
			}
			return conReply{body: "secret"}
		})
		s := conSpider(web, conHost+"/secret")
		s.Parse = func(_ context.Context, page *Response, out *Output) error {
			if page.Text() == "form" {
				out.Request(&Request{URL: conHost + "/login", Method: "post", Form: map[string][]string{"user": {"me"}}})
				return nil
			}
			out.Item(page.Text())
			return nil
		}
		r := conRun(t, s)
		conEqual(t, "items", conItems[string](t, r), "secret")
		if last := web.visits[len(web.visits)-1]; last.URL != conHost+"/secret" || last.Method != http.MethodGet && last.Method != "" || len(last.Body) != 0 {
			t.Errorf("after the login: %s %s %q", last.Method, last.URL, last.Body)
		}
	})
}

func TestContractCookieWall(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := newConWeb(func(v conVisit) conReply {
			switch {
			case v.URL == conHost+"/wall":
				return conReply{status: 302, location: "/"}
			case v.n == 1:
				return conReply{status: 302, location: "/wall"}
			}
			return conReply{body: "page"}
		})
		r := conRun(t, conSpider(web))
		conEqual(t, "items", conItems[string](t, r), "/")
	})
}

func TestContractRedirectTargetsAreKnown(t *testing.T) {
	to := map[string]string{"/a": "/t", "/b": "/t"}
	for _, tc := range []struct {
		name     string
		requests []*Request
		handlers bool
		want     []string
	}{
		{"by two redirects", []*Request{{URL: "/a"}, {URL: "/b"}}, false, []string{"/t"}},
		{"by a redirect, then a link", []*Request{{URL: "/a"}, {URL: "/t"}}, false, []string{"/t"}},
		{"by a link, then a redirect", []*Request{{URL: "/t"}, {URL: "/a"}}, false, []string{"/t"}},
		{"by two redirects, with handlers", []*Request{{URL: "/a"}, {URL: "/b"}}, true, []string{"/t"}},
		{"by a link, then a redirect, with handlers", []*Request{{URL: "/t"}, {URL: "/a"}}, true, []string{"/t"}},
		{"known for another handler", []*Request{{URL: "/t"}, {URL: "/a", Handler: "other"}}, true, []string{"/t", "other /t"}},
		{"unfiltered", []*Request{{URL: "/t"}, {URL: "/a", DontFilter: true}}, false, []string{"/t", "/t"}},
		{"posted", []*Request{{URL: "/t"}, {URL: "/a", Method: "POST"}}, false, []string{"/t", "/t"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conBubble(t, func(t *testing.T) {
				s := conSpider(conMoved(to))
				if tc.handlers {
					s.Handlers = map[string]Handler{"other": func(_ context.Context, page *Response, out *Output) error {
						out.Item("other " + conPath(page.URL))
						return nil
					}}
				}
				for _, r := range tc.requests {
					r.URL = conHost + r.URL
				}
				s.Concurrency, s.StartRequests = 1, conList(tc.requests...)
				conEqual(t, "items", conItems[string](t, conRun(t, s)), tc.want...)
			})
		})
	}
}

func TestContractRedirectGoesFirst(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := conMoved(map[string]string{"/0": "/next"})
		s := conSpider(web, conHost+"/0", conHost+"/1", conHost+"/2")
		s.Concurrency = 1
		conRun(t, s)
		if got := web.asked(); !slices.Equal(got, []string{"/0", "/next", "/1", "/2"}) {
			t.Errorf("asked %v", got)
		}
	})
}

func TestContractRedirectKeepsItsPlaceOverRuns(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := conDisk()
		web := conMoved(map[string]string{"/0": "/1", "/1": "/2", "/2": "/3"})
		s := conSpider(web, conHost+"/0")
		s.Delay = time.Minute
		var redirects []string
		s.Parse = func(_ context.Context, page *Response, _ *Output) error { redirects = page.Redirects; return nil }
		for conRun(t, s, disk, MaxDuration(30*time.Second)).Status == Paused {
			if len(web.asked()) > 10 {
				break
			}
		}
		if !slices.Equal(redirects, []string{conHost + "/0", conHost + "/1", conHost + "/2"}) || len(web.asked()) != 4 {
			t.Errorf("redirects %v, fetches %v", redirects, web.asked())
		}
	})
}
