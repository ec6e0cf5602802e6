package clew

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/clew-crawler/clew/store/pebblestore"
)

// A faultPhase is a part of a crawl's life during which the disk is watched.
type faultPhase struct {
	name string
	does string // the kinds of its operations on the disk; some are done in the background
	// life is what went before, and spider is of all of it.
	life   func(t *testing.T, ph *faultPhase) *vfs.MemFS
	spider func(*faultServer) *Spider
	rich   bool // with a page that fails, so that the frontier is kept
	run    func(r *phaseRun) error
	// Phases that set a crawl aside; of a damaged one nothing is expected but that
	// it is kept.
	aside, damaged bool
	again          func(disk vfs.FS) error // what is run again after a crash, before the crawl
	copy           string                  // where it copies the crawl to
	salvage        bool                    // is run again after a crash, too
}

// faultPhases is the life of a crawl and what each part of it does on the disk.
func faultPhases() []*faultPhase {
	return []*faultPhase{
		{
			name: "open, new", run: runOpen, life: lifeNone,
			does: "close create list lock mkdir open remove rename stat sync write",
		},
		{
			name: "open, killed", run: runOpen, life: lifeKilled,
			does: "close create list lock mkdir open read remove rename stat sync write",
		},
		{
			name: "open, paused", run: runOpen, life: lifePaused, rich: true,
			does: "close create list lock mkdir open read remove rename stat sync write",
		},
		{
			name: "open, finished but for its frontier", run: runOpen, life: lifeReported,
			does: "close list lock mkdir open read remove rename stat sync",
		},
		{name: "seed", run: runSeed, life: lifeNone, spider: seedSpider, does: "create sync write"},
		{name: "commit", run: runCommit, life: lifeNone, rich: true, does: "close create open sync write"},
		{
			name: "pause", run: runPause, life: lifeNone,
			does: "close create open read stat sync write",
		},
		{
			name: "end, frontier removed", run: runEnd, life: lifeNone,
			does: "close create open read remove rename stat sync write",
		},
		{
			name: "end, frontier kept", run: runEnd, life: lifeNone, rich: true,
			does: "close create open read rename stat sync write",
		},
		{
			name: "requeue", run: runRequeue, life: lifeFinished, rich: true, again: requeueOn,
			does: "close create list lock mkdir open read remove rename stat sync write",
		},
		{
			name: "fresh, paused", run: runFresh, life: lifePaused, aside: true,
			does: "close create list lock mkdir open read remove rename stat sync write",
		},
		{
			name: "fresh, finished", run: runFresh, life: lifeFinished, rich: true, aside: true,
			does: "close create list lock mkdir open read remove rename stat sync write",
		},
		{
			name: "set aside, damaged", run: runOpen, life: lifeDamaged, aside: true, damaged: true,
			does: "close create list lock mkdir open read remove rename stat sync write",
		},
		{
			name: "snapshot", run: runSnapshot, life: lifePaused, copy: "/disk/copy",
			does: "close create link list lock mkdir open read remove rename stat sync write",
		},
		{
			name: "salvage, sound", run: runSalvage, life: lifeKilled, salvage: true,
			does: "close list lock mkdir open read stat sync",
		},
		{
			name: "salvage, items damaged", run: runSalvage, life: lifeDamaged, salvage: true, damaged: true,
			does: "close create list lock mkdir open read remove rename stat sync write",
		},
		{
			name: "salvage, frontier damaged", run: runSalvage, life: lifeTorn, rich: true, salvage: true, damaged: true,
			does: "close create list lock mkdir open read remove rename stat sync write",
		},
		{
			name: "salvage, finished and damaged", run: runSalvage, life: lifeUntrue, salvage: true, damaged: true,
			does: "close create list lock mkdir open read remove rename stat sync write",
		},
	}
}

// A phaseRun is a phase on a disk that is watched.
type phaseRun struct {
	phase *faultPhase
	disk  *countedDisk
	base  int64 // committed bytes of the item log before

	mu       sync.Mutex
	crawl    *Crawl
	salvaged *Salvaged
}

func (r *phaseRun) arm(on bool) {
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	r.disk.armed = on
}

// saved is how many bytes of items are committed at this moment.
func (r *phaseRun) saved() int64 {
	r.mu.Lock()
	c := r.crawl
	r.mu.Unlock()
	if c == nil {
		return r.base
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(r.base, c.length)
}

// open opens the crawl with a spider that calls parsed before its n-th page is parsed.
func (r *phaseRun) open(parsed func(c *Crawl, n int), opts ...Option) (*Crawl, error) {
	spider := r.phase.spider(newFaultServer(r.phase.rich))
	var c *Crawl
	var mu sync.Mutex
	n, parse := 0, spider.Parse
	spider.Parse = func(ctx context.Context, page *Response, out *Output) error {
		mu.Lock()
		n++
		parsed(c, n)
		mu.Unlock()
		return parse(ctx, page, out)
	}
	c, err := Open(spider, append(opts, faultFS(r.disk))...)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.crawl = c
	r.mu.Unlock()
	return c, nil
}

func runOpen(r *phaseRun) error { return r.openClose() }

func runFresh(r *phaseRun) error { return r.openClose(Fresh()) }

func (r *phaseRun) openClose(opts ...Option) error {
	r.arm(true)
	defer r.arm(false)
	c, err := r.open(func(*Crawl, int) {}, opts...)
	if err != nil {
		return err
	}
	return c.Close()
}

// runCrawl runs the crawl and watches the disk from one page to another, 0 being the
// beginning of the run; it pauses the crawl at the second.
func (r *phaseRun) runCrawl(from, to int) error {
	c, err := r.open(func(c *Crawl, n int) {
		switch n {
		case to:
			r.arm(false)
			c.Pause()
		case from:
			r.arm(true)
		}
	})
	if err != nil {
		return err
	}
	r.arm(from == 0)
	defer r.arm(false)
	_, err = c.Run(context.Background())
	return err
}

func runSeed(r *phaseRun) error   { return r.runCrawl(0, 1) }
func runCommit(r *phaseRun) error { return r.runCrawl(2, 22) }

func runPause(r *phaseRun) error {
	c, err := r.open(func(c *Crawl, n int) {
		if n == 17 {
			r.arm(true)
			c.Pause()
		}
	})
	if err != nil {
		return err
	}
	defer r.arm(false)
	_, err = c.Run(context.Background())
	return err
}

// pagesOf is how many pages of the site are parsed.
func pagesOf(rich bool) int {
	if rich {
		return faultPages + 6 // with login, two private ones, busy, target and bad
	}
	return faultPages + 3
}

func runEnd(r *phaseRun) error { return r.runCrawl(pagesOf(r.phase.rich), -1) }

func runRequeue(r *phaseRun) error {
	r.arm(true)
	defer r.arm(false)
	return requeueOn(r.disk)
}

func runSnapshot(r *phaseRun) error {
	r.arm(true)
	defer r.arm(false)
	return snapshot(context.Background(), r.disk, faultDir, r.phase.copy)
}

func runSalvage(r *phaseRun) (err error) {
	r.arm(true)
	defer r.arm(false)
	r.salvaged, err = salvageFS(context.Background(), r.disk, faultDir)
	return err
}

// requeueOn is Requeue on another file system.
func requeueOn(fs vfs.FS) error {
	d, err := pebblestore.OpenDirectoryFS(fs, faultDir, "faults")
	if err != nil {
		return err
	}
	_, err = requeueIn(context.Background(), d, nil)
	return err
}

// seedSpider has so many start requests that they are seeded in several groups, though
// only two pages.
func seedSpider(s *faultServer) *Spider {
	spider := fastSpider(s)
	spider.StartURLs = slices.Repeat(spider.StartURLs, 500)
	return spider
}

func lifeNone(*testing.T, *faultPhase) *vfs.MemFS { return vfs.NewCrashableMem() }

func lifePaused(t *testing.T, ph *faultPhase) *vfs.MemFS {
	t.Helper()
	disk := vfs.NewCrashableMem()
	r, err := Run(t.Context(), ph.spider(newFaultServer(ph.rich)), faultFS(disk), MaxPages(17))
	if err != nil || r.Status != Paused {
		t.Fatalf("pause: %v, %v", r, err)
	}
	return disk
}

func lifeFinished(t *testing.T, ph *faultPhase) *vfs.MemFS {
	t.Helper()
	disk := vfs.NewCrashableMem()
	r, err := Run(t.Context(), ph.spider(newFaultServer(ph.rich)), faultFS(disk))
	if err != nil || r.Status != Finished {
		t.Fatalf("finish: %v, %v", r, err)
	}
	return disk
}

// lifeKilled is a crawl that was killed before an item log with lines of no commit was
// cut, and with a log of the storage engine to read again.
func lifeKilled(t *testing.T, ph *faultPhase) *vfs.MemFS {
	t.Helper()
	return lifeUntil(t, ph, func(op diskOp, n map[string]int) bool {
		return op.kind == "write" && strings.HasSuffix(op.path, ".log") && n["items.jsonl"] == 4
	})
}

// lifeReported is a crawl that was killed when its frontier was to be removed.
func lifeReported(t *testing.T, ph *faultPhase) *vfs.MemFS {
	t.Helper()
	return lifeUntil(t, ph, func(op diskOp, _ map[string]int) bool {
		return op.kind == "rename" && strings.HasSuffix(op.path, "frontier")
	})
}

// lifeUntil kills a crawl before an operation. n counts writes by the file's name.
func lifeUntil(t *testing.T, ph *faultPhase, is func(op diskOp, n map[string]int) bool) (left *vfs.MemFS) {
	t.Helper()
	disk := newCountedDisk(vfs.NewCrashableMem())
	n := map[string]int{}
	var cerr error
	disk.before = func(_ int, _ bool, op diskOp) error {
		if op.kind == "write" {
			n[disk.PathBase(op.path)]++
		}
		if left == nil && is(op, n) {
			left, cerr = disk.crash("kill", faultRand(0))
		}
		return nil
	}
	disk.armed = true
	_, err := Run(t.Context(), ph.spider(newFaultServer(ph.rich)), faultFS(disk))
	disk.mu.Lock()
	defer disk.mu.Unlock()
	if err := errors.Join(err, cerr); err != nil || left == nil {
		t.Fatalf("kill: %v, %v", left, err)
	}
	return left
}

// lifeDamaged is a paused crawl whose item log has lost its second half.
func lifeDamaged(t *testing.T, ph *faultPhase) *vfs.MemFS {
	t.Helper()
	disk := lifePaused(t, ph)
	log := faultLog(t, disk)
	damageWrite(t, disk, faultDir+"/items.jsonl", log[:len(log)/2])
	return disk
}

// lifeTorn is a crawl that was paused twice, with a table whose first part is damaged.
func lifeTorn(t *testing.T, ph *faultPhase) *vfs.MemFS {
	t.Helper()
	disk := lifePaused(t, ph)
	if r, err := Run(t.Context(), ph.spider(newFaultServer(ph.rich)), faultFS(disk), MaxPages(9)); err != nil || r.Status != Paused {
		t.Fatalf("pause again: %v, %v", r, err)
	}
	for path, data := range damageFiles(t, disk, faultDir) {
		if strings.HasSuffix(path, ".sst") {
			data[len(data)/3] ^= 0x10
			damageWrite(t, disk, path, data)
		}
	}
	return disk
}

// lifeUntrue is a finished crawl of whose report one byte has turned.
func lifeUntrue(t *testing.T, ph *faultPhase) *vfs.MemFS {
	t.Helper()
	disk := lifeFinished(t, ph)
	damageTo("", func(data []byte) []byte { data[len(data)/2] ^= 1; return data }).apply(t, disk, faultDir+"/report.json")
	return disk
}
