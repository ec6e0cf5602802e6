package clew

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/clew-crawler/clew/internal/testsite"
)

// TestSnapshotStopped copies crawls that nobody runs, and copies of them, and
// resumes all of them to the same end.
func TestSnapshotStopped(t *testing.T) {
	site, base, dirs := lookDirs(t)
	want := wantItems(site, 60)
	for name, dir := range dirs {
		t.Run(name, func(t *testing.T) {
			before := tree(t, dir)
			was, err := Inspect(dir)
			if err != nil {
				t.Fatal(err)
			}
			one, two := filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "new", "two")
			if err := os.Mkdir(one, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(Snapshot(t.Context(), dir, one), Snapshot(t.Context(), one, two)); err != nil {
				t.Fatal(err)
			}
			if after := tree(t, dir); !slices.Equal(before, after) {
				t.Errorf("the snapshot has changed\n%v\nto\n%v", before, after)
			}
			for _, d := range []string{two, dir, one} { // in any order: each stands by itself
				checkDir(t, d)
				is, err := Inspect(d)
				if err != nil || is.State != was.State || is.Stats.Pages != was.Stats.Pages || is.Stats.Pending != was.Stats.Pending {
					t.Errorf("the copy is %+v, was %+v, %v", is, was, err)
				}
				if name == "failed" {
					if n, err := Requeue(t.Context(), d, nil); err != nil || int64(n) != was.Stats.Failed {
						t.Errorf("requeued %d, %v", n, err)
					}
				}
				finishes(t, base, d, want)
			}
			if info, err := os.Stat(one); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("the copy's mode: %v, %v", info.Mode(), err)
			}
		})
	}
}

// finishes resumes a crawl of lookSpider without its fault.
func finishes(t *testing.T, base, dir string, want []string) {
	t.Helper()
	if _, err := Requeue(t.Context(), dir, nil); err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), siteSpider(base), CrawlDir(dir), OnDamage(Refuse))
	if err != nil || r.Status != Finished {
		t.Fatalf("resume %s: %+v, %v", dir, r, err)
	}
	checkDir(t, dir)
	if got := gotItems(t, r); !slices.Equal(got, want) {
		t.Errorf("resumed to %d items, want %d", len(got), len(want))
	}
}

// TestSnapshotRunning copies a crawl again and again while it runs, at random
// instants, and resumes each copy.
func TestSnapshotRunning(t *testing.T) {
	pages, copies := 100, 5
	if *longFlag {
		pages, copies = 2000, 200
	}
	t.Logf("seed %d", *seedFlag)
	site, base := testsite.Start(t, testsite.Config{Seed: *seedFlag, Pages: pages, RedirectRate: 0.2, Login: true})
	dir := filepath.Join(t.TempDir(), "crawl")
	rng := rand.New(rand.NewPCG(*seedFlag, 7))
	at := map[int]bool{}
	for len(at) < copies {
		at[1+rng.IntN(pages-1)] = true
	}
	s := siteSpider(base)
	parse := s.Parse
	var mu sync.Mutex
	var taken []string
	seen := 0
	s.Parse = func(ctx context.Context, page *Response, out *Output) error {
		mu.Lock()
		seen++
		wanted, dest := at[seen], filepath.Join(filepath.Dir(dir), fmt.Sprint("copy-", seen))
		mu.Unlock()
		if wanted { // the other pages go on
			if err := Snapshot(ctx, dir, dest); err != nil {
				t.Errorf("snapshot %s: %v", dest, err)
			}
			mu.Lock()
			taken = append(taken, dest)
			mu.Unlock()
		}
		return parse(ctx, page, out)
	}
	r, err := Run(t.Context(), s, CrawlDir(dir), Interval(1e6), func(o *options) { o.groupPages = 3 })
	if err != nil || r.Status != Finished {
		t.Fatalf("%+v, %v", r, err)
	}
	want := wantItems(site, pages)
	if got := gotItems(t, r); !slices.Equal(got, want) {
		t.Errorf("the crawl itself has %d items, want %d", len(got), len(want))
	}
	for _, d := range taken {
		checkDir(t, d)
		i, err := Inspect(d)
		if err != nil || i.State != StateInterrupted || i.Stats.Items == int64(len(want)) {
			t.Errorf("%s: %+v, %v", d, i, err)
		}
		if info, err := os.Stat(filepath.Join(d, "items.jsonl")); err == nil && info.Size() != i.Stats.ItemBytes {
			t.Errorf("%s: %d bytes of items were copied, %d were committed", d, info.Size(), i.Stats.ItemBytes)
		}
		finishes(t, base, d, want)
	}
	if len(taken) != copies {
		t.Errorf("%d snapshots, want %d", len(taken), copies)
	}
}

// TestSnapshotSeveral takes snapshots at the same time, some of them to one place.
func TestSnapshotSeveral(t *testing.T) {
	site, base := testsite.Start(t, testsite.Config{Seed: 3, Pages: 60})
	dir := filepath.Join(t.TempDir(), "crawl")
	s := siteSpider(base)
	parse := s.Parse
	var once sync.Once
	dests := map[string]int{}
	s.Parse = func(ctx context.Context, page *Response, out *Output) error {
		once.Do(func() {
			var wait sync.WaitGroup
			var mu sync.Mutex
			for i := range 8 {
				dest := filepath.Join(filepath.Dir(dir), fmt.Sprint("copy-", i/2))
				wait.Go(func() {
					err := Snapshot(ctx, dir, dest)
					if err != nil && !strings.Contains(err.Error(), "exist") && !strings.Contains(err.Error(), "in use") {
						t.Errorf("snapshot: %v", err)
					}
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						dests[dest]++
					}
				})
			}
			wait.Wait()
		})
		return parse(ctx, page, out)
	}
	if _, err := Run(t.Context(), s, CrawlDir(dir)); err != nil {
		t.Fatal(err)
	}
	checkDir(t, dir)
	if len(dests) != 4 {
		t.Errorf("snapshots made: %v", dests)
	}
	for dest, n := range dests {
		if n != 1 {
			t.Errorf("%s was made %d times", dest, n)
		}
		finishes(t, base, dest, wantItems(site, 60))
	}
}

// TestSnapshotDamaged makes no copy of a stopped crawl whose last line is damaged.
func TestSnapshotDamaged(t *testing.T) {
	dir, dest := filepath.Join(t.TempDir(), "crawl"), filepath.Join(t.TempDir(), "copy")
	web := conPages(map[string]string{conHost + "/": conLinks("/1", "/2"), conHost + "/1": ""})
	conRun(t, conSpider(web), CrawlDir(dir), MaxPages(2))
	name := filepath.Join(dir, "items.jsonl")
	log, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	log[len(log)-3] ^= 1
	if err := os.WriteFile(name, log, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Snapshot(t.Context(), dir, dest); !errors.Is(err, ErrDamaged) {
		t.Errorf("copied: %v", err)
	}
	if _, err := os.Stat(dest); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a copy: %v", err)
	}
}

// TestSnapshotRefused asks for snapshots that cannot be.
func TestSnapshotRefused(t *testing.T) {
	_, base := testsite.Start(t, testsite.Config{Seed: 3, Pages: 20})
	top := t.TempDir()
	dir := filepath.Join(top, "crawl")
	full, file, link := filepath.Join(top, "full"), filepath.Join(top, "file"), filepath.Join(top, "link")
	err := errors.Join(os.MkdirAll(filepath.Join(full, "x"), 0o700), os.WriteFile(file, nil, 0o600), os.Symlink(dir, link))
	if err != nil {
		t.Fatal(err)
	}
	refused := func(ctx context.Context) {
		for dest, says := range map[string]string{
			full:                          "already exist",
			file:                          "exist",
			dir:                           "inside the crawl directory",
			filepath.Join(dir, "below"):   "inside the crawl directory",
			filepath.Join(link, "a", "b"): "inside the crawl directory",
			"/proc/none/copy":             "/proc/none",
		} {
			err := Snapshot(ctx, dir, dest)
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("to %s: %v, want %q", dest, err, says)
			}
			if strings.Contains(fmt.Sprint(err), "\n") {
				t.Errorf("to %s: several lines: %v", dest, err)
			}
		}
	}
	if err := Snapshot(t.Context(), dir, filepath.Join(top, "copy")); !errors.Is(err, ErrNoCrawl) {
		t.Errorf("no crawl: %v", err)
	}
	s := siteSpider(base)
	s.OnStart = func(ctx context.Context, _ StartInfo) error {
		refused(ctx)
		return nil
	}
	r, err := Run(t.Context(), s, CrawlDir(dir), MaxPages(10))
	if err != nil || r.Status != Paused {
		t.Fatalf("after refusals: %+v, %v", r, err)
	}
	refused(t.Context())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Snapshot(ctx, dir, filepath.Join(top, "copy")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(top, "*"))
	slices.Sort(left)
	if want := []string{dir, file, full, link}; err != nil || !slices.Equal(left, want) {
		t.Errorf("refusals have left %v, want %v, %v", left, want, err)
	}
	checkDir(t, dir)
}

// snapshotDisk is a disk in memory with an interrupted crawl of the fault tests.
func snapshotDisk(t *testing.T) *vfs.MemFS {
	t.Helper()
	disk := vfs.NewCrashableMem()
	if _, err := Run(t.Context(), fastSpider(newFaultServer(false)), faultFS(disk), MaxPages(12)); err != nil {
		t.Fatal(err)
	}
	return disk
}

// TestSnapshotFaults makes each operation on the disk fail, and cuts the power after
// each: dest is whole or not there, and the crawl is untouched.
func TestSnapshotFaults(t *testing.T) {
	const dest = "/disk/copy"
	for _, cause := range []error{syscall.ENOSPC, syscall.EIO} {
		made := false
		for k := int64(1); !made; k++ {
			disk := snapshotDisk(t)
			f := &fault{k: k, cause: cause, stays: true, match: func(op errorfs.Op) bool {
				return op.Kind.ReadOrWrite() == errorfs.OpIsWrite
			}}
			err := snapshot(t.Context(), errorfs.Wrap(disk, f), faultDir, dest)
			if made = f.hits.Load() == 0; made != (err == nil) || err != nil && !errors.Is(err, cause) {
				t.Fatalf("operation %d: %v", k, err)
			}
			cut := disk.CrashClone(vfs.CrashCloneCfg{})
			for _, left := range []*vfs.MemFS{disk, cut} {
				checkFS(t, left, faultDir)
				if _, err := left.Stat(dest); err == nil {
					checkFS(t, left, dest)
				} else if made {
					t.Errorf("operation %d: a snapshot that was made is not there: %v", k, err)
				}
			}
			// What is left of it is no obstacle.
			if err := snapshot(t.Context(), disk, faultDir, "/disk/again"); err != nil {
				t.Errorf("operation %d: again: %v", k, err)
			}
			if t.Failed() {
				t.Fatalf("operation %d", k)
			}
			if made {
				t.Logf("%v: %d operations", cause, k-1)
			}
		}
	}
}

// TestSnapshotPowerLoss cuts the power before every write, and takes the snapshot again.
func TestSnapshotPowerLoss(t *testing.T) {
	const dest = "/disk/copy"
	disk := snapshotDisk(t)
	log, _ := unstopped(t, false)
	rng := rand.New(rand.NewPCG(*seedFlag, 5))
	var points []*vfs.MemFS
	var mu sync.Mutex
	fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			mu.Lock()
			defer mu.Unlock()
			points = append(points, disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng}))
		}
		return nil
	}))
	if err := snapshot(t.Context(), fs, faultDir, dest); err != nil {
		t.Fatal(err)
	}
	for i, p := range append(points, disk) {
		if _, err := p.Stat(dest); errors.Is(err, os.ErrNotExist) {
			if err := snapshot(t.Context(), p, faultDir, dest); err != nil {
				t.Fatalf("point %d of %d: %v", i, len(points), err)
			}
		}
		checkFS(t, p, dest)
		if i%5 == 0 {
			r, err := Run(t.Context(), fastSpider(newFaultServer(false)), faultFS(p), func(o *options) { o.dir = dest }, OnDamage(Refuse))
			if err != nil || r.Status != Finished {
				t.Fatalf("point %d: resume: %+v, %v", i, r, err)
			}
			checkFS(t, p, dest)
			if got := readDisk(t, p, dest+"/items.jsonl"); got != string(log) {
				t.Errorf("point %d: items are\n%s\nthey must be\n%s", i, got, log)
			}
		}
		if t.Failed() {
			t.Fatalf("point %d of %d, seed %d", i, len(points), *seedFlag)
		}
	}
}

func readDisk(t *testing.T, fs vfs.FS, name string) string {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return string(data)
}
