package clew

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/clew-crawler/clew/store/pebblestore"
)

func faultRand(n int) *rand.Rand { return rand.New(rand.NewPCG(*seedFlag, uint64(n))) }

// A phaseTest tries a phase with a fault or a crash at each of its operations.
type phaseTest struct {
	*faultPhase
	start  *vfs.MemFS // each try begins on a copy of it
	saved  int64      // committed bytes of its item log
	before map[string][]byte
	ops    []diskOp  // what the phase does when nothing fails
	log    []byte    // the finished crawl's
	books  []string  // one of these must be the finished crawl's
	whole  *Salvaged // what a salvage brings back when nothing fails
	cases  int
}

// TestFaultAtEachOperation fails each operation on the disk in each part of a crawl's
// life, in each way, and resumes what a kill and what a power cut then leave. By
// default it takes a sample; -long takes all of it.
func TestFaultAtEachOperation(t *testing.T) {
	for _, ph := range faultPhases() {
		t.Run(ph.name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			pt := newPhaseTest(t, ph)
			for _, batch := range pt.faults() {
				pt.fail(t, batch)
			}
			t.Logf("%d operations, %d faults in %v, seed %d", len(pt.ops), pt.cases, time.Since(begin).Round(time.Millisecond), *seedFlag)
		})
	}
}

// TestCrashAtEachOperation stops each part of a crawl's life before each of its
// operations, by a kill and by power cuts, and runs the same command again.
func TestCrashAtEachOperation(t *testing.T) {
	for _, ph := range faultPhases() {
		t.Run(ph.name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			pt := newPhaseTest(t, ph)
			pt.crash(t, pt.sample(4))
			t.Logf("%d operations, %d crashes in %v, seed %d", len(pt.ops), pt.cases, time.Since(begin).Round(time.Millisecond), *seedFlag)
		})
	}
}

// TestFaultLateInOpen fails what the storage engine does last when it opens after a kill.
// It would close its caches then, under its own work in the background, which ends the
// process in a panic; so it is left where it is.
func TestFaultLateInOpen(t *testing.T) {
	phases := faultPhases()
	pt := newPhaseTest(t, phases[slices.IndexFunc(phases, func(ph *faultPhase) bool { return ph.name == "open, killed" })])
	// The engine writes these in one order, but its others come in any between them.
	late := func(op diskOp) bool { return strings.HasSuffix(op.path, ".dbtmp") }
	for _, op := range pt.ops {
		if late(op) {
			pt.cases++
			o := pt.runWith(&failedOp{failing: &failings[0], k: pt.cases, is: late})
			if !errors.Is(o.err, pebblestore.ErrStillOpen) {
				t.Errorf("%v failed, and opening was given up: %v", o.fault.hit, o.err)
			}
			pt.checkFault(t, &o)
		}
	}
	if pt.cases == 0 {
		t.Error("it writes no options")
	}
}

// newPhaseTest runs the phase, and the crawl to its end, with nothing in their way.
func newPhaseTest(t *testing.T, ph *faultPhase) *phaseTest {
	t.Helper()
	if ph.spider == nil {
		ph.spider = fastSpider
	}
	pt := &phaseTest{faultPhase: ph, start: ph.life(t, ph), before: map[string][]byte{}}
	if _, err := pt.start.Stat(faultDir); err == nil {
		pt.before = damageFiles(t, pt.start, faultDir)
		pt.saved = pt.committed(t)
	}
	r := pt.begin()
	r.disk.before = func(_ int, counts bool, op diskOp) error {
		if counts {
			pt.ops = append(pt.ops, op)
		}
		return nil
	}
	if err := ph.run(r); err != nil {
		t.Fatalf("without a fault: %v", err)
	}
	pt.whole = r.salvaged
	for _, op := range pt.ops {
		if !slices.Contains(strings.Fields(ph.does), op.kind) {
			t.Errorf("it also does: %v", op)
		}
	}
	for _, disk := range []*vfs.MemFS{r.disk.mem, pt.clone()} { // with the phase, and without it
		res, err := Run(t.Context(), ph.spider(newFaultServer(ph.rich)), faultFS(disk))
		if err != nil || res.Status != Finished {
			t.Fatalf("the crawl that is not stopped: %v, %v", res, err)
		}
		pt.books = append(pt.books, faultBooks(res))
		if pt.log == nil {
			pt.log = faultLog(t, disk)
		}
	}
	return pt
}

// committed reads how many bytes of items are committed.
func (pt *phaseTest) committed(t *testing.T) int64 {
	t.Helper()
	if pt.damaged {
		return 0
	}
	i := int64(len(faultLog(t, pt.start)))
	dir, err := pebblestore.OpenDirectoryFS(pt.clone(), faultDir, "faults")
	if err != nil {
		t.Fatal(err)
	}
	if report, err := dir.Report(); err != nil || report != nil {
		return i
	}
	store, err := dir.Store(pebblestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	books, err := store.Load(t.Context())
	if err := errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
	return books.ItemBytes
}

func (pt *phaseTest) clone() *vfs.MemFS {
	return pt.start.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: faultRand(0)})
}

func (pt *phaseTest) begin() *phaseRun {
	r := &phaseRun{phase: pt.faultPhase, disk: newCountedDisk(pt.clone()), base: pt.saved}
	if pt.aside {
		r.base = 0 // what is resumed may be a new crawl
	}
	return r
}

// sample returns the numbers of about n operations; with -long of all of them.
func (pt *phaseTest) sample(n int) []int {
	step := max(1, len(pt.ops)/n)
	if *longFlag {
		step = 1
	}
	var ks []int
	for k := 1 + faultRand(len(pt.name)).IntN(step); k <= len(pt.ops); k += step {
		ks = append(ks, k)
	}
	return ks
}

// faults are those to be tried, in batches, since a run on a failed disk mostly waits.
func (pt *phaseTest) faults() (batches [][]*failedOp) {
	var all []*failedOp
	for i := range failings {
		for _, k := range pt.sample(2) {
			if f := &failings[i]; f.fits(pt.ops[k-1]) {
				all = append(all, &failedOp{failing: f, k: k})
			}
		}
	}
	return slices.Collect(slices.Chunk(all, 8))
}

// A faultOutcome is what became of a run on a disk that failed.
type faultOutcome struct {
	fault *failedOp
	err   error
	took  time.Duration // since the fault
	left  []crashPoint

	salvaged *Salvaged
}

// fail runs the phase once with each fault, at the same time, and then looks at what is left.
func (pt *phaseTest) fail(t *testing.T, faults []*failedOp) {
	t.Helper()
	outcomes := make([]faultOutcome, len(faults))
	var wg sync.WaitGroup
	for i, f := range faults {
		wg.Go(func() { outcomes[i] = pt.runWith(f) })
	}
	wg.Wait()
	for i := range outcomes {
		if o := &outcomes[i]; o.fault.hit != (diskOp{}) {
			pt.cases++
			t.Run(fmt.Sprintf("%s at %d", o.fault.name, o.fault.k), func(t *testing.T) {
				if !pt.checkFault(t, o) {
					t.Errorf("%s at operation %d of %d, %v; the run ended with %v", o.fault.name, o.fault.k, len(pt.ops), o.fault.hit, o.err)
				}
			})
		}
	}
}

func (pt *phaseTest) runWith(f *failedOp) faultOutcome {
	r := pt.begin()
	r.disk.before = f.before
	o := faultOutcome{fault: f, err: pt.run(r)}
	o.salvaged = r.salvaged
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	o.took = time.Since(f.when)
	f.healed = true // what is still tried in the background may succeed now
	for _, mode := range crashModes[:2] {
		left, err := r.disk.crash(mode, faultRand(f.k))
		o.err = errors.Join(o.err, err)
		o.left = append(o.left, crashPoint{disk: left, saved: r.saved(), op: mode})
	}
	return o
}

// checkFault checks what a fault led to: a clear error in time, or none, no damage that
// is none, and a crawl that can be finished.
func (pt *phaseTest) checkFault(t *testing.T, o *faultOutcome) bool {
	t.Helper()
	if o.took > 2*time.Second && (o.err != nil || !pt.salvage) { // which may do its work all the same
		t.Errorf("the run ended %v after the fault", o.took)
	}
	if o.err != nil {
		pt.checkError(t, o)
	}
	for _, p := range o.left {
		if names, err := p.disk.List(faultDir); err == nil && !pt.damaged {
			for _, name := range names {
				if strings.Contains(name, "damaged") {
					t.Errorf("a fault is taken for damage: the directory holds %v", names)
				}
			}
		}
		if ok := pt.salvage && pt.salvages(t, p, o) || !pt.salvage && pt.survived(t, p); !ok {
			t.Errorf("after a %s", p.op)
			return false
		}
	}
	return !t.Failed()
}

func (pt *phaseTest) checkError(t *testing.T, o *faultOutcome) {
	t.Helper()
	text := o.err.Error()
	if errors.Is(o.err, ErrDamaged) {
		if !pt.damaged {
			t.Error("a fault is taken for damage")
		}
		return // which was found first, and is what counts
	}
	if !errors.Is(o.err, o.fault.cause) {
		t.Errorf("the error is no %v", o.fault.cause)
	}
	named := strings.Contains(text, o.fault.hit.path) || o.fault.stays && strings.Contains(text, "/disk/")
	if strings.HasPrefix(text, o.fault.hit.String()+": "+o.fault.cause.Error()) || !named {
		t.Errorf("the error does not say what was being done, and where")
	}
	if errors.Is(o.fault.cause, syscall.ENOSPC) && (!strings.Contains(text, "disk full") || !strings.Contains(text, "42 bytes free")) {
		t.Error("the error of a full disk does not name the free space")
	}
}

// crash runs the phase once, takes what crashes before each of some operations leave,
// and then looks at it.
func (pt *phaseTest) crash(t *testing.T, ks []int) {
	t.Helper()
	var points []crashPoint
	r := pt.begin()
	r.disk.before = func(n int, counts bool, op diskOp) error {
		if !counts || !slices.Contains(ks, n) {
			return nil
		}
		for i, mode := range crashModes {
			left, err := r.disk.crash(mode, faultRand(n*len(crashModes)+i))
			if err != nil {
				return err
			}
			points = append(points, crashPoint{disk: left, saved: r.saved(), op: fmt.Sprintf("%s before %d of %d: %v", mode, n, len(pt.ops), op)})
		}
		return nil
	}
	if err := pt.run(r); err != nil {
		t.Fatal(err)
	}
	for _, p := range points {
		pt.cases++
		t.Run(p.op, func(t *testing.T) { pt.survived(t, p) })
	}
}

// survived runs the same command again on what is left and compares what comes of it
// with what comes of a life without faults.
func (pt *phaseTest) survived(t *testing.T, p crashPoint) bool {
	t.Helper()
	if pt.salvage {
		return pt.salvages(t, p, nil)
	}
	books := pt.books[0]
	if pt.again != nil {
		if len(p.op)%2 == 0 {
			if err := pt.again(p.disk); err != nil {
				t.Errorf("the same again: %v", err)
				return false
			}
		} else if !pt.changed(t, p.disk) { // it is not run again, and did not happen
			books = pt.books[1]
		}
	}
	if pt.damaged {
		finishAfterCrash(t, p, pt.rich, pt.log, books, pt.spider)
	} else {
		resumeAfterCrash(t, p, pt.rich, pt.log, books, pt.spider)
	}
	if pt.aside && !t.Failed() {
		pt.checkAside(t, p)
	}
	if pt.copy != "" && !t.Failed() {
		pt.checkCopy(t, p)
	}
	return !t.Failed()
}

// changed reports whether a requeue that was cut off has happened.
func (pt *phaseTest) changed(t *testing.T, disk *vfs.MemFS) bool {
	t.Helper()
	dir, err := pebblestore.OpenDirectoryFS(disk.CrashClone(vfs.CrashCloneCfg{}), faultDir, "faults")
	if err != nil {
		t.Fatal(err)
	}
	store, err := dir.Store(pebblestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	books, err := store.Load(context.Background())
	if err := errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
	return books.Failed == 0
}

// checkAside checks that the crawl that stood in the directory stands there still, or
// whole in one folder of those that were set aside.
func (pt *phaseTest) checkAside(t *testing.T, p crashPoint) {
	t.Helper()
	identity := faultDir + "/crawl.json"
	files := damageFiles(t, p.disk, faultDir)
	if bytes.Equal(files[identity], pt.before[identity]) {
		return
	}
	names, err := p.disk.List(faultDir)
	if err != nil {
		t.Fatal(err)
	}
	whole := 0
	for _, name := range slices.DeleteFunc(names, func(n string) bool { return !asideName.MatchString(n) }) {
		lacks := 0
		for path, data := range pt.before {
			rest := strings.TrimPrefix(path, faultDir)
			now, ok := files[faultDir+"/"+name+rest]
			inStore := strings.Contains(rest, "/frontier/")
			if rest != "/LOCK" && !inStore && !bytes.Equal(now, data) || strings.HasSuffix(rest, ".sst") && !ok {
				lacks++
				t.Errorf("%s lacks %s", name, rest)
			}
		}
		if lacks == 0 {
			whole++
		}
	}
	if whole == 0 || whole > 1 && strings.HasPrefix(p.op, "kill") {
		t.Errorf("the crawl is in %d folders of %v", whole, names)
	}
}

// checkCopy checks that a copy of the crawl is whole or not there, and can be made.
func (pt *phaseTest) checkCopy(t *testing.T, p crashPoint) {
	t.Helper()
	if _, err := p.disk.Stat(pt.copy); errors.Is(err, os.ErrNotExist) {
		if err := snapshot(t.Context(), p.disk, faultDir, pt.copy); err != nil {
			t.Errorf("the snapshot again: %v", err)
			return
		}
	} else if err != nil {
		t.Fatal(err)
	}
	checkCrawl(t, p.disk, pt.copy, pt.saved)
}
