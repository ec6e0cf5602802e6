package crashtest

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/clew-crawler/clew/internal/testsite"
)

// What a kill may cost at most: what is in flight, the buffer of finished pages
// that wait for their group, and the group being synced; see the promise.
const (
	concurrency = 16
	groupPages  = 1024
	mostLost    = concurrency + groupPages + groupPages
)

// staleAfter is how old a finished page may be that a kill still loses: a group
// closes after a tenth of a second, and the rest is for the disk of a busy machine.
const staleAfter = 10 * time.Second

// bigSite has everything that a crawl meets: thousands of pages in knots, latency,
// failures that pass and such that stay, redirects, a login.
func bigSite(seed uint64, pages int) testsite.Config {
	return testsite.Config{
		Seed: seed, Pages: pages, Latency: 2 * time.Millisecond, Jitter: 10 * time.Millisecond,
		RetryRate: 0.05, RedirectRate: 0.1, BrokenRate: 0.02, Login: true,
	}
}

func TestKillResume(t *testing.T) {
	t.Parallel()
	pages := 3000
	if testing.Short() {
		pages = 600
	}
	for n := range *seedsFlag {
		seed := *seedFlag + uint64(n)
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			rerunHint(t, "TestKillResume", seed)
			w := startWeb(t, bigSite(seed, pages))
			want := uninterrupted(t, w, order{})
			want.checkOracle(t, w.site)
			k := newKiller(t, w, order{}, seed, want)
			k.crawl(*killsFlag).compare(t, want)
		})
	}
}

// TestKillKeepsTheOrder: one page at a time and nothing tried again, so the order
// of the items is settled, and their file is the same to the last byte.
func TestKillKeepsTheOrder(t *testing.T) {
	t.Parallel()
	rerunHint(t, "TestKillKeepsTheOrder", *seedFlag)
	w := startWeb(t, testsite.Config{Seed: *seedFlag, Pages: 150, Latency: time.Millisecond, RedirectRate: 0.1, BrokenRate: 0, Login: true})
	o := order{Concurrency: 1}
	want := uninterrupted(t, w, o)
	k := newKiller(t, w, o, *seedFlag, want)
	got := k.crawl(min(*killsFlag/2, 50))
	got.compare(t, want)
	if string(got.log) != string(want.log) {
		t.Error("the item log has the right lines in another order")
	}
}

// TestKillWhileSeeding kills while thousands of start requests are being taken.
func TestKillWhileSeeding(t *testing.T) {
	t.Parallel()
	rerunHint(t, "TestKillWhileSeeding", *seedFlag)
	w := startWeb(t, testsite.Config{Seed: *seedFlag, Pages: 500, RedirectRate: 0.1})
	o := order{Starts: 5000}
	want := uninterrupted(t, w, o)
	k := newKiller(t, w, o, *seedFlag, want)
	k.early = true
	k.crawl(min(*killsFlag/2, 50)).compare(t, want)
}

func rerunHint(t *testing.T, name string, seed uint64) {
	t.Helper()
	t.Logf("seed %d", seed)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("again: go test ./internal/crashtest -run %s -seed %d -kills %d", name, seed, *killsFlag)
		}
	})
}

// A killer crawls a site in many runs, all of which but the last it kills.
type killer struct {
	t     *testing.T
	w     *web
	o     order
	rng   *rand.Rand
	want  *ending
	total int64 // requests of the whole crawl
	early bool  // kill by the clock, from the first moment of a run on

	over  map[string]int // URL → run at whose end it was seen to be over
	items []byte         // committed at the last kill
	kills int
	lost  []int // by kill
}

func newKiller(t *testing.T, w *web, o order, seed uint64, want *ending) *killer {
	t.Helper()
	w.reset()
	o.Base, o.Dir = w.base, filepath.Join(t.TempDir(), "crawl")
	return &killer{
		t: t, w: w, o: o, want: want, over: map[string]int{},
		rng:   rand.New(rand.NewPCG(seed, 1)),
		total: want.books["pages"] + want.books["redirects"] + want.books["failed"],
	}
}

// crawl kills the crawl so many times and then lets it end.
func (k *killer) crawl(kills int) *ending {
	k.t.Helper()
	done := int64(0)
	for left := kills; left > 0; left-- {
		k.o.Run++
		p := launch(k.t, k.o)
		p.expect("opening")
		if !p.killAfter(k.instant(k.total-done, left)) {
			if k.early && k.kills >= 3 && p.wait() == exitFinished {
				break // faster than the run that was measured
			}
			k.t.Fatalf("run %d ended by itself with code %d after %d kills: %s", k.o.Run, p.wait(), k.kills, p.last.Error)
		}
		k.kills++
		done = k.examine()
	}
	k.o.Run++
	p := launch(k.t, k.o)
	if code := p.wait(); code != exitFinished {
		k.t.Fatalf("last run: exit code %d: %s\n%s", code, p.last.Error, p.stderr.String())
	}
	k.checkRefetches()
	k.t.Logf("%d kills, requests lost by each: %v", k.kills, k.lost)
	return endingOf(k.t, k.o.Dir, p.last.Result)
}

// instant chooses when the next kill comes: mostly after some share of what is
// left, so that the kills are spread over the crawl however fast it goes; at times
// in the first moments of a run.
func (k *killer) instant(left int64, kills int) <-chan struct{} {
	switch {
	case k.early:
		return in(upTo(k.rng, k.want.opening+k.want.crawling/time.Duration(kills)))
	case k.rng.IntN(6) == 0:
		return in(upTo(k.rng, 2*k.want.opening))
	}
	share := 1.6 * float64(left) / float64(kills+1)
	return k.w.after(1 + int(k.rng.Float64()*share))
}

// examine looks at a copy of the directory after a kill, and returns the number
// of requests that are over.
func (k *killer) examine() int64 {
	k.t.Helper()
	s := inspect(k.t, k.o.Dir)
	defer s.close(k.t)
	s.checkItems(k.t, k.w.base, k.items)
	k.items = s.items
	hits := k.w.hits()
	var urls []string
	for _, h := range hits {
		urls = append(urls, k.w.base+h.path)
	}
	over := s.over(k.t, urls)
	for u := range over {
		if _, known := k.over[u]; !known {
			k.over[u] = k.o.Run
		}
	}
	for u, run := range k.over {
		if !over[u] {
			k.t.Errorf("%s was over after run %d and is not any more after run %d", u, run, k.o.Run)
		}
	}
	lost := 0
	var oldest time.Duration
	for _, h := range hits {
		if h.run == k.o.Run && isFinal(h.status) && !over[k.w.base+h.path] {
			lost++
			oldest = max(oldest, hits[len(hits)-1].at.Sub(h.at))
		}
	}
	k.lost = append(k.lost, lost)
	if lost > mostLost || oldest > staleAfter {
		k.t.Errorf("kill %d lost %d requests, the oldest after %v; the promise is %d", k.kills, lost, oldest, mostLost)
	}
	return s.books.Done + s.books.Failed
}

// checkRefetches looks for requests that were sent again after they were over.
func (k *killer) checkRefetches() {
	k.t.Helper()
	found := 0
	for _, h := range k.w.hits() {
		run, over := k.over[k.w.base+h.path]
		if over && h.run > run {
			if found++; found <= 5 {
				k.t.Errorf("run %d fetched %s again, which was committed in run %d", h.run, h.path, run)
			}
		}
	}
	if found > 5 {
		k.t.Errorf("%d requests were fetched again after they were committed", found)
	}
}
