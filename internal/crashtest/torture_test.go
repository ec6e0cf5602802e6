package crashtest

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// mostShown is the number of findings of a round that are told.
const mostShown = 10

// TestTorture runs rounds until its time is over: two of them by default.
//
//	go test ./internal/crashtest -run 'TestTorture$' -v -timeout 0 -duration 1h -ledger ledger.json
//
// With a ledger the next invocation goes on with the next seed and adds to the totals.
func TestTorture(t *testing.T) {
	t.Parallel()
	l, err := openLedger(*ledgerFlag, *seedFlag)
	if err != nil {
		t.Fatal(err)
	}
	rounds, deadline := *roundsFlag, time.Now().Add(*durationFlag)
	if rounds == 0 && *durationFlag == 0 {
		rounds, *smallFlag = 2, true
	}
	disks := disksAllowed(t)
	next := make(chan uint64)
	go func() {
		defer close(next)
		for n := 0; (rounds == 0 || n < rounds) && (*durationFlag == 0 || time.Now().Before(deadline)); n++ {
			next <- l.seed()
		}
	}()
	t.Run("rounds", func(t *testing.T) {
		for w := range *workersFlag {
			t.Run(fmt.Sprint("worker=", w), func(t *testing.T) {
				t.Parallel()
				for seed := range next {
					t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { torture(t, l, drawPlan(seed, disks)) })
				}
			})
		}
	})
	var table strings.Builder
	if err := l.print(&table); err != nil {
		t.Fatal(err)
	}
	t.Logf("seeds up to %d\n%s", l.Next-1, table.String())
}

// torture is one round. If it finds something its directory is kept.
func torture(t *testing.T, l *ledger, p plan) {
	t.Helper()
	if *smallFlag {
		p.Stops = min(p.Stops, 8)
		p.Design.Site.Pages = min(p.Design.Site.Pages, 150)
	}
	root, err := os.MkdirTemp("", fmt.Sprintf("clew-torture-%d-", p.Seed))
	if err != nil {
		t.Fatal(err)
	}
	r := runRound(t, p, root, nil, nil)
	found := r.tb.found
	if len(found) > 0 && r.disk != nil {
		if err := copyTree(root+"/copy", r.dir); err != nil {
			t.Errorf("keep the directory: %v", err)
		}
	}
	if r.disk != nil {
		if err := r.disk.unmount(); err != nil {
			t.Errorf("unmount: %v", err)
		}
	}
	if err := l.book(r, root); err != nil {
		t.Errorf("ledger: %v", err)
	}
	if len(found) == 0 {
		if err := os.RemoveAll(root); err != nil {
			t.Error(err)
		}
		return
	}
	for _, f := range found[:min(len(found), mostShown)] {
		t.Error(f)
	}
	t.Logf("%d findings; plan %+v", len(found), r.plan)
	t.Logf("kept in %s; again: go test ./internal/crashtest -run 'TestTorture$' -v -rounds 1 -small=%v -seed %d", root, *smallFlag, p.Seed)
}
