package clew

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
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

// TestSalvageCrash cuts the power before every write of a salvage: the damaged crawl is
// as it was, or the salvage goes on.
func TestSalvageCrash(t *testing.T) {
	rng := rand.New(rand.NewPCG(*seedFlag, 9))
	s := damageStates(t)[0]
	log := faultDir + "/items.jsonl"
	damageTo("", func(data []byte) []byte { data[10] ^= 1; return data }).apply(t, s.disk, log)
	before := damageFiles(t, s.disk, faultDir)
	var mu sync.Mutex
	var points []*vfs.MemFS
	disk := damageClone(s.disk)
	fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			mu.Lock()
			defer mu.Unlock()
			points = append(points, disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng}))
		}
		return nil
	}))
	want, err := salvageFS(t.Context(), fs, faultDir)
	if err != nil || want.Sound || len(want.Lost) == 0 {
		t.Fatalf("%+v, %v", want, err)
	}
	for i, p := range points {
		if !*longFlag && i%3 != 0 && i < len(points)-25 {
			continue
		}
		r, err := salvageFS(t.Context(), p, faultDir)
		if err != nil {
			t.Fatalf("point %d of %d: %v", i, len(points), err)
		}
		if !r.Sound && (r.Items != want.Items || r.Pending != want.Pending || r.Known != want.Known) {
			t.Errorf("point %d: %+v, want %+v", i, r, want)
		}
		names, err := p.List(faultDir)
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(names, func(name string) bool { return strings.HasSuffix(name, "-damaged") })
		if at < 0 {
			t.Fatalf("point %d: nothing is aside: %v", i, names)
		}
		damageUntouched(t, before, damageFiles(t, p, faultDir+"/"+names[at]), "/"+names[at])
		if result, err := Run(t.Context(), damageSpider(false), faultFS(p), OnDamage(Refuse)); err != nil || result.Status != Finished {
			t.Fatalf("point %d: run: %v, %v", i, result, err)
		}
	}
	t.Logf("%d points", len(points))
}
