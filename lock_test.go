package clew

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/clew-crawler/clew/store/pebblestore"
)

// TestLockWhileTheEngineIsAtWork keeps a directory locked that could not be opened while
// the storage engine may still write to it.
func TestLockWhileTheEngineIsAtWork(t *testing.T) {
	phases := faultPhases()
	pt := newPhaseTest(t, phases[slices.IndexFunc(phases, func(ph *faultPhase) bool { return ph.name == "open, killed" })])
	run := pt.begin()
	f := &failedOp{failing: &failings[0], k: 1, is: func(op diskOp) bool { return strings.HasSuffix(op.path, ".dbtmp") }}
	run.disk.before = f.before
	if err := pt.run(run); !errors.Is(err, pebblestore.ErrStillOpen) {
		t.Fatal(err)
	}
	if d, err := pebblestore.OpenDirectoryFS(run.disk.mem, faultDir, "faults"); !errors.Is(err, pebblestore.ErrLocked) {
		t.Errorf("locked again: %v, %v", d, err)
	}
}
