package clew

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zeebo/xxh3"
)

// TestMetLinks checks that a link which was just added is known, that older ones make room
// for newer ones, and that nothing else is known, also while others add.
func TestMetLinks(t *testing.T) {
	m := newMetLinks()
	const n = 200_000 // three times what it holds
	key := func(i int) xxh3.Uint128 { return m.key("http://a.test", "", fmt.Sprint("/", i)) }
	var adding sync.WaitGroup
	for worker := range 4 {
		adding.Go(func() {
			for i := worker; i < n; i += 4 {
				m.add(key(i))
				if m.contains(key(i + n)) {
					t.Errorf("%d was not added", i+n)
				}
			}
		})
	}
	adding.Wait()
	met := 0
	for i := range n {
		if m.contains(key(i)) {
			met++
		}
	}
	if most := 2 * len(m.sets); met < most*9/10 || met > most {
		t.Errorf("%d are known, of at most %d", met, most)
	}
	m.add(key(n))
	if !m.contains(key(n)) {
		t.Error("what was just added is not known")
	}
	a := m.key("http://a.test", "s", "/x")
	for _, other := range []xxh3.Uint128{
		m.key("http://a.test", "", "/x"), m.key("http://b.test", "s", "/x"), m.key("", "s", "/x"), m.key("http://a.test", "s", "/y"),
		newMetLinks().key("http://a.test", "s", "/x"), (*metLinks)(nil).key("http://a.test", "s", "/x"),
	} {
		if a == other {
			t.Error("two links have one key")
		}
	}
	if none := (xxh3.Uint128{}); (*metLinks)(nil).contains(none) || m.contains(none) {
		t.Error("no link is known")
	}
	m.add(xxh3.Uint128{})
	(*metLinks)(nil).add(xxh3.Uint128{})
}

// menu is on every page: links in all spellings, of which those with "own" lead to
// different pages where they stand on different ones.
var menu = []string{"/a", "/b", "http://site.test/c", "d", "./e", "../f", "?own", "#own", "/a", "", "//other.test/own", "HTTP://site.test/c"}

// TestMenus crawls sites whose pages have the same menu, in two sessions. Each page is
// fetched once in each, every other link to it is counted, and a handler that asks what
// was put out gets all of it in its order.
func TestMenus(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		answer := func(v conVisit) conReply {
			u, err := url.Parse(v.URL)
			r := conReply{body: conLinks(menu...)}
			switch {
			case err != nil || u.RawQuery != "" || strings.Count(u.Path, "/") > 2 || strings.HasSuffix(u.Path, "/f"):
				r.body = "<p>an end</p>"
			case strings.HasSuffix(u.Path, "/d"):
				r.body = `<base href="/deep/er/">` + r.body
			}
			if u.Host == "other.test" {
				r.takes = time.Minute // all links of the first host have been met
			}
			return r
		}
		first, second := newConWeb(answer), newConWeb(func(v conVisit) conReply {
			r := answer(v)
			r.takes += time.Hour
			return r
		})
		var starts []*Request
		var mu sync.Mutex
		expected := map[string]bool{} // session and URL
		var followed int64
		for _, u := range []string{conHost + "/", conHost + "/dir/page", "http://other.test/", "http://other.test/dir/page"} {
			starts = append(starts, &Request{URL: u}, &Request{URL: u, Session: "second"})
			expected[" "+u], expected["second "+u] = true, true
		}
		s := conSpider(first)
		s.Sessions["second"], s.Concurrency, s.ConcurrencyPerHost = second, 16, 16
		s.StartURLs, s.StartRequests = nil, conList(starts...)
		s.Parse = func(_ context.Context, page *Response, out *Output) error {
			var want []string
			base, _ := url.Parse(page.document().Base())
			for _, href := range page.CSS("a::attr(href)").GetAll() {
				out.Follow(href)
				if href == "" {
					continue
				}
				u, err := base.Parse(href)
				if err != nil {
					return err
				}
				want = append(want, u.String())
			}
			if strings.HasSuffix(page.URL, "e") { // which makes requests of what was met
				if err := putOut(page, out, want); err != nil {
					return err
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for _, u := range want {
				u, _, _ = strings.Cut(u, "#")
				expected[page.Request.Session+" "+u] = true
			}
			followed += int64(len(want))
			return nil
		}
		r := conRun(t, s, conDisk())
		conStatus(t, r, Finished, int64(len(expected)))
		if r.Stats.Failed > 0 || len(expected) < 60 {
			t.Errorf("%d failed of %d", r.Stats.Failed, len(expected))
		}
		if want := followed - int64(len(expected)-len(starts)); r.Stats.LinksDuplicate != want {
			t.Errorf("%d links were known, want %d", r.Stats.LinksDuplicate, want)
		}
	})
}

// putOut checks the requests that were put out.
func putOut(page *Response, out *Output, want []string) error {
	c, err := out.Contents()
	if err != nil {
		return err
	}
	var got []string
	for _, r := range c.Requests {
		got = append(got, r.URL)
		if r.Session != page.Request.Session {
			return fmt.Errorf("%s is in session %q", r.URL, r.Session)
		}
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("put out %q, want %q", got, want)
	}
	return nil
}

// TestMenuOfAFailedPage checks that links of a page that fails are not taken for known.
func TestMenuOfAFailedPage(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := conPages(map[string]string{
			conHost + "/1": conLinks("/3", "/3"), conHost + "/2": conLinks("/3", "/3"), conHost + "/3": "",
		})
		s := conSpider(web, conHost+"/1", conHost+"/2")
		s.Concurrency = 1
		follow := s.Parse
		s.Parse = func(ctx context.Context, page *Response, out *Output) error {
			return errors.Join(follow(ctx, page, out), failOn(page, "/1"))
		}
		conStatus(t, conRun(t, s, conDisk()), Finished, 2)
		conEqual(t, "fetched", web.asked(), "/1", "/2", "/3")
	})
}

func failOn(page *Response, path string) error {
	if strings.HasSuffix(page.URL, path) {
		return errors.New("a fault")
	}
	return nil
}
