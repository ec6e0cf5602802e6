package crashtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"github.com/clew-crawler/clew"
)

// A stop is how a run is stopped. Which of the numbers count depends on the kind.
type stop struct {
	Kind  string
	After int           // requests, pages, items or start requests
	Wait  time.Duration // before it happens
	Gap   time.Duration // between two signals
	File  string
}

// A stopKind says how often a kind is chosen, what it leaves and who does it.
type stopKind struct {
	name   string
	weight int
	kills  bool // nothing is left to the process
	inside bool // the child does it by itself
	forces bool // work in flight may be given up
	atEnd  bool // it only comes at the end of the crawl
}

// noStop lets a run go on to its end.
const noStop = "none"

// stopKinds are all the ways to stop a run.
func stopKinds() []stopKind {
	return []stopKind{
		{name: "kill after requests", weight: 18, kills: true},
		{name: "kill by the clock", weight: 10, kills: true},
		{name: "kill while opening", weight: 5, kills: true},
		{name: "kill at a commit", weight: 12, kills: true, inside: true},
		{name: "kill in a handler", weight: 2, kills: true, inside: true},
		{name: "kill while seeding", weight: 3, kills: true, inside: true},
		{name: "kill while pausing", weight: 3, kills: true},
		{name: "exit in a handler", weight: 2, kills: true, inside: true},
		{name: "panic in a goroutine", weight: 1, kills: true, inside: true},
		{name: "SIGINT", weight: 2},
		{name: "SIGTERM", weight: 2},
		{name: "SIGHUP", weight: 2},
		{name: "SIGINT twice", weight: 3, forces: true},
		{name: "SIGINT thrice", weight: 2, kills: true},
		{name: "cancelled context", weight: 2, inside: true},
		{name: "pause", weight: 2, inside: true},
		{name: "pause twice", weight: 2, inside: true, forces: true},
		{name: "control socket", weight: 2},
		{name: "kill during a snapshot", weight: 3, kills: true},
		{name: "MaxPages", weight: 2, inside: true},
		{name: "MaxDuration", weight: 2, inside: true},
		{name: "kill at a file", weight: 5, kills: true, inside: true, atEnd: true},
		{name: "kill in OnClose", weight: 2, kills: true, inside: true, atEnd: true},
		{name: "kill after the last request", weight: 3, kills: true, atEnd: true},
	}
}

// drawStop chooses a stop: left is the number of requests that the crawl still has
// to make, stops the number of stops to spread over them.
func (r *round) drawStop(left, stops int) (stop, stopKind) {
	var kinds []stopKind
	for _, k := range stopKinds() {
		if k.atEnd != (stops <= 2) {
			continue
		}
		for range k.weight {
			kinds = append(kinds, k)
		}
	}
	k := oneOf(r.rng, kinds...)
	if r.run == 0 && r.plan.Design.Func && r.plan.Design.Starts > 1 {
		k = stopKind{name: "kill while seeding", kills: true, inside: true} // the one time for it
	}
	share := max(2, int(1.6*float64(left)/float64(stops+1)))
	s := stop{
		Kind: k.name, After: 1 + r.rng.IntN(share),
		Wait: time.Duration(r.rng.Int64N(int64(2 * time.Millisecond))), Gap: time.Duration(r.rng.Int64N(int64(5 * time.Millisecond))),
	}
	switch k.name {
	case "kill by the clock", "MaxDuration":
		s.Wait = upTo(r.rng, r.want.opening+max(20*time.Millisecond, 2*r.want.crawling/time.Duration(r.plan.Stops)))
	case "kill while opening":
		s.Wait = upTo(r.rng, 2*r.want.opening)
	case "kill at a commit":
		s.After += r.items
	case "kill while seeding":
		s.After = r.rng.IntN(max(1, r.plan.Design.Starts))
	case "kill at a file":
		s.File = oneOf(r.rng, "report.json", "report.json", "frontier.removed")
	case "kill after the last request":
		s.After = left
		s.Wait *= 10
	}
	return s, k
}

// carryOut does to a child what a stop says, and waits until it has ended.
func (r *round) carryOut(p *process, s stop, k stopKind) {
	p.expect("opening")
	var instant <-chan struct{}
	switch {
	case k.inside || s.Kind == noStop:
		p.wait()
		return
	case s.Kind == "kill by the clock" || s.Kind == "kill while opening":
		instant = in(s.Wait)
	default:
		instant = r.web.after(s.After)
	}
	select {
	case <-instant:
	case <-p.done: // quicker than the stop
		return
	case <-time.After(patience):
		p.wait()
	}
	switch s.Kind {
	case "SIGINT", "SIGINT twice", "SIGINT thrice", "kill while pausing":
		p.signal(syscall.SIGINT)
		r.further(p, s)
	case "SIGTERM":
		p.signal(syscall.SIGTERM)
	case "SIGHUP":
		p.signal(syscall.SIGHUP)
	case "control socket":
		if err := clew.RequestPause(r.tb.Context(), r.dir); err != nil && !errors.Is(err, clew.ErrNotRunning) && !errors.Is(err, clew.ErrNoCrawl) {
			r.tb.Errorf("request pause: %v", err)
		}
	case "kill after the last request":
		<-in(s.Wait)
		p.signal(syscall.SIGKILL)
	case "kill during a snapshot":
		r.snapshot(p, s)
	default:
		p.signal(syscall.SIGKILL)
	}
	p.wait()
}

// snapshot has the child copy its crawl, and kills it while it does or soon after. A
// copy that was reported as made must be whole.
func (r *round) snapshot(p *process, s stop) {
	dest := fmt.Sprintf("%s-snapshot-%d", r.dir, r.run)
	made := make(chan error, 1)
	go func() { made <- clew.Snapshot(r.tb.Context(), r.dir, dest) }()
	var err error
	select {
	case err = <-made:
		p.signal(syscall.SIGKILL)
	case <-in(10 * s.Wait):
		p.signal(syscall.SIGKILL)
		err = <-made
	}
	p.wait()
	if err == nil {
		r.checkSnapshot(dest)
	}
	for _, path := range []string{dest, dest + ".partial"} {
		if err := os.RemoveAll(path); err != nil {
			r.tb.Errorf("remove snapshot: %v", err)
		}
	}
}

// further sends the signals after the first one.
func (r *round) further(p *process, s stop) {
	if s.Kind == "SIGINT" {
		return
	}
	<-in(s.Gap)
	if s.Kind == "kill while pausing" {
		p.signal(syscall.SIGKILL)
		return
	}
	p.signal(syscall.SIGINT)
	if s.Kind == "SIGINT thrice" {
		<-in(s.Gap)
		p.signal(syscall.SIGINT)
	}
}

// upTo is a random time below d.
func upTo(rng *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(rng.Int64N(int64(d)))
}
