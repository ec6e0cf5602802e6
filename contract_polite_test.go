package clew

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clew-crawler/clew/fetch"
)

func TestContractDelaySpacesStarts(t *testing.T) {
	for _, tc := range []struct {
		name   string
		set    func(s *Spider)
		robots string
	}{
		{"of the spider", func(s *Spider) { s.Delay = 2 * time.Second }, ""},
		{"of robots.txt", func(s *Spider) { s.IgnoreRobots = false }, "User-agent: *\nCrawl-delay: 2\n"},
		{"by request rate", func(s *Spider) { s.IgnoreRobots = false }, "User-agent: *\nRequest-rate: 1/2\n"},
		{"the longer of two", func(s *Spider) { s.IgnoreRobots, s.Delay = false, time.Second }, "User-agent: *\nCrawl-delay: 2\n"},
		{"of a slow host", func(s *Spider) { s.Delay, s.Name = 2*time.Second, "slow" }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conBubble(t, func(t *testing.T) {
				var takes time.Duration
				web := newConWeb(func(v conVisit) conReply {
					if strings.HasSuffix(v.URL, "/robots.txt") {
						return conReply{body: tc.robots}
					}
					return conReply{body: conNumbered(8), takes: takes}
				})
				s := conSpider(web)
				s.Concurrency = 4
				tc.set(s)
				if s.Name == "slow" {
					takes = 5 * time.Second
				}
				conStatus(t, conRun(t, s), Finished, 9)
				at := slices.DeleteFunc(web.starts(conHost), func(time.Duration) bool { return false })
				if tc.robots != "" {
					at = at[1:]
				}
				for i := 1; i < len(at); i++ {
					if gap := at[i] - at[i-1]; gap < 2*time.Second || takes == 0 && gap > 2100*time.Millisecond {
						t.Errorf("starts %v: the gap before the %d. is %v, want 2s", at, i+1, gap)
					}
				}
			})
		})
	}
}

func TestContractDelayWithJitter(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := conStar(200, 0)
		s := conSpider(web)
		s.Delay, s.Jitter = 2*time.Second, true
		conRun(t, s)
		at := web.starts(conHost)
		var low, high int
		for i := 1; i < len(at); i++ {
			gap := at[i] - at[i-1]
			if gap < time.Second || gap > 3100*time.Millisecond {
				t.Errorf("gap of %v", gap)
			}
			if gap < 1500*time.Millisecond {
				low++
			}
			if gap > 2500*time.Millisecond {
				high++
			}
		}
		if low < 20 || high < 20 {
			t.Errorf("%d short and %d long gaps of 200", low, high)
		}
	})
}

func TestContractSlowHostHoldsNoSlotOfAFastOne(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		var slow, fast []string
		for i := range 20 {
			slow = append(slow, fmt.Sprintf("http://slow.test/%d", i))
			fast = append(fast, fmt.Sprintf("http://fast.test/%d", i))
		}
		web := newConWeb(func(v conVisit) conReply {
			if strings.HasSuffix(v.URL, "/robots.txt") {
				if strings.HasPrefix(v.URL, "http://slow.test") {
					return conReply{body: "User-agent: *\nCrawl-delay: 60\n"}
				}
				return conReply{status: 404}
			}
			return conReply{takes: 10 * time.Millisecond}
		})
		s := conSpider(web, append(slow, fast...)...)
		s.Concurrency, s.IgnoreRobots = 2, false
		conStatus(t, conRun(t, s), Finished, 40)
		if at := web.starts("http://fast.test"); at[len(at)-1] > time.Second {
			t.Errorf("the last fast page began at %v", at[len(at)-1])
		}
	})
}

func TestContractConcurrencyPerHost(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		var urls []string
		for i := range 12 {
			urls = append(urls, fmt.Sprintf("http://a.test/%d", i), fmt.Sprintf("http://b.test/%d", i))
		}
		web := newConWeb(func(conVisit) conReply { return conReply{takes: time.Second} })
		s := conSpider(web, urls...)
		s.Concurrency, s.ConcurrencyPerHost = 5, 2
		conStatus(t, conRun(t, s), Finished, 24)
		for _, host := range []string{"http://a.test", "http://b.test"} {
			for i, at := range web.starts(host) {
				if want := time.Duration((i+1)/2) * time.Second; at != want { // the first one alone
					t.Errorf("%s: fetch %d began at %v, want %v: two at a time", host, i, at, want)
				}
			}
		}
	})
}

func TestContractConcurrencyBoundsAll(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		var urls []string
		for i := range 12 {
			urls = append(urls, fmt.Sprintf("http://h%d.test/", i))
		}
		web := newConWeb(func(conVisit) conReply { return conReply{takes: time.Second} })
		s := conSpider(web, urls...)
		s.Concurrency = 3
		conRun(t, s)
		for i, at := range web.starts("http://h") {
			if want := time.Duration(i/3) * time.Second; at != want {
				t.Errorf("fetch %d began at %v, want %v", i, at, want)
			}
		}
	})
}

// conRobots is a web with a robots.txt and pages that all link to the same few.
func conRobots(answer func(v conVisit) conReply) *conWeb {
	return newConWeb(func(v conVisit) conReply {
		if strings.HasSuffix(v.URL, "/robots.txt") {
			return answer(v)
		}
		return conReply{body: conLinks("/a", "/b", "/private/c", "/private/d"), takes: time.Second}
	})
}

func TestContractRobotsIsFetchedOnce(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := conRobots(func(conVisit) conReply {
			return conReply{body: "User-agent: *\nDisallow: /private/\n", takes: time.Minute}
		})
		s := conSpider(web, conHost+"/0", conHost+"/1", conHost+"/2", conHost+"/3", conHost+"/4", conHost+"/5")
		s.IgnoreRobots = false
		r := conRun(t, s)
		conStatus(t, r, Finished, 8)
		if n := len(web.starts(conHost + "/robots.txt")); n != 1 || r.Stats.RobotsFetches != 1 {
			t.Errorf("robots.txt was fetched %d times, counted %d", n, r.Stats.RobotsFetches)
		}
		if at := web.starts(conHost); at[1] < time.Minute {
			t.Errorf("a page was fetched at %v, before robots.txt was known", at[1])
		}
		if r.Stats.RobotsDisallowed != 2 || len(web.starts(conHost+"/private")) != 0 {
			t.Errorf("%d disallowed, %d of them fetched", r.Stats.RobotsDisallowed, len(web.starts(conHost+"/private")))
		}
	})
}

func TestContractRobotsAnswers(t *testing.T) {
	for _, tc := range []struct {
		name    string
		answer  func(v conVisit) conReply
		agent   string
		allowed bool
	}{
		{"missing allows", func(conVisit) conReply { return conReply{status: 404} }, "", true},
		{"forbidden allows", func(conVisit) conReply { return conReply{status: 403} }, "", true},
		{"everybody is forbidden", func(conVisit) conReply { return conReply{body: "User-agent: *\nDisallow: /\n"} }, "", false},
		{"somebody else is forbidden", func(conVisit) conReply { return conReply{body: "User-agent: Other\nDisallow: /\n"} }, "", true},
		{"our own group counts", func(conVisit) conReply {
			return conReply{body: "User-agent: *\nDisallow: /\nUser-agent: clew\nAllow: /\n"}
		}, "", true},
		{"under another name", func(conVisit) conReply {
			return conReply{body: "User-agent: *\nAllow: /\nUser-agent: mybot\nDisallow: /\n"}
		}, "MyBot/2.0 (+http://my.test)", false},
		{"redirects are followed", func(v conVisit) conReply {
			if v.URL == conHost+"/robots.txt" {
				return conReply{status: 301, location: "http://www.site.test/robots.txt"}
			}
			return conReply{body: "User-agent: *\nDisallow: /\n"}
		}, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conBubble(t, func(t *testing.T) {
				s := conSpider(conRobots(tc.answer), conHost+"/page")
				s.IgnoreRobots, s.HTTP.UserAgent = false, tc.agent
				s.AllowedDomains = []string{"site.test"}
				r := conRun(t, s)
				if got := r.Stats.Pages > 0; got != tc.allowed {
					t.Errorf("fetched %v, want %v", got, tc.allowed)
				}
			})
		})
	}
}

func TestContractRobotsUnavailableParksTheHost(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := conRobots(func(v conVisit) conReply {
			if v.at < time.Hour {
				return conReply{status: 503}
			}
			return conReply{body: "User-agent: *\nDisallow: /private/\n"}
		})
		s := conSpider(web)
		s.IgnoreRobots = false
		r := conRun(t, s)
		if conStatus(t, r, Finished, 3); r.Stats.Failed != 0 {
			t.Errorf("%d failed", r.Stats.Failed)
		}
		if n := len(web.starts(conHost + "/robots.txt")); n > 30 {
			t.Errorf("robots.txt was asked for %d times in an hour", n)
		}
	})
}

func TestContractRobotsUnavailableForADayFails(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		s := conSpider(conRobots(func(conVisit) conReply { return conReply{status: 503} }))
		s.IgnoreRobots, s.GiveUp = false, 24*time.Hour
		begin := time.Now()
		r := conRun(t, s)
		if conStatus(t, r, Finished, 0); r.Stats.Failed != 1 || r.Stats.RobotsDisallowed != 0 {
			t.Errorf("%d failed, %d disallowed", r.Stats.Failed, r.Stats.RobotsDisallowed)
		}
		if took := time.Since(begin); took < 24*time.Hour || took > 25*time.Hour {
			t.Errorf("took %v", took)
		}
	})
}

func TestContractRobotsIsKeptOverRuns(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := conDisk()
		web := conRobots(func(conVisit) conReply {
			return conReply{body: "User-agent: *\nDisallow: /private/\nCrawl-delay: 10\n"}
		})
		s := conSpider(web)
		s.IgnoreRobots = false
		conStatus(t, conRun(t, s, disk, MaxPages(1)), Paused, 1)
		time.Sleep(2 * time.Hour)
		conStatus(t, conRun(t, s, disk, MaxPages(1)), Paused, 2)
		if n := len(web.starts(conHost + "/robots.txt")); n != 1 {
			t.Errorf("robots.txt was fetched %d times within a day", n)
		}
		time.Sleep(48 * time.Hour)
		r := conRun(t, s, disk)
		if n := len(web.starts(conHost + "/robots.txt")); n != 2 {
			t.Errorf("robots.txt was fetched %d times, want again when it expired", n)
		}
		if conStatus(t, r, Finished, 3); r.Stats.RobotsDisallowed != 2 {
			t.Errorf("%d disallowed", r.Stats.RobotsDisallowed)
		}
	})
}

func TestContractOutageLosesNothing(t *testing.T) {
	for _, kind := range []fetch.Kind{fetch.KindConnect, fetch.KindDNS} {
		t.Run(kind.String(), func(t *testing.T) {
			conBubble(t, func(t *testing.T) {
				web := newConWeb(func(v conVisit) conReply {
					switch {
					case v.at > time.Second && v.at < 6*time.Hour:
						return conReply{fail: kind}
					case v.URL == conHost+"/":
						return conReply{body: conNumbered(100)}
					}
					return conReply{takes: 100 * time.Millisecond}
				})
				r := conRun(t, conSpider(web))
				if conStatus(t, r, Finished, 101); r.Stats.Failed != 0 {
					t.Errorf("%d failed", r.Stats.Failed)
				}
				if n := r.Stats.FetchErrors; n > 16*90 {
					t.Errorf("the host was asked %d times while it was down", n)
				}
			})
		})
	}
}

func TestContractOutageOverAResumeLosesNothing(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := conDisk()
		web := newConWeb(func(v conVisit) conReply {
			switch {
			case v.at > time.Second && v.at < 6*time.Hour:
				return conReply{fail: fetch.KindConnect}
			case v.URL == conHost+"/":
				return conReply{body: conNumbered(100)}
			}
			return conReply{takes: 100 * time.Millisecond}
		})
		s := conSpider(web)
		s.Concurrency = 4
		if r := conRun(t, s, disk, MaxDuration(time.Minute)); r.Status != Paused {
			t.Fatalf("ended %q", r.Status)
		}
		r := conRun(t, s, disk)
		if conStatus(t, r, Finished, 101); r.Stats.Failed != 0 {
			t.Errorf("%d failed", r.Stats.Failed)
		}
	})
}

func TestContractABlipIsNotAnOutage(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := newConWeb(func(v conVisit) conReply {
			switch {
			case v.at >= time.Second && v.at < 2*time.Second:
				return conReply{fail: fetch.KindConnect}
			case v.URL == conHost+"/":
				return conReply{body: conNumbered(100)}
			}
			return conReply{takes: 300 * time.Millisecond}
		})
		begin := time.Now()
		conStatus(t, conRun(t, conSpider(web)), Finished, 101)
		if took := time.Since(begin); took > 30*time.Second {
			t.Errorf("one second without the host cost %v: sixteen pages in flight are one failure of it", took)
		}
	})
}

func TestContractDeadHostSlowsNoOther(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		var urls []string
		for i := range 30 {
			urls = append(urls, fmt.Sprintf("http://dead.test/%d", i), fmt.Sprintf("http://live.test/%d", i))
		}
		web := newConWeb(func(v conVisit) conReply {
			if strings.HasPrefix(v.URL, "http://dead.test") {
				return conReply{fail: fetch.KindConnect, takes: 5 * time.Second}
			}
			return conReply{takes: 100 * time.Millisecond}
		})
		s := conSpider(web, urls...)
		s.Concurrency, s.ConcurrencyPerHost = 4, 3
		r := conRun(t, s)
		if conStatus(t, r, Finished, 30); r.Stats.Failed != 30 || len(r.Failures) != 30 {
			t.Errorf("%d failed, %d listed", r.Stats.Failed, len(r.Failures))
		}
		if at := web.starts("http://live.test"); at[len(at)-1] > 4*time.Second {
			t.Errorf("the last page of the live host began at %v", at[len(at)-1])
		}
	})
}

func TestContractHostClockIsKeptOverRuns(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := conDisk()
		web := conStar(5, 0)
		s := conSpider(web)
		s.Delay = time.Hour
		conRun(t, s, disk, MaxPages(1))
		conRun(t, s, disk, MaxPages(1))
		if at := web.starts(conHost); len(at) != 2 || at[1] < time.Hour {
			t.Errorf("asked at %v, an hour apart was wanted", at)
		}
	})
}
