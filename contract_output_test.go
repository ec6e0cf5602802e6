package clew

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestContractBadLinksAreSkipped(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := newConWeb(func(v conVisit) conReply {
			if v.URL == conHost+"/" {
				return conReply{body: conLinks("/a", "http://[bad", "mailto:me@site.test", "", "javascript:x()", "http://site.test:99999/", "/b")}
			}
			return conReply{}
		})
		s := conSpider(web)
		parse := s.Parse
		s.Parse = func(ctx context.Context, page *Response, out *Output) error {
			out.Request(&Request{URL: "/relative"})
			out.Request(&Request{URL: "ftp://site.test/"})
			out.Request(nil)
			out.Item("before")
			return parse(ctx, page, out)
		}
		r := conRun(t, s)
		conEqual(t, "fetched", web.asked(), "/", "/a", "/b")
		if r.Stats.LinksBad != 4+3*2 || r.Stats.Items != 6 || r.Stats.Failed != 0 {
			t.Errorf("%d bad links, %d items, %d failed", r.Stats.LinksBad, r.Stats.Items, r.Stats.Failed)
		}
	})
}

func TestContractAllowedDomains(t *testing.T) {
	for _, tc := range []struct {
		domains []string
		url     string
		want    bool
	}{
		{nil, "http://anything.test/", true},
		{[]string{"site.test"}, "http://site.test/x", true},
		{[]string{"site.test"}, "http://www.site.test/x", true},
		{[]string{"site.test"}, "http://WWW.Site.TEST/x", true},
		{[]string{"SITE.test"}, "http://site.test/x", true},
		{[]string{"site.test"}, "http://site.test:8080/x", true},
		{[]string{"site.test"}, "https://user:pass@site.test/x", true},
		{[]string{"site.test"}, "http://mysite.test/x", false},
		{[]string{"site.test"}, "http://site.test.evil.test/x", false},
		{[]string{"www.site.test"}, "http://site.test/x", false},
		{[]string{"site.test:8080"}, "http://site.test:8080/x", true},
		{[]string{"site.test:8080"}, "http://site.test/x", false},
		{[]string{"other.test", "site.test"}, "http://site.test/x", true},
	} {
		t.Run(strings.Join(tc.domains, ",")+" "+tc.url, func(t *testing.T) {
			conBubble(t, func(t *testing.T) {
				for _, start := range []bool{true, false} { // as a start request, or followed
					web := newConWeb(func(conVisit) conReply { return conReply{} })
					s := conSpider(web, "http://base.test/")
					s.AllowedDomains = tc.domains
					if tc.domains != nil {
						s.AllowedDomains = append(slices.Clone(tc.domains), "base.test")
					}
					s.Parse = func(_ context.Context, page *Response, out *Output) error {
						if page.Depth == 0 && !start {
							out.Follow(tc.url)
						}
						return nil
					}
					if start {
						s.StartURLs = append(s.StartURLs, tc.url)
					}
					r := conRun(t, s)
					if got := r.Stats.Pages == 2; got != tc.want || (r.Stats.LinksOffsite == 1) == tc.want {
						t.Errorf("start %v: %d pages, %d offsite", start, r.Stats.Pages, r.Stats.LinksOffsite)
					}
				}
			})
		})
	}
}

func TestContractFollowInheritsTheSessionOnly(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := newConWeb(func(conVisit) conReply { return conReply{} })
		s := conSpider(web)
		s.Sessions["second"] = web
		s.StartRequests = conList(&Request{
			URL: conHost + "/login", Method: "POST", Form: url.Values{"pass": {"secret"}}, Session: "second", Handler: "login",
			Header: http.Header{"X-Own": {"1"}}, Cookies: []*http.Cookie{{Name: "c", Value: "1"}}, Meta: map[string]any{"k": 1},
			Priority: 5, Timeout: time.Minute, Proxy: "http://proxy.test", DontFilter: true,
		})
		s.Handlers = map[string]Handler{"login": func(_ context.Context, _ *Response, out *Output) error {
			out.Follow("/next")
			return nil
		}}
		var page *Response
		s.Parse = func(_ context.Context, p *Response, _ *Output) error { page = p; return nil }
		conStatus(t, conRun(t, s), Finished, 2)
		if page == nil {
			t.Fatal("the link was not handled by Parse")
		}
		got := *page.Request
		got.resolved = false
		if want := (Request{URL: conHost + "/next", Method: "GET", Session: "second"}); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		v := web.visits[1]
		if len(v.Body) != 0 || v.Header.Get("X-Own") != "" || len(v.Cookies) != 0 || v.Header.Get("Referer") != conHost+"/login" {
			t.Errorf("sent %+v", v.Request)
		}
	})
}

func TestContractFollowGivesEachItsReferer(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		shared := http.Header{"X-Own": {"1"}}
		web := newConWeb(func(v conVisit) conReply {
			switch v.URL {
			case conHost + "/":
				return conReply{body: conLinks("/a", "/b")}
			case conHost + "/both":
				return conReply{}
			}
			return conReply{body: conLinks(conPath(v.URL) + "/leaf")}
		})
		s := conSpider(web)
		s.FingerprintHeaders = []string{"Referer", "X-Own"}
		s.Parse = func(_ context.Context, page *Response, out *Output) error {
			if page.Depth < 2 {
				for _, href := range page.CSS("a::attr(href)").GetAll() {
					out.Follow(href, func(r *Request) { r.Header = shared })
				}
				out.Follow("/both", func(r *Request) { r.Header = shared })
			}
			return nil
		}
		conRun(t, s)
		want := map[string]string{"/": "", "/a": "/", "/b": "/", "/both": "/", "/a/leaf": "/a", "/b/leaf": "/b"}
		if len(web.visits) != len(want) {
			t.Errorf("fetched %v: the Referer that Follow gives is no part of the fingerprint", web.asked())
		}
		for _, v := range web.visits {
			if got := strings.TrimPrefix(v.Header.Get("Referer"), conHost); got != want[conPath(v.URL)] {
				t.Errorf("%s: Referer %q", v.URL, got)
			}
		}
		if len(shared) != 1 {
			t.Errorf("the header given was changed: %v", shared)
		}
	})
}

func TestContractFingerprints(t *testing.T) {
	const u = conHost + "/x"
	get := &Request{URL: u}
	for _, tc := range []struct {
		name string
		a, b *Request
		same bool
	}{
		{"equal", get, &Request{URL: u}, true},
		{"method's case", get, &Request{URL: u, Method: "get"}, true},
		{"method", get, &Request{URL: u, Method: "HEAD"}, false},
		{"spelling of the URL", get, &Request{URL: "HTTP://SITE.test:80/%78#part"}, true},
		{"scheme", get, &Request{URL: "https://site.test/x"}, false},
		{"order of the query", &Request{URL: u + "?a=1&b=2"}, &Request{URL: u + "?b=2&a=1"}, true},
		{"params", &Request{URL: u, Params: url.Values{"page": {"1"}}}, &Request{URL: u, Params: url.Values{"page": {"2"}}}, false},
		{"params are the query", &Request{URL: u, Params: url.Values{"page": {"1"}}}, &Request{URL: u + "?page=1"}, true},
		{"form", &Request{URL: u, Method: "POST", Form: url.Values{"a": {"1"}}}, &Request{URL: u, Method: "POST", Form: url.Values{"a": {"2"}}}, false},
		{
			"order of the form",
			&Request{URL: u, Method: "POST", Body: []byte("a=1&b=2"), Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}},
			&Request{URL: u, Method: "POST", Form: url.Values{"b": {"2"}, "a": {"1"}}}, true,
		},
		{"order of JSON", &Request{URL: u, Method: "POST", JSON: json.RawMessage(`{"a":1,"b":2}`)}, &Request{URL: u, Method: "POST", JSON: json.RawMessage(`{"b":2,"a":1}`)}, true},
		{"body", &Request{URL: u, Method: "POST", Body: []byte("a")}, &Request{URL: u, Method: "POST", Body: []byte("b")}, false},
		{"session", get, &Request{URL: u, Session: "second"}, false},
		{"header that does not count", get, &Request{URL: u, Header: http.Header{"X-Other": {"1"}}}, true},
		{"header that counts", get, &Request{URL: u, Header: http.Header{"X-Token": {"1"}}}, false},
		{"case of a header", &Request{URL: u, Header: http.Header{"X-Token": {"1"}}}, &Request{URL: u, Header: http.Header{"x-token": {"1"}}}, true},
		{"handler", get, &Request{URL: u, Handler: "other"}, true},
		{"unfiltered", get, &Request{URL: u, DontFilter: true}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conBubble(t, func(t *testing.T) {
				web := newConWeb(func(conVisit) conReply { return conReply{} })
				s := conSpider(web)
				s.Sessions["second"], s.FingerprintHeaders = web, []string{"X-Token"}
				s.Handlers = map[string]Handler{"other": s.Parse}
				s.StartRequests = conList(tc.a, tc.b)
				r := conRun(t, s)
				if got := len(web.visits) == 1; got != tc.same || (r.Stats.LinksDuplicate == 1) != tc.same {
					t.Errorf("%d fetches, %d duplicates", len(web.visits), r.Stats.LinksDuplicate)
				}
			})
		})
	}
}

func TestContractKeepFragment(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		for _, keep := range []bool{false, true} {
			s := conSpider(newConWeb(func(conVisit) conReply { return conReply{} }), conHost+"/x#a", conHost+"/x#b")
			s.KeepFragment = keep
			r := conRun(t, s)
			if got := r.Stats.Pages == 2; got != keep {
				t.Errorf("keep %v: %d pages", keep, r.Stats.Pages)
			}
		}
	})
}

func TestContractPriorityThenOrder(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := conDisk()
		web := conStar(0, 0)
		s := conSpider(web)
		s.Concurrency = 1
		var list []*Request
		for i, p := range []int{0, -5, 10, 0, 10, -1 << 20, 1 << 20} {
			list = append(list, &Request{URL: conHost + "/" + string(rune('a'+i)), Priority: p})
		}
		s.StartRequests = conList(list...)
		want := []string{"/g", "/c", "/e", "/a", "/d", "/b", "/f"}
		for conRun(t, s, disk, MaxPages(2)).Status == Paused && len(web.asked()) < 10 {
			continue
		}
		if got := web.asked(); !slices.Equal(got, want) {
			t.Errorf("asked %v, want %v", got, want)
		}
	})
}

func TestContractItemsOfAnyType(t *testing.T) {
	type quote struct {
		Text string `json:"text"`
	}
	conBubble(t, func(t *testing.T) {
		s := conSpider(conStar(0, 0), conHost+"/x")
		s.Parse = func(_ context.Context, _ *Response, out *Output) error {
			out.Item(map[string]any{})
			out.Item(quote{"<b> & ünï\u2028"})
			out.Item(&quote{"pointer"})
			out.Item([]int{1, 2})
			out.Item(7)
			out.Item("text\nline")
			out.Item(json.RawMessage("{\n \"raw\": 1 }"))
			out.ItemKind("quote", quote{"kind"})
			out.ItemKind("empty", struct{}{})
			out.Item(nil)
			return nil
		}
		r := conRun(t, s)
		var got []string
		for line, err := range r.Items() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(line))
		}
		want := []string{
			`{}`, `{"text":"<b> & ünï\u2028"}`, `{"text":"pointer"}`, `[1,2]`, `7`, `"text\nline"`, `{"raw":1}`,
			`{"_kind":"quote","text":"kind"}`, `{"_kind":"empty"}`,
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		if r.Stats.Items != 9 || r.Stats.ItemsDropped != 1 {
			t.Errorf("%d items, %d dropped", r.Stats.Items, r.Stats.ItemsDropped)
		}
		var kinds []string
		for q, err := range Items[quote](r, "quote") {
			kinds = append(kinds, q.Text)
			if err != nil {
				t.Error(err)
			}
		}
		conEqual(t, "of a kind", kinds, "kind")
	})
}

func TestContractBaseHref(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := newConWeb(func(v conVisit) conReply {
			if v.URL == conHost+"/" {
				return conReply{body: `<base href="/deep/er/"><a href="x">x</a><a href="../y">y</a>`}
			}
			return conReply{}
		})
		conRun(t, conSpider(web))
		conEqual(t, "fetched", web.asked(), "/", "/deep/er/x", "/deep/y")
	})
}

func TestContractDepthAndPagesOfAnyStatus(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		s := conSpider(conPages(map[string]string{conHost + "/": conLinks("/a"), conHost + "/a": conLinks("/missing")}))
		got := map[string][2]int{}
		parse := s.Parse
		s.Parse = func(ctx context.Context, page *Response, out *Output) error {
			got[conPath(page.URL)] = [2]int{page.Depth, page.Status}
			return parse(ctx, page, out)
		}
		s.Concurrency = 1
		r := conRun(t, s)
		want := map[string][2]int{"/": {0, 200}, "/a": {1, 200}, "/missing": {2, 404}}
		if !reflect.DeepEqual(got, want) || r.Stats.Statuses[404] != 1 {
			t.Errorf("got %v", got)
		}
	})
}
