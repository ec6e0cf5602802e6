package clew

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/store/pebblestore"
)

// TestSalvageSound salvages crawls that nothing is wrong with: they stay as they are.
func TestSalvageSound(t *testing.T) {
	for _, s := range damageStates(t) {
		before := damageFiles(t, s.disk, faultDir)
		r, err := salvageFS(t.Context(), s.disk, faultDir)
		if err != nil || !r.Sound || r.Spider != "faults" || len(r.Lost) > 0 {
			t.Errorf("%s: %+v, %v", s.name, r, err)
		}
		if after := damageFiles(t, s.disk, faultDir); !maps.EqualFunc(before, after, bytes.Equal) {
			t.Errorf("%s: its files were changed", s.name)
		}
	}
	if _, err := salvageFS(t.Context(), vfs.NewMem(), faultDir); !errors.Is(err, ErrNoCrawl) {
		t.Errorf("nothing there: %v", err)
	}
}

// TestSalvage damages each file in each way and salvages the crawl. It is sound then,
// every item that it kept is one of the crawl's, and it ends.
func TestSalvage(t *testing.T) {
	rng := rand.New(rand.NewPCG(*seedFlag, 8))
	var cases, sound, whole, partly, refused int
	for _, s := range damageStates(t) {
		files, older := damageFiles(t, s.disk, faultDir), damageFiles(t, s.older, faultDir)
		for _, name := range slices.Sorted(maps.Keys(files)) {
			for _, d := range damages(files, older, name, rng) {
				if strings.HasPrefix(d.how, "replaced") {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/%s", s.name, strings.TrimPrefix(name, faultDir+"/"), d.how), func(t *testing.T) {
					fs := damageClone(s.disk)
					d.apply(t, fs, name)
					cases++
					r := salvageCase(t, &s, fs, d.how)
					switch {
					case r == nil:
						refused++
					case r.Sound:
						sound++
					case len(r.Lost) == 0:
						whole++
					default:
						partly++
					}
				})
			}
		}
	}
	t.Logf("seed %d: %d cases: %d sound, %d brought back, %d partly, %d refused", *seedFlag, cases, sound, whole, partly, refused)
}

// salvageCase salvages a damaged crawl and ends it. It returns nil if nothing could be
// brought back.
func salvageCase(t *testing.T, s *damageState, fs *vfs.MemFS, how string) *Salvaged {
	t.Helper()
	before := damageFiles(t, fs, faultDir)
	r, err := salvageFS(t.Context(), fs, faultDir)
	if err != nil {
		if how != "a folder" && !errors.Is(err, ErrDamaged) {
			t.Errorf("salvage: %v", err)
		}
		damageUntouched(t, before, damageFiles(t, fs, faultDir), "")
		t.Log(err)
		return nil
	}
	if r.Sound {
		damageUntouched(t, before, damageFiles(t, fs, faultDir), "")
	} else {
		damageUntouched(t, before, damageFiles(t, fs, r.Aside), strings.TrimPrefix(r.Aside, faultDir))
		if again, err := salvageFS(t.Context(), fs, faultDir); err != nil || !again.Sound {
			t.Errorf("salvaged again: %+v, %v", again, err)
		}
	}
	salvageEnds(t, s, fs, r)
	return r
}

// salvageEnds runs a salvaged crawl to its end.
func salvageEnds(t *testing.T, s *damageState, fs *vfs.MemFS, r *Salvaged) {
	t.Helper()
	opts := []Option{faultFS(fs), OnDamage(Refuse)}
	if slices.ContainsFunc(r.Lost, func(lost string) bool { return strings.HasPrefix(lost, "crawl.json") }) {
		opts = append(opts, Lenient())
	}
	spider := damageSpider(s.rich)
	if r.Spider != spider.Name && len(r.Lost) > 0 {
		return // taken as it read, and refused
	}
	result, err := Run(t.Context(), spider, opts...)
	if err != nil || result.Status != Finished {
		t.Errorf("after %q: %v, %v", r.Lost, result, err)
		return
	}
	want, got := faultLines(s.log), faultLines(faultLog(t, fs))
	if len(r.Lost) == 0 && !slices.Equal(got, want) {
		t.Errorf("everything was brought back, and items are\n%s\nthey must be\n%s", got, want)
	}
	for _, line := range got {
		if r.Doubtful == 0 && !slices.Contains(want, line) {
			t.Errorf("%q is no item of the crawl", line)
		}
	}
}

// TestSalvageFullDisk fills the disk while a salvage gathers more than fits in memory:
// it ends with an error, and goes well when there is room again.
func TestSalvageFullDisk(t *testing.T) {
	disk := vfs.NewCrashableMem()
	dir, err := pebblestore.OpenDirectoryFS(disk, faultDir, "faults")
	if err != nil {
		t.Fatal(err)
	}
	store, err := dir.Store(pebblestore.Options{})
	if err := errors.Join(err, dir.SetIdentity(pebblestore.Identity{Format: pebblestore.Format, Spider: "faults"})); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(*seedFlag, 10))
	for i := range 64 {
		batch := &frontier.Batch{Books: frontier.Books{Run: 1, NextSeq: 1}}
		for j := range 64 {
			data := fmt.Appendf(nil, "%q", strings.Repeat(fmt.Sprintf("%x", rng.Uint64()), 256))
			batch.Values = append(batch.Values, frontier.Value{Kind: frontier.KindState, Key: fmt.Sprint(i, j), Data: data})
		}
		if err := store.Commit(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(store.Close(), dir.Close()); err != nil {
		t.Fatal(err)
	}
	var table string
	before := damageFiles(t, disk, faultDir)
	for path := range before {
		if strings.HasSuffix(path, ".sst") && len(before[path]) > len(before[table]) {
			table = path
		}
	}
	before[table][len(before[table])/3] ^= 1
	damageWrite(t, disk, table, before[table])
	disk.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 42})
	full := &fault{k: 1, stays: true, cause: syscall.ENOSPC, match: func(op errorfs.Op) bool {
		return op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".sst") && strings.Contains(op.Path, "/scratch/")
	}}
	began := time.Now()
	r, err := salvageFS(t.Context(), errorfs.Wrap(disk, full), faultDir)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "42 bytes free") || time.Since(began) > 10*time.Second {
		t.Errorf("on a full disk after %v: %+v, %v", time.Since(began), r, err)
	}
	damageUntouched(t, before, damageFiles(t, disk, faultDir), "")
	full.healed.Store(true)
	disk = damageClone(disk) // another process
	if r, err := salvageFS(t.Context(), disk, faultDir); err != nil || r.Sound || r.Spider != "faults" {
		t.Errorf("with room: %+v, %v", r, err)
	}
	if err := check(t.Context(), disk, faultDir); err != nil {
		t.Errorf("check what was salvaged: %v", err)
	}
}
