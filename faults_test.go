package clew

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/clew-crawler/clew/politeness"
)

// A fault fails the k-th matching operation of a disk, and all later ones if it
// stays, until it is healed.
type fault struct {
	match  func(op errorfs.Op) bool
	k      int64
	stays  bool
	cause  error
	seen   atomic.Int64 // matching operations so far
	hits   atomic.Int64
	healed atomic.Bool
}

func (f *fault) MaybeError(op errorfs.Op) error {
	if f.healed.Load() || !f.match(op) {
		return nil
	}
	if n := f.seen.Add(1); n < f.k || n > f.k && !f.stays {
		return nil
	}
	f.hits.Add(1)
	return &os.PathError{Op: fmt.Sprintf("operation %d", op.Kind), Path: op.Path, Err: f.cause}
}

func (f *fault) String() string { return "fault" }

func base(op errorfs.Op) string { return filepath.Base(op.Path) }

// faultKinds are the files of a crawl and what can go wrong with them.
func faultKinds() map[string]func(op errorfs.Op) bool {
	isWrite := func(op errorfs.Op) bool {
		switch op.Kind { //nolint:exhaustive // those that put data on the disk
		case errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpCreate, errorfs.OpReuseForWrite, errorfs.OpMkdirAll:
			return true
		}
		return false
	}
	isSync := func(op errorfs.Op) bool {
		switch op.Kind { //nolint:exhaustive // those that make it durable
		case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo, errorfs.OpFileFlush:
			return true
		}
		return false
	}
	named := func(is func(errorfs.Op) bool, match func(name string) bool) func(errorfs.Op) bool {
		return func(op errorfs.Op) bool { return is(op) && match(base(op)) }
	}
	suffix := func(s string) func(string) bool { return func(n string) bool { return strings.HasSuffix(n, s) } }
	prefix := func(s string) func(string) bool { return func(n string) bool { return strings.HasPrefix(n, s) } }
	folder := func(n string) bool { return n == "frontier" || n == "crawl" || n == "new" || n == "disk" }
	return map[string]func(op errorfs.Op) bool{
		"wal/write":      named(isWrite, suffix(".log")),
		"wal/sync":       named(isSync, suffix(".log")),
		"table/write":    named(isWrite, suffix(".sst")),
		"table/sync":     named(isSync, suffix(".sst")),
		"manifest/write": named(isWrite, prefix("MANIFEST")),
		"manifest/sync":  named(isSync, prefix("MANIFEST")),
		"marker":         named(isWrite, prefix("marker")),
		"items/write":    named(isWrite, suffix(".jsonl")),
		"items/sync":     named(isSync, suffix(".jsonl")),
		"json/write":     named(isWrite, suffix(".tmp")),
		"json/sync":      named(isSync, suffix(".tmp")),
		"folder/sync":    named(isSync, folder),
		"folder/make":    named(isWrite, folder),
		"rename":         func(op errorfs.Op) bool { return op.Kind == errorfs.OpRename },
		"remove": func(op errorfs.Op) bool {
			return op.Kind == errorfs.OpRemove || op.Kind == errorfs.OpRemoveAll
		},
		"anything written": isWrite,
		"anything synced":  isSync,
	}
}

// fastSpider retries without the wait, for tests on the real clock.
func fastSpider(s *faultServer) *Spider {
	spider := faultSpider(s)
	spider.Retry = politeness.Retry{Base: time.Millisecond}
	return spider
}

// unstopped is the outcome of the scripted crawl without any stop.
func unstopped(t *testing.T, rich bool) (log []byte, books string) {
	t.Helper()
	disk := vfs.NewCrashableMem()
	r, err := Run(t.Context(), fastSpider(newFaultServer(rich)), faultFS(disk))
	if err != nil || r.Status != Finished {
		t.Fatalf("the crawl that is not stopped: %v, %v", r, err)
	}
	return faultLog(t, disk), faultBooks(r)
}

// TestFaults makes each kind of operation on a disk fail, the first time, the
// second, and so on, until a crawl gets by without it.
func TestFaults(t *testing.T) {
	log, books := map[bool][]byte{}, map[bool]string{}
	for _, rich := range []bool{false, true} {
		log[rich], books[rich] = unstopped(t, rich)
	}
	for name, match := range faultKinds() {
		for _, cause := range []error{syscall.ENOSPC, syscall.EIO} {
			t.Run(fmt.Sprintf("%s/%v", name, cause), func(t *testing.T) {
				t.Parallel()
				step := int64(1)
				for k := int64(1); ; k += step {
					if testing.Short() || strings.HasPrefix(name, "anything") {
						step = 1 + k/2
					}
					f := &fault{match: match, k: k, cause: cause, stays: k%2 == 0 == errors.Is(cause, syscall.ENOSPC)}
					rich := k%4 > 1
					if !crawlWithFault(t, f, rich, log[rich], books[rich]) {
						t.Errorf("operation %d, stays %v, rich %v", k, f.stays, rich)
						return
					}
					if f.hits.Load() == 0 {
						t.Logf("%d operations", k-1)
						return
					}
				}
			})
		}
	}
}

// crawlWithFault runs a crawl on a disk that fails, and resumes it, once as after a
// kill and once as after a power cut.
func crawlWithFault(t *testing.T, f *fault, rich bool, log []byte, books string) bool {
	t.Helper()
	disk := vfs.NewCrashableMem()
	disk.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 42})
	begin := time.Now()
	saved, err := runUntilFault(errorfs.Wrap(disk, f), rich)
	elapsed := time.Since(begin)
	killed := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
	cut := disk.CrashClone(vfs.CrashCloneCfg{})
	f.healed.Store(true) // what Pebble still tries in the background may succeed now
	if elapsed > 2*time.Second {
		t.Errorf("the run ended after %v", elapsed)
	}
	if err != nil && !errors.Is(err, f.cause) {
		t.Errorf("the run ended with %v, which is no %v", err, f.cause)
	}
	if err != nil && errors.Is(f.cause, syscall.ENOSPC) &&
		(!strings.Contains(err.Error(), "disk full") || !strings.Contains(err.Error(), "/disk") || !strings.Contains(err.Error(), "42 bytes free")) {
		t.Errorf("the error of a full disk does not name path and free space: %v", err)
	}
	if err == nil && f.hits.Load() == 0 {
		return !t.Failed()
	}
	for _, left := range []*vfs.MemFS{killed, cut} {
		p := crashPoint{disk: left, saved: saved}
		if !resumeAfterCrash(t, p, rich, log, books, fastSpider) {
			return false
		}
	}
	return !t.Failed()
}

// runUntilFault runs a crawl and returns how much of its item log was committed.
func runUntilFault(fs vfs.FS, rich bool) (saved int64, err error) {
	c, err := Open(fastSpider(newFaultServer(rich)), faultFS(fs))
	if err != nil {
		return 0, err
	}
	_, err = c.Run(context.Background())
	return c.length, err
}

// shortFS cuts writes to the item log and to Pebble's log short when its time has come.
type shortFS struct {
	vfs.FS
	left *atomic.Int64
}

type shortFile struct {
	vfs.File
	left *atomic.Int64
}

func (s shortFS) wrap(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil || !strings.HasSuffix(name, ".log") && !strings.HasSuffix(name, ".jsonl") {
		return f, err
	}
	return shortFile{f, s.left}, nil
}

func (s shortFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := s.FS.Create(name, c)
	return s.wrap(name, f, err)
}

func (s shortFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	f, err := s.FS.OpenReadWrite(name, c, o...)
	return s.wrap(name, f, err)
}

func (s shortFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := s.FS.ReuseForWrite(from, to, c)
	return s.wrap(to, f, err)
}

func (s shortFile) Write(p []byte) (int, error) {
	if s.left.Add(-1) > 0 {
		return s.File.Write(p)
	}
	n, err := s.File.Write(p[:len(p)/2])
	return n, errors.Join(err, syscall.ENOSPC)
}

func (s shortFile) WriteAt(p []byte, at int64) (int, error) {
	if s.left.Add(-1) > 0 {
		return s.File.WriteAt(p, at)
	}
	n, err := s.File.WriteAt(p[:len(p)/2], at)
	return n, errors.Join(err, syscall.ENOSPC)
}

// TestShortWrites ends writes of the logs half-way, as a disk does that becomes full.
func TestShortWrites(t *testing.T) {
	log, books := unstopped(t, false)
	for k := int64(1); ; k++ {
		disk := vfs.NewCrashableMem()
		left := new(atomic.Int64)
		left.Store(k)
		saved, err := runUntilFault(shortFS{disk, left}, false)
		if left.Load() > 0 {
			t.Logf("%d writes", k-1)
			return
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("write %d cut short: the run ended with %v", k, err)
		}
		killed := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
		left.Store(1 << 40)
		if !resumeAfterCrash(t, crashPoint{disk: killed, saved: saved}, false, log, books, fastSpider) {
			t.Fatalf("write %d cut short", k)
		}
	}
}

// TestFaultWhileFetching checks that a failed disk ends a run at once though every
// page in flight takes its time.
func TestFaultWhileFetching(t *testing.T) {
	disk := vfs.NewCrashableMem()
	f := &fault{
		match: func(op errorfs.Op) bool { return op.Kind == errorfs.OpFileSync && base(op) == "items.jsonl" },
		k:     1, stays: true, cause: syscall.EIO,
	}
	spider := fastSpider(newFaultServer(true))
	parse := spider.Parse
	spider.Parse = func(ctx context.Context, page *Response, out *Output) error {
		if !strings.HasSuffix(page.URL, "/p0") {
			<-ctx.Done() // as a slow server does
			return ctx.Err()
		}
		return parse(ctx, page, out)
	}
	c, err := Open(spider, faultFS(errorfs.Wrap(disk, f)), Interval(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	begin := time.Now()
	if _, err := c.Run(ctx); !errors.Is(err, syscall.EIO) {
		t.Errorf("the run ended with %v", err)
	}
	if d := time.Since(begin); d > 2*time.Second {
		t.Errorf("the run ended after %v", d)
	}
}

// smallDisk mounts a small file system.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	mount := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", mount).CombinedOutput(); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", mount).CombinedOutput(); err != nil {
			t.Errorf("unmount: %v: %s", err, out)
		}
	})
	return mount
}

// TestFullDisk fills a real file system.
func TestFullDisk(t *testing.T) {
	mount := smallDisk(t, "3m")
	spider := func() *Spider {
		s := fastSpider(newFaultServer(false))
		parse := s.Parse
		s.Parse = func(ctx context.Context, page *Response, out *Output) error {
			out.ItemKind("filler", map[string]string{"filler": strings.Repeat("x", 200<<10)})
			return parse(ctx, page, out)
		}
		return s
	}
	dir := filepath.Join(mount, "crawl")
	begin := time.Now()
	r, err := Run(t.Context(), spider(), CrawlDir(dir), Interval(time.Millisecond))
	if err == nil {
		t.Error("the disk is not full")
	}
	checkFull(t, err, time.Since(begin), dir)
	if r == nil || r.Stats.Items == 0 {
		t.Errorf("nothing was committed before the disk was full: %+v", r)
	}
	if out, err := exec.CommandContext(t.Context(), "mount", "-o", "remount,size=64m", mount).CombinedOutput(); err != nil {
		t.Fatalf("enlarge: %v: %s", err, out)
	}
	resumeElsewhere(t, dir, spider())
}

// checkFull checks how a run on a full disk ended, if it did not get by.
func checkFull(t *testing.T, err error, took time.Duration, dir string) {
	t.Helper()
	if err != nil && (!errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "bytes free") || !strings.Contains(err.Error(), dir)) {
		t.Errorf("the run ended with %v", err)
	}
	if took > 5*time.Second {
		t.Errorf("the run ended after %v", took)
	}
}

// TestFullDiskAt fills a real file system, but for a few bytes, before a crawl begins,
// before it is resumed, when it is asked to pause and when its last page comes in.
func TestFullDiskAt(t *testing.T) {
	levels := []int64{0, 24 << 10}
	if *longFlag {
		levels = []int64{0, 4 << 10, 8 << 10, 12 << 10, 16 << 10, 24 << 10, 32 << 10, 48 << 10, 64 << 10, 128 << 10, 256 << 10, 512 << 10}
	}
	for _, when := range []string{"begin", "open", "pause", "end"} {
		for _, free := range levels {
			t.Run(fmt.Sprintf("%s/%d", when, free), func(t *testing.T) {
				t.Parallel()
				fullDiskAt(t, when, free)
			})
		}
	}
}

func fullDiskAt(t *testing.T, when string, free int64) {
	t.Helper()
	mount := smallDisk(t, "8m")
	dir, filler := filepath.Join(mount, "crawl"), filepath.Join(mount, "filler")
	spider := func() *Spider { return fastSpider(newFaultServer(false)) }
	if when == "open" {
		if r, err := Run(t.Context(), spider(), CrawlDir(dir), MaxPages(17)); err != nil || r.Status != Paused {
			t.Fatalf("pause: %v, %v", r, err)
		}
	}
	if when == "begin" || when == "open" {
		fill(t, filler, free)
	}
	s := spider()
	parse, n := s.Parse, 0
	var c *Crawl
	s.Parse = func(ctx context.Context, page *Response, out *Output) error {
		switch n++; {
		case when == "pause" && n == 17:
			fill(t, filler, free)
			c.Pause()
		case when == "end" && n == pagesOf(false):
			fill(t, filler, free)
		}
		return parse(ctx, page, out)
	}
	begin := time.Now()
	c, err := Open(s, CrawlDir(dir))
	if err == nil {
		_, err = c.Run(t.Context())
	}
	t.Logf("it ended with %v", err)
	checkFull(t, err, time.Since(begin), dir)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return // there was no room for it
	}
	resumeElsewhere(t, dir, spider())
}

// fill leaves so many bytes of a small file system.
func fill(t *testing.T, filler string, free int64) {
	f, err := os.Create(filler)
	if err != nil {
		t.Error(err)
		return
	}
	var size int64
	for block := make([]byte, 4<<10); err == nil; {
		var n int
		n, err = f.Write(block)
		size += int64(n)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	if err := errors.Join(f.Truncate(max(0, size-free)), f.Close()); err != nil {
		t.Error(err)
	}
}

// resumeElsewhere goes on in a copy of a crawl directory, as another process would
// in the directory itself, whose lock this one may keep until it ends.
func resumeElsewhere(t *testing.T, dir string, s *Spider) {
	t.Helper()
	dest := filepath.Join(t.TempDir(), "crawl")
	if err := os.CopyFS(dest, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), s, CrawlDir(dest), OnDamage(Refuse))
	if err != nil || r.Status != Finished {
		t.Fatalf("resume: %v, %v", r, err)
	}
	checkDir(t, dest)
	pages := map[string]int{}
	for item, err := range Items[faultItem](r) {
		if err != nil {
			t.Fatal(err)
		}
		if item.URL == "" {
			continue // a filler
		}
		if pages[item.URL]++; pages[item.URL] > 1 {
			t.Errorf("%s has %d items", item.URL, pages[item.URL])
		}
	}
	log, err := os.ReadFile(filepath.Join(dest, "items.jsonl"))
	if n := bytes.Count(log, []byte("\n")); err != nil || int64(n) != r.Stats.Items ||
		len(pages) != pagesOf(false)+1 || int(r.Stats.Pages) != pagesOf(false) { // and the one of ItemOnce
		t.Errorf("%d lines, %d items, %d pages of %d, error %v", n, r.Stats.Items, len(pages), r.Stats.Pages, err)
	}
}
