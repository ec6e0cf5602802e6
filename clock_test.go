package clew

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/clew-crawler/clew/fetch"
	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/store/pebblestore"
)

const (
	clockDay  = 24 * time.Hour
	clockYear = 365 * clockDay
)

// clockAt runs f in a bubble whose clock stands so long after the beginning of 2000,
// which is where every bubble begins: a second bubble may be earlier than the first.
func clockAt(t *testing.T, after time.Duration, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(after)
		f(t)
	})
}

// TestClockJumpsBetweenRuns pauses a crawl with a retry delayed for half an hour, and
// goes on under a clock that was set. Nothing waits longer than it had to, no host is
// asked more often than the spider and its robots.txt allow, and a robots.txt is
// believed for a day of any clock at most.
func TestClockJumpsBetweenRuns(t *testing.T) {
	for _, tt := range []struct {
		name          string
		first, second time.Duration
		robots        int // fetches of it in the second run
	}{
		{"goes on", clockYear, clockYear + time.Hour, 0},
		{"an hour back", clockYear, clockYear - time.Hour, 1},
		{"a day back", clockYear, clockYear - clockDay, 1},
		{"a year back", clockYear, 0, 1},
		{"a century back", 100 * clockYear, 0, 1},
		{"a day ahead", clockYear, clockYear + clockDay, 1},
		{"a year ahead", 0, clockYear, 1},
		{"beyond the last time kept", 0, 230 * clockYear, 1},
		{"back from there", 230 * clockYear, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			disk := conDisk()
			clockAt(t, tt.first, func(t *testing.T) {
				r := conRun(t, clockSpider(newConWeb(clockPages)), disk, MaxPages(2))
				conStatus(t, r, Paused, 2)
			})
			clockAt(t, tt.second, func(t *testing.T) {
				web := newConWeb(func(v conVisit) conReply {
					if v.URL == conHost+"/busy" {
						return conReply{}
					}
					return clockPages(v)
				})
				r := conRun(t, clockSpider(web), disk)
				conStatus(t, r, Finished, 6)
				if n := len(web.starts(conHost + "/robots.txt")); n != tt.robots {
					t.Errorf("robots.txt is fetched %d times, want %d", n, tt.robots)
				}
				clockGaps(t, web)
				if took := r.Run.Elapsed; took < 0 || took > time.Hour || r.Stats.Elapsed < took {
					t.Errorf("the run took %v, the crawl %v", took, r.Stats.Elapsed)
				}
			})
		})
	}
}

// clockPages is a site with a page that is busy, four others, and a Crawl-delay.
func clockPages(v conVisit) conReply {
	switch v.URL {
	case conHost + "/robots.txt":
		return conReply{body: "User-agent: *\nCrawl-delay: 10\n"}
	case conHost + "/":
		return conReply{body: conLinks("/busy", "/1", "/2", "/3", "/4")}
	case conHost + "/busy":
		return conReply{status: 503, retryAfter: "1800"}
	}
	return conReply{takes: 25 * time.Second} // longer than the delay: starts may overlap
}

func clockSpider(web fetch.Session) *Spider {
	s := conSpider(web)
	s.IgnoreRobots, s.Delay, s.ConcurrencyPerHost = false, 3*time.Second, 2
	return s
}

// clockGaps checks the delay of robots.txt and the two slots of the host.
func clockGaps(t *testing.T, web *conWeb) {
	t.Helper()
	var pages []time.Duration
	for _, v := range web.visits {
		if v.URL != conHost+"/robots.txt" {
			pages = append(pages, v.at)
		}
	}
	for i := 1; i < len(pages); i++ {
		if gap := pages[i] - pages[i-1]; gap < 10*time.Second {
			t.Errorf("a page is asked for %v after the one before", gap)
		}
		if i > 1 && pages[i]-pages[i-2] < 25*time.Second && pages[i]-pages[i-2] > 0 {
			t.Errorf("three pages are in flight at %v", pages[i])
		}
	}
}

// TestClockOfTheStore resumes a crawl whose last commit states times that a clock out
// of its mind wrote: the crawl goes on, and a busy server is still left alone.
func TestClockOfTheStore(t *testing.T) {
	for name, at := range map[string]time.Time{
		"in 1950":         time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC),
		"in 2300":         time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC),
		"in 9999":         time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC),
		"never":           {},
		"in another zone": time.Date(2000, 1, 1, 14, 0, 0, 0, time.FixedZone("", 14*3600)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fs := vfs.NewMem()
				disk := func(o *options) { o.dir, o.fs = "/crawl", fs }
				s := conSpider(newConWeb(func(conVisit) conReply { return conReply{body: conLinks("/busy")} }))
				conStatus(t, conRun(t, s, disk, MaxPages(1)), Paused, 1)
				clockSet(t, fs, at)

				web := newConWeb(func(v conVisit) conReply {
					if v.URL == conHost+"/busy" && v.n < 4 {
						return conReply{status: 503, retryAfter: "60"}
					}
					return conReply{}
				})
				s = conSpider(web)
				for range 2 { // the second run finds what the first one wrote
					if _, err := Run(t.Context(), s, disk, MaxDuration(90*time.Second)); err != nil {
						t.Fatal(err)
					}
				}
				conStatus(t, conRun(t, s, disk), Finished, 2)
				at := web.starts(conHost + "/busy")
				for i := 1; i < len(at); i++ {
					if gap := at[i] - at[i-1]; gap < time.Minute || gap > 5*time.Minute {
						t.Errorf("the busy page is asked for %v after the last time", gap)
					}
				}
				if len(at) != 4 {
					t.Errorf("the busy page is asked for %d times, want 4", len(at))
				}
			})
		})
	}
}

// clockSet makes the last commit one of another time.
func clockSet(t *testing.T, fs vfs.FS, at time.Time) {
	t.Helper()
	clockStore(t, fs, func(_ *pebblestore.Directory, store *pebblestore.Store) error {
		books, err := store.Load(t.Context())
		if err != nil {
			return err
		}
		books.Time = at
		return store.Commit(t.Context(), &frontier.Batch{Books: books})
	})
}

// clockStore changes a crawl that nobody runs.
func clockStore(t *testing.T, fs vfs.FS, change func(*pebblestore.Directory, *pebblestore.Store) error) {
	t.Helper()
	dir, err := pebblestore.OpenDirectoryFS(fs, "/crawl", "contract")
	if err != nil {
		t.Fatal(err)
	}
	store, err := dir.Store(pebblestore.Options{})
	if err != nil {
		t.Fatal(errors.Join(err, dir.Close()))
	}
	if err := errors.Join(change(dir, store), store.Close(), dir.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestLostRobotsAreAskedForAgain checks that a robots.txt that was given up for an hour
// is not given up for a year because the clock was set back.
func TestLostRobotsAreAskedForAgain(t *testing.T) {
	fs := vfs.NewMem()
	disk := func(o *options) { o.dir, o.fs = "/crawl", fs }
	spider := func(robots func(v conVisit) conReply) *Spider {
		s := conSpider(conRobots(robots))
		s.IgnoreRobots, s.GiveUp = false, time.Hour
		return s
	}
	clockAt(t, clockYear, func(t *testing.T) {
		r := conRun(t, spider(func(conVisit) conReply { return conReply{status: 503} }), disk)
		if conStatus(t, r, Finished, 0); r.Stats.Failed != 1 {
			t.Errorf("%d failed", r.Stats.Failed)
		}
	})
	clockAt(t, 0, func(t *testing.T) {
		clockStore(t, fs, func(dir *pebblestore.Directory, store *pebblestore.Store) error {
			_, err := requeue(t.Context(), store, nil)
			return errors.Join(err, dir.RemoveReport())
		})
		r := conRun(t, spider(func(conVisit) conReply { return conReply{body: ""} }), disk)
		if conStatus(t, r, Finished, 5); r.Stats.Failed != 0 {
			t.Errorf("%d failed: %+v", r.Stats.Failed, r.Failures)
		}
	})
}

// clockCookies is a transport: it sets a cookie for two hours on its first page, and
// notes what comes back for the others.
type clockCookies struct {
	mu  sync.Mutex
	got []string
}

func (c *clockCookies) RoundTrip(req *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, body := http.Header{"Content-Type": {"text/html"}}, ""
	if req.URL.Path == "/" {
		h.Set("Set-Cookie", "sid=1; Max-Age=7200; Path=/")
		body = conLinks("/next")
	} else {
		c.got = append(c.got, req.Header.Get("Cookie"))
	}
	return &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Header: h,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}, nil
}

// TestCookiesUnderClockJumps checks that kept cookies expire with the clock, and that
// one that was set back takes none away.
func TestCookiesUnderClockJumps(t *testing.T) {
	for _, tt := range []struct {
		name          string
		first, second time.Duration
		want          string
	}{
		{"an hour later", clockYear, clockYear + time.Hour, "sid=1"},
		{"three hours later", clockYear, clockYear + 3*time.Hour, ""},
		{"a year later", 0, clockYear, ""},
		{"a day back", clockYear, clockYear - clockDay, "sid=1"},
		{"a year back", clockYear, 0, "sid=1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			disk, web := conDisk(), new(clockCookies)
			spider := func() *Spider {
				s := conSpider(nil)
				s.Sessions, s.HTTP.Transport = nil, web
				return s
			}
			clockAt(t, tt.first, func(t *testing.T) {
				conStatus(t, conRun(t, spider(), disk, MaxPages(1)), Paused, 1)
			})
			clockAt(t, tt.second, func(t *testing.T) {
				conStatus(t, conRun(t, spider(), disk), Finished, 2)
			})
			if len(web.got) != 1 || web.got[0] != tt.want {
				t.Errorf("sent %q, want %q", web.got, tt.want)
			}
		})
	}
}
