package clew

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clew-crawler/clew/fetch"
)

// TestOutageOverAStop has a host that answered, and is then away for five minutes while
// another answers: it is waited for, with a stop before that or without, in an orderly
// way and by a kill.
func TestOutageOverAStop(t *testing.T) {
	for _, stop := range []string{"none", "pause", "kill"} {
		for _, robots := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, robots.txt %v", stop, robots), func(t *testing.T) {
				conBubble(t, func(t *testing.T) {
					web := newConWeb(func(v conVisit) conReply {
						host, path, _ := strings.Cut(strings.TrimPrefix(v.URL, "http://"), "/")
						switch {
						case host == "a.test" && v.at >= 4*time.Minute && v.at < 9*time.Minute:
							return conReply{fail: fetch.KindConnect}
						case path == "robots.txt":
							return conReply{status: 404}
						case path == "":
							return conReply{body: conNumbered(900)}
						}
						return conReply{takes: time.Second}
					})
					s := conSpider(web, "http://a.test/", "http://b.test/")
					s.IgnoreRobots, s.ConcurrencyPerHost, s.Concurrency = !robots, 1, 2
					disk := new(outDisk)
					option := disk.next(stop == "kill")
					if stop != "none" {
						if r, err := Run(t.Context(), s, option, MaxDuration(4*time.Minute)); err != nil || r.Status != Paused {
							t.Fatal(r, err)
						}
						time.Sleep(time.Second)
						option = disk.next(false)
					}
					r := conRun(t, s, option)
					conStatus(t, r, Finished, 1802)
					if r.Stats.Failed > 0 {
						t.Errorf("%d failed, the first: %v", r.Stats.Failed, r.Failures[0])
					}
				})
			})
		}
	}
}

// TestRequeueAsksForRobotsAgain puts a request back that failed since robots.txt was
// given up: it is asked for again, also within the hour for which that holds.
func TestRequeueAsksForRobotsAgain(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := newConWeb(func(v conVisit) conReply {
			switch {
			case v.URL == "http://a.test/robots.txt" && v.at < 30*time.Minute:
				return conReply{status: 503}
			case strings.HasSuffix(v.URL, "robots.txt"):
				return conReply{status: 404}
			}
			return conReply{takes: time.Second}
		})
		s := conSpider(web, "http://a.test/", "http://b.test/")
		s.IgnoreRobots, s.GiveUp = false, 20*time.Minute
		fs := new(outDisk)
		disk := fs.next(false)
		r := conRun(t, s, disk)
		conStatus(t, r, Finished, 1)
		took := time.Since(web.began)
		if r.Stats.Failed != 1 || took > 50*time.Minute {
			t.Fatalf("%d failed after %v", r.Stats.Failed, took)
		}
		time.Sleep(10 * time.Minute)
		dir, err := openDirectory(fs.fs, "/crawl", s.Name)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := requeueIn(t.Context(), dir, nil); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		conStatus(t, conRun(t, s, disk), Finished, 2)
		if n := len(web.starts("http://b.test/robots.txt")); n != 1 {
			t.Errorf("robots.txt of the other host was asked for %d times", n)
		}
	})
}
