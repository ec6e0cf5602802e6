package clew

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clew-crawler/clew/fetch"
)

// silentSite has two hosts of n pages each, which are all start URLs in turns: one
// answers after 100 ms; what is asked of the other, as silent says, times out after 30 s.
func silentSite(n int, hosts []string, silent func(v conVisit) bool) (*conWeb, *Spider) {
	web := newConWeb(func(v conVisit) conReply {
		switch {
		case silent(v):
			return conReply{fail: fetch.KindTimeout, takes: 30 * time.Second}
		case strings.HasSuffix(v.URL, "/robots.txt"):
			return conReply{status: 404, takes: 100 * time.Millisecond}
		}
		return conReply{takes: 100 * time.Millisecond}
	})
	s := conSpider(web)
	s.StartURLs = nil
	for i := range n {
		for _, host := range hosts {
			s.StartURLs = append(s.StartURLs, fmt.Sprintf("%s/%d", host, i))
		}
	}
	return web, s
}

const (
	silentHealthy = "http://healthy.test"
	silentDead    = "http://dead.test"
)

// TestSilentHost has a host that accepts connections and answers none of its 1,000
// pages beside one that is well. That one is done as soon as alone, and the other is
// given up as a whole before long.
func TestSilentHost(t *testing.T) {
	for _, tc := range []struct {
		name   string
		robots bool // obeyed
		silent func(v conVisit) bool
	}{
		{"pages", false, func(v conVisit) bool { return strings.HasPrefix(v.URL, silentDead) }},
		{"robots.txt too", true, func(v conVisit) bool { return strings.HasPrefix(v.URL, silentDead) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			const n = 1000
			var took [2]time.Duration // until the last page of the healthy host was asked for
			for i, hosts := range [][]string{{silentHealthy}, {silentDead, silentHealthy}} {
				conBubble(t, func(t *testing.T) {
					web, s := silentSite(n, hosts, tc.silent)
					s.IgnoreRobots = !tc.robots
					began := time.Now()
					r := conRun(t, s)
					conStatus(t, r, Finished, n)
					if want := int64(n * i); r.Stats.Failed != want {
						t.Errorf("%d failed, want %d", r.Stats.Failed, want)
					}
					at := web.starts(silentHealthy + "/")
					took[i] = at[len(at)-1]
					all, asked := time.Since(began), len(web.starts(silentDead))
					if i > 0 && (all < outageDoubt || all > 2*outageDoubt || asked > 60) {
						t.Errorf("the silent host was asked %d times and given up after %v", asked, all)
					}
				})
			}
			if took[1] > took[0]*5/4 {
				t.Errorf("the healthy host took %v beside a silent one, %v alone", took[1], took[0])
			}
		})
	}
}

// TestSilentPages has a host that answers, but not all that it is asked for: those
// pages fail by themselves, each with all of its retries.
func TestSilentPages(t *testing.T) {
	for first, slow := range map[int]int64{0: 10, 20: 40} { // before an answer of the host, and after one
		conBubble(t, func(t *testing.T) {
			_, s := silentSite(100, []string{silentDead}, func(v conVisit) bool {
				i := -1
				_, _ = fmt.Sscanf(v.URL, silentDead+"/%d", &i)
				return i >= first && i < first+int(slow)
			})
			s.StartURLs = append(s.StartURLs, silentHealthy+"/")
			r := conRun(t, s)
			if conStatus(t, r, Finished, 100-slow+1); r.Stats.Failed != slow {
				t.Errorf("%d failed", r.Stats.Failed)
			}
			for _, f := range r.Failures {
				if !strings.Contains(f.Reason, "timeout") || strings.Contains(f.Reason, "host") {
					t.Errorf("%s failed for %q", f.URL, f.Reason)
				}
			}
			if r.Stats.Retries != slow*5 {
				t.Errorf("%d retries, want %d", r.Stats.Retries, slow*5)
			}
		})
	}
}

// TestSilentRobots has a host that answers its pages, but not for robots.txt.
func TestSilentRobots(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web, s := silentSite(50, []string{silentDead}, func(v conVisit) bool {
			return v.URL == silentDead+"/robots.txt" && v.at < 20*time.Minute
		})
		s.IgnoreRobots, s.StartURLs = false, append(s.StartURLs, silentHealthy+"/")
		r := conRun(t, s)
		if conStatus(t, r, Finished, 51); r.Stats.Failed != 0 {
			t.Errorf("%d failed, %v", r.Stats.Failed, web.asked())
		}
	})
}

// TestSilentPagesMeet has a handler that waits for that of another page of its host,
// which has not had an outcome yet, but has answered.
func TestSilentPagesMeet(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		s := conSpider(newConWeb(func(conVisit) conReply { return conReply{} }), conHost+"/1", conHost+"/2")
		meet := make(chan struct{})
		s.Parse = func(ctx context.Context, _ *Response, _ *Output) error {
			select {
			case meet <- struct{}{}:
			case <-meet:
			case <-ctx.Done():
			}
			return ctx.Err()
		}
		conStatus(t, conRun(t, s, MaxDuration(time.Hour)), Finished, 2)
	})
}

// TestSilentFromTheStart has nothing but a host that never answers: the crawl pauses,
// and nothing is burnt.
func TestSilentFromTheStart(t *testing.T) {
	for _, robots := range []bool{false, true} {
		conBubble(t, func(t *testing.T) {
			_, s := silentSite(1000, []string{silentDead}, func(v conVisit) bool { return v.at < 24*time.Hour })
			s.IgnoreRobots = !robots
			disk := conDisk()
			began := time.Now()
			r := conRun(t, s, disk)
			conStatus(t, r, Paused, 0)
			if r.Stats.Failed != 0 || r.Stats.Pending+r.Stats.Delayed != 1000 || !strings.HasPrefix(r.Reason, "no host could be reached") {
				t.Errorf("%+v, %q", r.Stats, r.Reason)
			}
			if took := time.Since(began); took > 2*outageDoubt {
				t.Errorf("it took %v to say so", took)
			}
			time.Sleep(24 * time.Hour)
			conStatus(t, conRun(t, s, disk), Finished, 1000)
		})
	}
}

// TestSilentReturns brings a host back that was given up: what is asked of it later is
// fetched.
func TestSilentReturns(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		_, s := silentSite(100, []string{silentDead}, func(v conVisit) bool {
			return strings.HasPrefix(v.URL, silentDead) && v.at < 2*time.Hour
		})
		s.StartURLs = append(s.StartURLs, silentHealthy+"/")
		parse := s.Parse
		s.Parse = func(ctx context.Context, page *Response, out *Output) error {
			if strings.HasPrefix(page.URL, silentHealthy) { // an hour in which nothing else happens, twice
				if i := len(conPath(page.URL)); i < 130 {
					out.Follow(page.URL + "x")
					time.Sleep(time.Minute)
				} else {
					out.Follow(silentDead + "/later")
				}
				return nil
			}
			return parse(ctx, page, out)
		}
		r := conRun(t, s)
		conEqual(t, "items", conItems[string](t, r), "/later")
	})
}
