package clew

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clew-crawler/clew/fetch"
	"github.com/clew-crawler/clew/politeness"
)

func TestContractRetries(t *testing.T) {
	for _, tc := range []struct {
		name    string
		bad     conReply
		times   int
		set     func(s *Spider)
		pages   int64
		fetches int
		least   time.Duration // until the last fetch
		reason  string
	}{
		{name: "busy, then well", bad: conReply{status: 503}, times: 3, pages: 1, fetches: 4, least: 7 * time.Second},
		{name: "Retry-After is waited for", bad: conReply{status: 429, retryAfter: "1800"}, times: 1, pages: 1, fetches: 2, least: 30 * time.Minute},
		{name: "Retry-After as a date", bad: conReply{status: 503, retryAfter: "Sat, 01 Jan 2000 00:20:00 GMT"}, times: 1, pages: 1, fetches: 2, least: 20 * time.Minute},
		{name: "Retry-After is bounded", bad: conReply{status: 503, retryAfter: "99999999"}, times: 1, pages: 1, fetches: 2, least: time.Hour},
		{name: "a broken connection", bad: conReply{fail: fetch.KindReset}, times: 2, pages: 1, fetches: 3, least: 3 * time.Second},
		{name: "a timeout", bad: conReply{fail: fetch.KindTimeout}, times: 2, pages: 1, fetches: 3, least: 3 * time.Second},
		{name: "for ever busy", bad: conReply{status: 500}, times: 1000, fetches: 6, least: 31 * time.Second, reason: "status 500"},
		{name: "for ever broken", bad: conReply{fail: fetch.KindReset}, times: 1000, fetches: 6, least: 31 * time.Second, reason: "reset"},
		{name: "off", bad: conReply{fail: fetch.KindReset}, times: 1000, set: func(s *Spider) { s.Retry.Off = true }, fetches: 1, reason: "reset"},
		{name: "as often as said", bad: conReply{status: 502}, times: 1000, set: func(s *Spider) { s.Retry = politeness.Retry{Max: 2, Base: time.Minute} }, fetches: 3, least: 3 * time.Minute, reason: "status 502"},
		{name: "not worth another try", bad: conReply{fail: fetch.KindTLS}, times: 1000, fetches: 1, reason: "tls"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conBubble(t, func(t *testing.T) {
				web := newConWeb(func(v conVisit) conReply {
					if v.n <= tc.times {
						return tc.bad
					}
					return conReply{}
				})
				s := conSpider(web)
				if tc.set != nil {
					tc.set(s)
				}
				r := conRun(t, s)
				conStatus(t, r, Finished, tc.pages)
				at := web.starts(conHost)
				if len(at) != tc.fetches || at[len(at)-1] < tc.least || at[len(at)-1] > tc.least*8/5+time.Hour/2 {
					t.Errorf("fetched at %v, want %d times over at least %v", at, tc.fetches, tc.least)
				}
				if r.Stats.Retries != int64(tc.fetches-1) || r.Stats.Failed != 1-tc.pages {
					t.Errorf("%d retries, %d failed", r.Stats.Retries, r.Stats.Failed)
				}
				if tc.reason != "" && (len(r.Failures) != 1 || !strings.Contains(r.Failures[0].Reason, tc.reason) ||
					r.Failures[0].Attempts != tc.fetches || r.Failures[0].URL != conHost+"/") {
					t.Errorf("failures %+v", r.Failures)
				}
			})
		})
	}
}

func TestContractRetryAfterParksTheHost(t *testing.T) {
	for _, tc := range []struct {
		name string
		set  func(s *Spider)
	}{
		{"busy", func(*Spider) {}},
		{"blocked", func(s *Spider) { s.OnBlocked = func(context.Context, *Response, *Request) {} }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conBubble(t, func(t *testing.T) {
				web := newConWeb(func(v conVisit) conReply {
					if v.URL == conHost+"/0" && v.n == 1 {
						return conReply{status: 429, retryAfter: "600"}
					}
					return conReply{}
				})
				s := conSpider(web, conHost+"/0", conHost+"/1", conHost+"/2")
				s.Concurrency = 1
				tc.set(s)
				conStatus(t, conRun(t, s), Finished, 3)
				if at := web.starts(conHost); at[1] < 10*time.Minute {
					t.Errorf("the host asked to be left alone for 600s, and was asked at %v", at)
				}
			})
		})
	}
}

func TestContractAttemptsAreKeptOverRuns(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := conDisk()
		web := newConWeb(func(conVisit) conReply { return conReply{status: 503} })
		s := conSpider(web)
		for range 50 {
			if conRun(t, s, disk, MaxDuration(3*time.Second)).Status == Finished {
				break
			}
		}
		if n := len(web.asked()); n != 6 {
			t.Errorf("%d attempts over all runs, want 6", n)
		}
	})
}

func TestContractBlockedPages(t *testing.T) {
	blocked := func(_ context.Context, page *Response) bool { return strings.Contains(string(page.Body), "captcha") }
	for _, tc := range []struct {
		name    string
		bad     conReply
		set     func(s *Spider)
		fetches int
		hooks   int
		failed  int64
	}{
		{name: "by status", bad: conReply{status: 403}, fetches: 4, hooks: 3, failed: 1},
		{name: "by the hook", bad: conReply{body: "captcha"}, set: func(s *Spider) { s.IsBlocked = blocked }, fetches: 4, hooks: 3, failed: 1},
		{name: "the hook replaces the statuses", bad: conReply{status: 403}, set: func(s *Spider) { s.IsBlocked = blocked }, fetches: 1},
		{name: "as often as said", bad: conReply{status: 403}, set: func(s *Spider) { s.MaxBlockedRetries = 1 }, fetches: 2, hooks: 1, failed: 1},
		{name: "not at all", bad: conReply{status: 403}, set: func(s *Spider) { s.NoBlockedRetries = true }, fetches: 1, failed: 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conBubble(t, func(t *testing.T) {
				web := newConWeb(func(conVisit) conReply { return tc.bad })
				s := conSpider(web)
				hooks := 0
				s.OnBlocked = func(_ context.Context, page *Response, retry *Request) {
					hooks++
					if page.Request.URL != retry.URL {
						t.Errorf("page %s, retry %s", page.Request.URL, retry.URL)
					}
				}
				if tc.set != nil {
					tc.set(s)
				}
				r := conRun(t, s)
				at := web.starts(conHost)
				if len(at) != tc.fetches || hooks != tc.hooks || r.Stats.Failed != tc.failed || len(r.Failures) != int(tc.failed) {
					t.Errorf("%d fetches, %d hooks, %d failed, %+v", len(at), hooks, r.Stats.Failed, r.Failures)
				}
				for i := 1; i < len(at); i++ {
					if at[i]-at[i-1] < time.Second {
						t.Errorf("retries at %v: they are not back to back", at)
					}
				}
			})
		})
	}
}

func TestContractOnBlockedChangesTheRequest(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := newConWeb(func(v conVisit) conReply {
			if v.URL == conHost+"/" {
				return conReply{status: 302, location: "/page"}
			}
			return conReply{status: 403}
		})
		other := newConWeb(func(conVisit) conReply { return conReply{body: "well"} })
		s := conSpider(web)
		s.Sessions["other"] = other
		s.OnBlocked = func(_ context.Context, _ *Response, retry *Request) {
			retry.Session = "other"
			retry.Header = map[string][]string{"X-Try": {"again"}}
		}
		var redirects []string
		s.Parse = func(_ context.Context, page *Response, _ *Output) error {
			redirects = page.Redirects
			return nil
		}
		r := conRun(t, s)
		conStatus(t, r, Finished, 1)
		if len(other.visits) != 1 || other.visits[0].Header.Get("X-Try") != "again" {
			t.Errorf("the other session saw %+v", other.visits)
		}
		if !slices.Equal(redirects, []string{conHost + "/"}) {
			t.Errorf("redirects %v: the retry forgot what led to it", redirects)
		}
		if r.Stats.SessionFetches["other"] != 1 || r.Stats.SessionFetches[""] != 2 || r.Stats.Blocked != 1 {
			t.Errorf("fetches by session %v, blocked %d", r.Stats.SessionFetches, r.Stats.Blocked)
		}
	})
}

func TestContractHandlerAsksForARetry(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := newConWeb(func(v conVisit) conReply {
			if v.n < 3 {
				return conReply{body: "not ready"}
			}
			return conReply{body: "ready"}
		})
		s := conSpider(web)
		s.Parse = func(_ context.Context, page *Response, out *Output) error {
			out.Item(page.Text())
			if page.Text() != "ready" {
				return RetryAfter(time.Minute, errors.New("not ready"))
			}
			return nil
		}
		r := conRun(t, s)
		conEqual(t, "items", conItems[string](t, r), "ready")
		if at := web.starts(conHost); len(at) != 3 || at[1] < time.Minute || at[2] < 2*time.Minute {
			t.Errorf("fetched at %v", at)
		}
	})
}
