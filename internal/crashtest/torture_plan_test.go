package crashtest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/clew-crawler/clew/internal/testsite"
)

// A plan is all that a round of the torture does. It follows from the seed alone;
// only the instants at which runs are stopped depend on the machine as well.
type plan struct {
	Seed   uint64
	Design design
	Stops  int
	Disk   bool // the crawl directory is on a small disk of its own
	Buggy  bool // the spider has a bug until the last run

	Renames bool // handlers get new names between runs, and aliases for the old ones
}

// A design is a site and a spider for it. What a page comes to depends on the page
// alone, so that the order of pages makes no difference but where it is said to.
type design struct {
	Site  testsite.Config
	Web   *testsite.WebConfig // many hosts instead of the site
	Bases []string            // of the hosts, filled in when they are served

	Hosts    int
	Handlers int // 1 to 4, Parse included
	Sessions int // 1 to 3, the default one included
	Starts   int
	Func     bool // StartRequests instead of StartURLs

	Priorities, Forms, Again, Chains bool

	MaxRedirects int
	Retries      int
	Failing      int // every so manieth page's handler fails or panics; 0: none does
	Slow         int // every so manieth page's handler takes its time
	NotYet       bool
	Robots       bool
	Drops        bool // OnItem drops items

	// Strict: one page at a time, one host and nothing tried again, so that even the
	// order of the items is settled.
	Strict bool
}

// A manner is how one run of a crawl goes. Any two runs may differ in it.
type manner struct {
	Concurrency, PerHost int
	Interval             time.Duration
	DefaultInterval      bool
	Delay                time.Duration
	Jitter               bool
	SeenMemory           int64
	PauseTimeout         time.Duration
	Names                int  // how often handlers have been renamed
	Bug                  bool // handlers of some pages fail
	Env                  []string
}

// drawPlan makes a plan from a seed.
func drawPlan(seed uint64, disks bool) plan {
	rng := rand.New(rand.NewPCG(seed, 3))
	p := plan{Seed: seed, Stops: 5 + rng.IntN(36)}
	d := &p.Design
	d.Strict = oneIn(rng, 5)
	d.Site = testsite.Config{
		Seed: seed, Pages: 100 + rng.IntN(500), LinksPerPage: 4 + rng.IntN(12), ItemsPerPage: 1 + rng.IntN(4),
		Latency: oneOf(rng, 0, 0, time.Millisecond, 2*time.Millisecond),
		Jitter:  oneOf(rng, 0, time.Millisecond, 5*time.Millisecond), BodyBytes: oneOf(rng, 0, 0, 8<<10),
		Gzip: oneIn(rng, 3), Chain: oneIn(rng, 12), RedirectRate: oneOf(rng, 0, 0.1, 0.3), Login: oneIn(rng, 3),
	}
	d.Hosts, d.Handlers, d.Sessions = 1, 1+rng.IntN(4), 1+rng.IntN(3)
	d.Starts = oneOf(rng, 1, 1, 10, 300)
	d.Func = oneIn(rng, 2)
	d.Priorities, d.Forms, d.Again, d.Chains = oneIn(rng, 2), oneIn(rng, 2), oneIn(rng, 3), oneIn(rng, 3)
	d.Failing = oneOf(rng, 0, 0, 20, 50)
	d.Slow = oneOf(rng, 0, 0, 10)
	d.Robots, d.Drops = oneIn(rng, 4), oneIn(rng, 2)
	if d.Robots {
		d.Site.RobotsTxt = fmt.Sprintf("User-agent: *\nDisallow: /page/%d\n", 2+rng.IntN(97))
	}
	if d.Site.Chain {
		// One page in the way and nothing is behind it.
		d.Site.Pages, d.Failing, d.Robots, d.Site.RobotsTxt = min(d.Site.Pages, 150), 0, false, ""
	}
	if !d.Site.Login {
		d.MaxRedirects = oneOf(rng, 0, 3, 5)
	}
	d.Retries = 1 + rng.IntN(3)
	p.Renames = oneIn(rng, 2)
	p.Disk = disks && oneIn(rng, 5)
	if oneIn(rng, 4) {
		d.drawWeb(rng, seed)
		p.Renames = false
		return p
	}
	p.Buggy = !d.Site.Chain && oneIn(rng, 4)
	if d.Strict {
		d.Starts, p.Buggy = min(d.Starts, 10), false
		d.Func = d.Func && d.Starts == 1
		return p
	}
	d.Hosts = oneOf(rng, 1, 1, 2, 3)
	d.NotYet = oneIn(rng, 3)
	d.Site.RetryRate, d.Site.BrokenRate = oneOf(rng, 0, 0.05), oneOf(rng, 0, 0.03)
	return p
}

// drawManner makes up how the next run goes.
func (p *plan) drawManner(rng *rand.Rand, before manner) manner {
	m := manner{
		Concurrency:     oneOf(rng, 1, 2, 4, 8, 16, 16, 32),
		PerHost:         oneOf(rng, 0, 0, 0, 1, 4),
		DefaultInterval: oneIn(rng, 3),
		Interval:        oneOf(rng, 0, time.Millisecond, 10*time.Millisecond, 100*time.Millisecond, time.Second),
		Delay:           oneOf(rng, 0, 0, 0, 0, time.Millisecond, 3*time.Millisecond),
		Jitter:          oneIn(rng, 3),
		SeenMemory:      oneOf[int64](rng, 0, 0, 1, 4096, 64<<10),
		PauseTimeout:    oneOf(rng, 20*time.Second, 20*time.Second, 0, 5*time.Millisecond),
		Names:           before.Names,
		Bug:             p.Buggy,
	}
	if p.Design.Strict {
		m.Concurrency = 1
	}
	if p.Renames && oneIn(rng, 4) {
		m.Names++
	}
	if procs := oneOf(rng, 0, 0, 1, 2, 4); procs > 0 {
		m.Env = append(m.Env, fmt.Sprint("GOMAXPROCS=", procs))
	}
	if limit := oneOf(rng, "", "", "64MiB", "256MiB"); limit != "" {
		m.Env = append(m.Env, "GOMEMLIMIT="+limit)
	}
	return m
}

// plainManner is how the crawl goes that nothing stops.
func (p *plan) plainManner() manner {
	m := manner{Concurrency: 8, DefaultInterval: true, PauseTimeout: 20 * time.Second}
	if p.Design.Strict {
		m.Concurrency = 1
	}
	return m
}

func oneIn(rng *rand.Rand, n int) bool { return rng.IntN(n) == 0 }

func oneOf[T any](rng *rand.Rand, values ...T) T { return values[rng.IntN(len(values))] }

// handlerOf, sessionOf and hostOf say who reads, fetches and serves a page. The
// front page is ordinary in every way.
func (d *design) handlerOf(n int) int { return n % d.Handlers }
func (d *design) sessionOf(n int) int { return n / 4 % d.Sessions }
func (d *design) hostOf(n int) int    { return n / 2 % d.Hosts }

// fails reports whether the handler of a page fails, and whether it panics.
func (d *design) fails(n int) (fails, panics bool) {
	return d.Failing > 0 && n > 0 && n%d.Failing == 3, n%2 == 0
}

// bug reports whether the handler of a page fails in runs with the bug.
func bug(n int) bool { return n > 0 && n%9 == 5 }

// sessionName is what a session is called, by its number.
func sessionName(n int) string { return []string{"", "second", "third"}[n] }

// handlerName is what a handler is called after so many renamings; number 0 is Parse.
func handlerName(n, renamed int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("part%d-v%d", n, renamed)
}
