package clew

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A damageState is a crawl directory as a stop left it, and as an earlier one did.
type damageState struct {
	name        string
	disk, older *vfs.MemFS
	rich        bool // with a page that fails
	log         []byte
	books       string
}

func damageSpider(rich bool) *Spider {
	spider := fastSpider(newFaultServer(rich))
	spider.Concurrency = 1
	return spider
}

func damageClone(disk *vfs.MemFS) *vfs.MemFS {
	return disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
}

// damageStates are crawls that were paused, killed, and finished with and without a
// page that failed. Each had been paused once before.
func damageStates(t *testing.T) []damageState {
	t.Helper()
	var states []damageState
	for _, s := range []damageState{
		{name: "paused"}, {name: "killed"}, {name: "finished"}, {name: "finished with failures", rich: true},
	} {
		whole := vfs.NewCrashableMem()
		r, err := Run(t.Context(), damageSpider(s.rich), faultFS(whole))
		if err != nil || r.Status != Finished {
			t.Fatalf("the crawl that is not stopped: %v, %v", r, err)
		}
		s.log, s.books = faultLog(t, whole), faultBooks(r)
		s.disk = vfs.NewCrashableMem()
		if _, err := Run(t.Context(), damageSpider(s.rich), faultFS(s.disk), MaxPages(9)); err != nil {
			t.Fatal(err)
		}
		s.older = damageClone(s.disk)
		spider, opts := damageSpider(s.rich), []Option{faultFS(s.disk)}
		var killed *vfs.MemFS
		switch s.name {
		case "paused":
			opts = append(opts, MaxPages(9))
		case "killed":
			parse, pages := spider.Parse, 0
			spider.Parse = func(ctx context.Context, page *Response, out *Output) error {
				if pages++; pages == 14 {
					killed = damageClone(s.disk)
				}
				return parse(ctx, page, out)
			}
		}
		if _, err := Run(t.Context(), spider, opts...); err != nil {
			t.Fatal(err)
		}
		if killed != nil {
			s.disk = killed
		}
		states = append(states, s)
	}
	return states
}

// A damage is something that happened to one file.
type damage struct {
	how   string
	apply func(t *testing.T, fs vfs.FS, path string)
}

func damageTo(how string, change func(data []byte) []byte) damage {
	return damage{how, func(t *testing.T, fs vfs.FS, path string) {
		t.Helper()
		damageWrite(t, fs, path, change(damageFiles(t, fs, path[:strings.LastIndexByte(path, '/')])[path]))
	}}
}

// damages are those of one file: all of them, or a sample.
func damages(files, older map[string][]byte, name string, rng *rand.Rand) []damage {
	data := files[name]
	garbage := make([]byte, len(data)) // both policies see the same
	for i := range garbage {
		garbage[i] = byte(rng.Uint32())
	}
	all := []damage{
		damageTo("emptied", func([]byte) []byte { return nil }),
		damageTo("garbage of its length", func([]byte) []byte { return garbage }),
		damageTo("zeros of its length", func(data []byte) []byte { return make([]byte, len(data)) }),
		damageTo("garbage added", func(data []byte) []byte { return append(data, "garbage"...) }),
		{"removed", func(t *testing.T, fs vfs.FS, path string) {
			t.Helper()
			if err := fs.Remove(path); err != nil {
				t.Fatal(err)
			}
		}},
		{"a folder", func(t *testing.T, fs vfs.FS, path string) {
			t.Helper()
			if err := errors.Join(fs.Remove(path), fs.MkdirAll(path, 0o700)); err != nil {
				t.Fatal(err)
			}
		}},
	}
	if old, ok := older[name]; ok && !bytes.Equal(old, data) {
		all = append(all, damageTo("an older version", func([]byte) []byte { return old }))
	}
	for _, other := range slices.Sorted(maps.Keys(files)) {
		if other != name && (*longFlag || rng.IntN(4) == 0) {
			all = append(all, damageTo("replaced by "+path.Base(other), func([]byte) []byte { return files[other] }))
		}
	}
	flips, cuts := 3, 2
	if *longFlag {
		flips, cuts = len(data), len(data)
	}
	for i := range flips {
		at := i
		if !*longFlag && len(data) > 0 {
			at = rng.IntN(len(data))
		}
		bit := byte(1) << rng.IntN(8)
		if at < len(data) {
			all = append(all, damageTo(fmt.Sprintf("byte %d turned by %#x", at, bit), func(data []byte) []byte {
				data[at] ^= bit
				return data
			}))
		}
	}
	for i := range cuts {
		if len(data) > 0 && (!*longFlag || i%3 == 0) {
			to := rng.IntN(len(data))
			all = append(all, damageTo(fmt.Sprintf("cut to %d bytes", to), func(data []byte) []byte { return data[:to] }))
		}
	}
	return all
}

// damageKind is the kind of a file in a crawl directory.
func damageKind(name string) string {
	name = path.Base(name)
	switch kind, _, _ := strings.Cut(name, "-"); {
	case strings.HasSuffix(name, ".log"):
		return "write-ahead log"
	case strings.HasSuffix(name, ".sst"):
		return "table"
	case strings.HasPrefix(name, "marker"):
		return "marker"
	default:
		return kind
	}
}

type damageCount struct{ cases, harmless, atOpen, later, refused int }

// TestDamage damages each file of a crawl directory in each way. The crawl then ends
// as if nothing had happened, or the damage is found: with Refuse all bytes are as
// they were, and otherwise the crawl is set aside whole and begun anew.
func TestDamage(t *testing.T) {
	rng := rand.New(rand.NewPCG(*seedFlag, 7))
	for _, s := range damageStates(t) {
		t.Run(s.name, func(t *testing.T) {
			counts := map[string]*damageCount{}
			files, older := damageFiles(t, s.disk, faultDir), damageFiles(t, s.older, faultDir)
			for _, name := range slices.Sorted(maps.Keys(files)) {
				kind := damageKind(name)
				if counts[kind] == nil {
					counts[kind] = &damageCount{}
				}
				for _, d := range damages(files, older, name, rng) {
					t.Run(strings.TrimPrefix(name, faultDir+"/")+"/"+d.how, func(t *testing.T) {
						damageCase(t, &s, name, d, counts[kind])
					})
				}
			}
			t.Logf("seed %d\n%-18s %7s %9s %8s %7s %8s", *seedFlag, "file", "cases", "harmless", "at open", "later", "refused")
			for _, kind := range slices.Sorted(maps.Keys(counts)) {
				c := counts[kind]
				t.Logf("%-18s %7d %9d %8d %7d %8d", kind, c.cases, c.harmless, c.atOpen, c.later, c.refused)
			}
		})
	}
}

// damageCase runs a damaged crawl under both policies.
func damageCase(t *testing.T, s *damageState, name string, d damage, n *damageCount) {
	t.Helper()
	n.cases++
	spoil := func() *vfs.MemFS {
		fs := damageClone(s.disk)
		d.apply(t, fs, name)
		return fs
	}
	began := time.Now()
	defer func() {
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("it took %v", took)
		}
	}()
	fs := spoil()
	before := damageFiles(t, fs, faultDir)
	c, err := Open(damageSpider(s.rich), faultFS(fs), OnDamage(Refuse))
	opened := err == nil
	var r *Result
	if opened {
		r, err = c.Run(t.Context())
	}
	switch {
	case err == nil:
		n.harmless++
		damageSame(t, s, r, fs)
		return
	case opened && errors.Is(err, ErrDamaged):
		n.later++
	case opened:
		t.Errorf("the run failed with %v", err)
	case errors.Is(err, ErrDamaged):
		n.atOpen++
	default:
		n.refused++
	}
	if !opened {
		damageUntouched(t, before, damageFiles(t, fs, faultDir), "")
	}
	if opened || errors.Is(err, ErrDamaged) {
		damageSetAside(t, s, spoil(), opened)
	}
}

// damageSame checks that a crawl ended as one that was never stopped.
func damageSame(t *testing.T, s *damageState, r *Result, fs vfs.FS) {
	t.Helper()
	if got := faultBooks(r); got != s.books {
		t.Errorf("books are   %s\nthey must be %s", got, s.books)
	}
	got := faultLog(t, fs)
	if same := bytes.Equal(got, s.log); !same && !s.rich || !slices.Equal(faultLines(got), faultLines(s.log)) { // retries come when they come
		t.Errorf("items are\n%s\nthey must be\n%s", got, s.log)
	}
}

// damageSetAside runs a damaged crawl again until it is done.
func damageSetAside(t *testing.T, s *damageState, fs *vfs.MemFS, late bool) {
	t.Helper()
	before := damageFiles(t, fs, faultDir)
	r, err := Run(t.Context(), damageSpider(s.rich), faultFS(fs))
	if late && errors.Is(err, ErrDamaged) {
		fs = damageClone(fs) // another process: this one keeps the lock
		r, err = Run(t.Context(), damageSpider(s.rich), faultFS(fs))
	}
	if err != nil {
		t.Errorf("setting aside: %v", err)
		return
	}
	damageSame(t, s, r, fs)
	names, err := fs.List(faultDir)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(names, func(name string) bool { return strings.HasSuffix(name, "-damaged") })
	if i < 0 {
		t.Errorf("nothing was set aside, the directory holds %v", names)
		return
	}
	if !late {
		damageUntouched(t, before, damageFiles(t, fs, faultDir+"/"+names[i]), "/"+names[i])
	}
}

// damageUntouched checks that all bytes are as they were, but for the lock.
func damageUntouched(t *testing.T, before, after map[string][]byte, below string) {
	t.Helper()
	for name, data := range before {
		rest := strings.TrimPrefix(name, faultDir)
		if now, ok := after[faultDir+below+rest]; rest != "/LOCK" && (!ok || !bytes.Equal(now, data)) {
			t.Errorf("%s is not as it was: there %v, %d bytes of %d", rest, ok, len(now), len(data))
		}
	}
}
