package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/clew-crawler/clew/frontier"
)

// failing fails matching operations from the k-th on until it is healed.
type failing struct {
	is     func(op errorfs.OpKind) bool
	name   string // part of the file's name
	k      int64
	cause  error
	seen   atomic.Int64
	healed atomic.Bool
}

func (f *failing) String() string { return "failing" }

func (f *failing) MaybeError(op errorfs.Op) error {
	if f.healed.Load() || !f.is(op.Kind) || !strings.Contains(filepath.Base(op.Path), f.name) || f.seen.Add(1) < f.k {
		return nil
	}
	return &os.PathError{Op: "fail", Path: op.Path, Err: f.cause}
}

func writes(op errorfs.OpKind) bool {
	return op == errorfs.OpFileWrite || op == errorfs.OpFileWriteAt || op == errorfs.OpCreate || op == errorfs.OpReuseForWrite
}

func syncs(op errorfs.OpKind) bool {
	return op == errorfs.OpFileSync || op == errorfs.OpFileSyncData || op == errorfs.OpFileSyncTo || op == errorfs.OpFileFlush
}

// TestFaults fails the disk under a store that flushes, compacts and changes its
// logs all the time. It runs in a process of its own, since a store whose disk
// failed is abandoned with whatever Pebble was doing.
func TestFaults(t *testing.T) {
	const child = "CLEW_TEST_FAULTS"
	if os.Getenv(child) == "" {
		args := []string{"-test.run=^TestFaults$", "-test.v", fmt.Sprintf("-test.short=%v", testing.Short())}
		cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
		cmd.Env = append(os.Environ(), child+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	ok := t.Run("all", func(t *testing.T) {
		for _, f := range []struct {
			what string
			is   func(errorfs.OpKind) bool
			name string
			max  int64
		}{
			{"table write", writes, ".sst", 20},
			{"table sync", syncs, ".sst", 4},
			{"wal write", writes, ".log", 100},
			{"wal sync", syncs, ".log", 60},
			{"manifest write", writes, "MANIFEST", 8},
			{"manifest sync", syncs, "MANIFEST", 8},
			{"folder sync", syncs, frontierName, 8},
			{"items write", writes, itemsName, 40},
			{"items sync", syncs, itemsName, 40},
		} {
			for _, cause := range []error{syscall.ENOSPC, syscall.EIO} {
				t.Run(fmt.Sprintf("%s/%v", f.what, cause), func(t *testing.T) {
					t.Parallel()
					step := max(f.max/4, 1)
					if testing.Short() {
						step = f.max
					}
					for k := int64(1); k <= f.max; k += step {
						commitUntilFault(t, &failing{is: f.is, name: f.name, k: k, cause: cause})
					}
				})
			}
		}
	})
	if ok {
		os.Exit(0) // past the search for goroutines that are left
	}
}

// commitUntilFault commits until the disk fails and checks that what was
// acknowledged is there after a kill and after a power cut.
func commitUntilFault(t *testing.T, f *failing) {
	t.Helper()
	disk := vfs.NewCrashableMem()
	if err := makeDir(disk, "/crawl"); err != nil {
		t.Fatal(err)
	}
	s, err := open(errorfs.Wrap(disk, f), "/crawl", Options{MemTableBytes: 256 << 10})
	acknowledged := -1
	var begin time.Time
	rng := rand.New(rand.NewPCG(5, 6))
	for n := 0; err == nil && n < 60; n++ {
		begin = time.Now()
		if err = s.Commit(context.Background(), faultBatch(rng, n)); err == nil {
			acknowledged = n
		}
	}
	if err == nil {
		begin = time.Now()
		err = s.Close()
	} else if s != nil {
		err = errors.Join(err, s.Close())
	}
	if d := time.Since(begin); acknowledged >= 0 && d > 2*time.Second {
		t.Errorf("%s %d: it took %v to give up", f.name, f.k, d)
	}
	killed := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rng})
	cut := disk.CrashClone(vfs.CrashCloneCfg{})
	if f.healed.Store(true); err != nil && !errors.Is(err, f.cause) {
		t.Errorf("%s %d: it failed with %v", f.name, f.k, err)
	}
	for name, left := range map[string]*vfs.MemFS{"kill": killed, "power cut": cut} {
		s, err := open(left, "/crawl", Options{})
		if err != nil {
			t.Errorf("%s %d: open after a %s: %v", f.name, f.k, name, err)
			continue
		}
		if got := int(s.books.NextSeq) - 1; got < acknowledged || got > acknowledged+1 {
			t.Errorf("%s %d: after a %s there are %d commits, %d were acknowledged", f.name, f.k, name, got, acknowledged)
		}
		if err := errors.Join(s.Check(context.Background()), s.Close()); err != nil {
			t.Errorf("%s %d: after a %s: %v", f.name, f.k, name, err)
		}
	}
}

// faultBatch is the n-th commit: a value that does not compress and, but for the
// first commit, which only begins a run, an item.
func faultBatch(rng *rand.Rand, n int) *frontier.Batch {
	data := make([]byte, 0, 16<<10)
	for len(data) < cap(data) {
		data = binary.LittleEndian.AppendUint64(data, rng.Uint64())
	}
	b := &frontier.Batch{
		Values: []frontier.Value{{Kind: "k", Key: fmt.Sprint(n % 40), Data: data}},
		Books:  frontier.Books{Run: 1, NextSeq: uint64(n + 1), Items: int64(n), ItemBytes: int64(n) * 10},
	}
	if n > 0 {
		b.Lines = fmt.Appendf(nil, "{\"n\":%03d}\n", n)
	}
	return b
}

// TestMarkers checks that a power cut never leaves a marker without the manifest
// that it names, nor a frontier without a marker.
func TestMarkers(t *testing.T) {
	disk := vfs.NewCrashableMem()
	if err := makeDir(disk, "/crawl"); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 8))
	var mu sync.Mutex // of what follows, and of crashRNG
	crashRNG := rand.New(rand.NewPCG(9, 10))
	var crashed []*vfs.MemFS
	fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if strings.HasSuffix(op.Path, frontierName) || strings.Contains(op.Path, "marker") {
			mu.Lock()
			defer mu.Unlock()
			for range 5 {
				crashed = append(crashed, disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: crashRNG}))
			}
		}
		return nil
	}))
	for run := range 3 {
		s, err := open(fs, "/crawl", Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.Commit(t.Context(), faultBatch(rng, run)), s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for i, disk := range crashed {
		s, err := open(disk, "/crawl", Options{})
		if err != nil {
			t.Fatalf("crash %d of %d: %v", i, len(crashed), err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
