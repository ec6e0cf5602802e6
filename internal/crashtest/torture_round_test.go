package crashtest

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/internal/testsite"
	"github.com/clew-crawler/clew/links"
)

// A round crawls one site with one spider in many runs, looks at what each of them
// left, and compares what comes out in the end with a crawl that nothing stopped.
type round struct {
	tb    *collector
	plan  plan
	web   *web
	rng   *rand.Rand
	disk  *smallDisk // nil: the crawl directory is on an ordinary one
	dir   string
	want  *ending
	tally *tally

	run      int
	manner   manner
	over     map[links.Fingerprint]int // request → run at whose end it was seen to be over
	checked  int                       // hits that were looked at
	log      []byte                    // items committed at the last stop
	items    int                       // their number
	pages    map[string]bool           // those among them
	done     int                       // requests that are over
	books    frontier.Books            // zero if there are none, as those of a finished crawl
	failures []clew.Failure
	requeued bool
	sabotage func(r *round) // spoils the directory between two runs; nil: nobody does
}

// A collector is a test that notes what is wrong instead of failing.
type collector struct {
	*testing.T
	found []string
}

// Errorf notes a finding.
func (c *collector) Errorf(format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf(format, args...))
}

// Error notes a finding.
func (c *collector) Error(args ...any) { c.found = append(c.found, fmt.Sprint(args...)) }

// Fatalf notes a finding and ends the round.
func (c *collector) Fatalf(format string, args ...any) {
	c.Errorf(format, args...)
	runtime.Goexit()
}

// Fatal notes a finding and ends the round.
func (c *collector) Fatal(args ...any) {
	c.Error(args...)
	runtime.Goexit()
}

// runRound does what a plan says and returns the round as it was in the end; keep is
// where its directory stays if something is wrong. want may be the ending of an
// earlier round of the same design.
func runRound(t *testing.T, p plan, root string, want *ending, sabotage func(r *round)) *round {
	t.Helper()
	r := &round{
		tb: &collector{T: t}, plan: p, rng: rand.New(rand.NewPCG(p.Seed, 4)), want: want, sabotage: sabotage,
		over: map[links.Fingerprint]int{}, tally: newTally(),
	}
	if p.Design.Web != nil {
		r.web = serveWeb(t, nil, testsite.NewWeb(*p.Design.Web), 1)
	} else {
		site := testsite.New(p.Design.Site)
		r.web = serveWeb(t, site, &extras{site: site, notYet: p.Design.NotYet}, p.Design.Hosts)
	}
	r.plan.Design.Bases = r.web.bases
	r.dir = filepath.Join(root, "crawl")
	done := make(chan struct{})
	go func() { // a goroutine of its own, for a finding may end it
		defer close(done)
		if p.Disk {
			r.disk = mountDisk(t, root)
			r.dir = filepath.Join(r.disk.path, "crawl")
		}
		r.crawl()
	}()
	<-done
	r.tally.Rounds++
	r.tally.Violations += len(r.tb.found)
	return r
}

// crawl is the whole round.
func (r *round) crawl() {
	if r.want == nil {
		r.want = r.uninterrupted()
	}
	r.web.reset()
	r.manner = r.plan.plainManner()
	for stops := r.plan.Stops; stops > 0; stops-- {
		r.manner = r.plan.drawManner(r.rng, r.manner)
		s, k := r.drawStop(r.total()-r.done, stops)
		if r.disk != nil && oneIn(r.rng, 5) {
			s, k = stop{Kind: "full disk"}, stopKind{name: "full disk", kills: true, inside: true}
		}
		if finished := r.once(s, k); finished || len(r.tb.found) > 0 {
			break
		}
		if r.sabotage != nil {
			r.sabotage(r)
		}
		r.between()
	}
	if len(r.tb.found) == 0 {
		r.conclude()
	}
}

// total is about the number of requests of the crawl.
func (r *round) total() int {
	b := r.want.books
	return int(b["pages"] + b["redirects"] + b["failed"])
}

// once runs the crawl once, and reports whether that finished it.
func (r *round) once(s stop, k stopKind) (finished bool) {
	r.run++
	e := &errand{Design: r.plan.Design, Manner: r.manner, Stop: s, Run: r.run, Dir: r.dir}
	if s.Kind == "full disk" {
		r.disk.fill(r.tb, r.rng.Int64N(1<<20))
	}
	p := launch(r.tb, order{Dir: r.dir, Torture: e, Env: r.manner.Env})
	r.carryOut(p, s, k)
	if s.Kind == "full disk" {
		r.disk.empty(r.tb)
	}
	r.tally.Runs++
	code := p.wait()
	if code == -1 {
		r.tally.SIGKILLs++
	}
	finished = code == exitFinished
	if !finished {
		r.tally.Stops[s.Kind]++
	}
	r.judgeExit(p, s, k, code)
	r.examine(s, k, code)
	return finished
}

// judgeExit says whether a run may end like that.
func (r *round) judgeExit(p *process, s stop, k stopKind, code int) {
	r.tally.Checks++
	ok := code == exitFinished
	switch {
	case s.Kind == "full disk":
		ok = ok || code == exitError && strings.Contains(p.last.Error, "no space")
	case s.Kind == "SIGINT thrice":
		ok = ok || code == exitPaused || code == 130
	case s.Kind == "exit in a handler":
		ok = ok || code == exitOfFault
	case s.Kind == "panic in a goroutine":
		ok = ok || code == 2 // as the Go runtime ends
	case k.kills:
		// A signal may come when the run has just paused.
		ok = ok || code == -1 || code == exitPaused && s.Kind == "kill while pausing"
	case s.Kind != noStop:
		ok = ok || code == exitPaused
	}
	// A signal that comes before anybody listens ends the process as it always did.
	if strings.HasPrefix(s.Kind, "SIG") && code == -1 {
		ok = true
	}
	if !ok {
		r.tb.Fatalf("run %d (%s): exit code %d: %s\n%s", r.run, s.Kind, code, p.last.Error, p.stderr.String())
	}
	if code == exitFinished || code == exitPaused {
		if got := p.last.Result; got == nil || (got.Status == clew.Finished) != (code == exitFinished) {
			r.tb.Errorf("run %d (%s): exit code %d with result %+v", r.run, s.Kind, code, got)
		}
	}
}

// conclude lets the crawl come to its end, puts back what failed for no fault of
// its own, and compares.
func (r *round) conclude() {
	r.manner = r.plan.drawManner(r.rng, r.manner)
	r.manner.Bug = false
	r.finish()
	for n := 0; r.needsRequeue(); n++ {
		if n == 3 {
			r.tb.Fatalf("requests still fail after being put back: %+v", r.failures)
		}
		r.requeue()
		r.finish()
	}
	r.settle()
	r.compare()
}

func (r *round) finish() {
	if !r.once(stop{Kind: noStop}, stopKind{name: noStop}) {
		r.tb.Fatalf("run %d was not stopped and did not finish", r.run)
	}
}

// needsRequeue reports whether requests failed for the bug, or for having been on
// hand whenever the process was killed.
func (r *round) needsRequeue() bool {
	for _, f := range r.failures {
		if strings.Contains(f.Reason, "a bug") || strings.Contains(f.Reason, "ended the process") {
			return true
		}
	}
	return false
}

// requeue puts failed requests back, and is killed once while it does.
func (r *round) requeue() {
	r.requeued = true
	r.tally.Requeues++
	r.useUp(requeueing, 1)
	clear(r.over) // what failed is not over any more
	r.checked = len(r.web.hits())
	snap := inspect(r.tb, r.dir)
	defer snap.close(r.tb)
	r.noteOver(snap)
}

// settle runs the finished crawl once more: nothing may be fetched or changed.
func (r *round) settle() {
	hits, items := len(r.web.hits()), r.log
	r.finish()
	r.tally.Checks++
	if n := len(r.web.hits()); n != hits {
		r.tb.Errorf("a rerun of a finished crawl sent %d requests", n-hits)
	}
	if string(r.log) != string(items) {
		r.tb.Errorf("a rerun of a finished crawl changed its items")
	}
}

// uninterrupted crawls the site in one run in a directory of its own.
func (r *round) uninterrupted() *ending {
	r.web.reset()
	e := &errand{Design: r.plan.Design, Manner: r.plan.plainManner(), Dir: filepath.Join(r.tb.TempDir(), "crawl")}
	p := launch(r.tb, order{Dir: e.Dir, Torture: e})
	begin := time.Now()
	select {
	case <-r.web.after(1):
	case <-p.done:
	}
	opened := time.Now()
	if code := p.wait(); code != exitFinished {
		r.tb.Fatalf("uninterrupted crawl: exit code %d: %s\n%s", code, p.last.Error, p.stderr.String())
	}
	want := endingOf(r.tb, e.Dir, p.last.Result)
	want.opening, want.crawling = opened.Sub(begin), time.Since(opened)
	return want
}
