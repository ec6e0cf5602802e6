package clew

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A diskOp is one operation on a file system, of any kind.
type diskOp struct {
	kind string // create, open, read, write, sync, rename, remove, link, mkdir, list, stat, close, lock
	path string
}

func (o diskOp) String() string { return o.kind + " " + o.path }

// A countedDisk does one operation after the other and numbers those that begin while
// it is armed.
type countedDisk struct {
	vfs.FS
	mem *vfs.MemFS
	// before is called with the lock held, once it was armed; its error fails the
	// operation. n is the last number given, and counts says that it is this one's.
	before func(n int, counts bool, op diskOp) error

	mu    sync.Mutex
	armed bool
	n     int
}

func newCountedDisk(mem *vfs.MemFS) *countedDisk {
	mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 42})
	return &countedDisk{FS: mem, mem: mem, before: func(int, bool, diskOp) error { return nil }}
}

// errShort makes a write stop half-way for want of space.
var errShort = fmt.Errorf("short write: %w", syscall.ENOSPC)

func (d *countedDisk) do(kind, path string, call func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.armed {
		d.n++
	}
	if d.n > 0 {
		if err := d.before(d.n, d.armed, diskOp{kind, path}); err != nil {
			return err
		}
	}
	return call()
}

func (d *countedDisk) file(kind, path string, open func() (vfs.File, error)) (vfs.File, error) {
	var f vfs.File
	if err := d.do(kind, path, func() (err error) { f, err = open(); return err }); err != nil {
		return nil, err
	}
	return countedFile{f, d, path}, nil
}

func (d *countedDisk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.file("create", name, func() (vfs.File, error) { return d.FS.Create(name, c) })
}

func (d *countedDisk) Open(name string, _ ...vfs.OpenOption) (vfs.File, error) {
	return d.file("open", name, func() (vfs.File, error) { return d.FS.Open(name) })
}

func (d *countedDisk) OpenReadWrite(name string, c vfs.DiskWriteCategory, _ ...vfs.OpenOption) (vfs.File, error) {
	return d.file("create", name, func() (vfs.File, error) { return d.FS.OpenReadWrite(name, c) })
}

func (d *countedDisk) OpenDir(name string) (vfs.File, error) {
	return d.file("open", name, func() (vfs.File, error) { return d.FS.OpenDir(name) })
}

func (d *countedDisk) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.file("rename", from, func() (vfs.File, error) { return d.FS.ReuseForWrite(from, to, c) })
}

func (d *countedDisk) Link(from, to string) error {
	return d.do("link", from, func() error { return d.FS.Link(from, to) })
}

func (d *countedDisk) Rename(from, to string) error {
	return d.do("rename", from, func() error { return d.FS.Rename(from, to) })
}

func (d *countedDisk) Remove(name string) error {
	return d.do("remove", name, func() error { return d.FS.Remove(name) })
}

func (d *countedDisk) RemoveAll(name string) error {
	return d.do("remove", name, func() error { return d.FS.RemoveAll(name) })
}

func (d *countedDisk) MkdirAll(name string, mode os.FileMode) error {
	return d.do("mkdir", name, func() error { return d.FS.MkdirAll(name, mode) })
}

func (d *countedDisk) List(name string) (names []string, err error) {
	err = d.do("list", name, func() (err error) { names, err = d.FS.List(name); return err })
	return names, err
}

func (d *countedDisk) Stat(name string) (info vfs.FileInfo, err error) {
	err = d.do("stat", name, func() (err error) { info, err = d.FS.Stat(name); return err })
	return info, err
}

func (d *countedDisk) Lock(name string) (c io.Closer, err error) {
	err = d.do("lock", name, func() (err error) { c, err = d.FS.Lock(name); return err })
	return c, err
}

func (d *countedDisk) Unwrap() vfs.FS { return d.FS }

type countedFile struct {
	vfs.File
	disk *countedDisk
	path string
}

func (f countedFile) Read(p []byte) (n int, err error) {
	err = f.disk.do("read", f.path, func() (err error) { n, err = f.File.Read(p); return err })
	return n, err
}

func (f countedFile) ReadAt(p []byte, at int64) (n int, err error) {
	err = f.disk.do("read", f.path, func() (err error) { n, err = f.File.ReadAt(p, at); return err })
	return n, err
}

func (f countedFile) Write(p []byte) (n int, err error) {
	err = f.disk.do("write", f.path, func() (err error) { n, err = f.File.Write(p); return err })
	if errors.Is(err, errShort) {
		n, _ = f.File.Write(p[:len(p)/2]) // what it says is what errShort says
	}
	return n, err
}

func (f countedFile) WriteAt(p []byte, at int64) (n int, err error) {
	err = f.disk.do("write", f.path, func() (err error) { n, err = f.File.WriteAt(p, at); return err })
	if errors.Is(err, errShort) {
		n, _ = f.File.WriteAt(p[:len(p)/2], at) // likewise
	}
	return n, err
}

func (f countedFile) Preallocate(at, length int64) error {
	return f.disk.do("write", f.path, func() error { return f.File.Preallocate(at, length) })
}

func (f countedFile) Stat() (info vfs.FileInfo, err error) {
	err = f.disk.do("stat", f.path, func() (err error) { info, err = f.File.Stat(); return err })
	return info, err
}

func (f countedFile) Sync() error     { return f.disk.do("sync", f.path, f.File.Sync) }
func (f countedFile) SyncData() error { return f.disk.do("sync", f.path, f.File.SyncData) }

func (f countedFile) SyncTo(length int64) (full bool, err error) {
	err = f.disk.do("sync", f.path, func() (err error) { full, err = f.File.SyncTo(length); return err })
	return full, err
}

// Close closes the file also when it is to fail, as the kernel does.
func (f countedFile) Close() error {
	err := f.disk.do("close", f.path, func() error { return nil })
	return errors.Join(err, f.File.Close())
}

// A failing is a way in which an operation can fail.
type failing struct {
	name  string
	cause error
	stays bool   // all later ones fail, too
	kinds string // that can fail so, empty for all
}

var failings = []failing{
	{name: "EIO once", cause: syscall.EIO},
	{name: "EIO staying", cause: syscall.EIO, stays: true},
	{name: "ENOSPC once", cause: syscall.ENOSPC, kinds: "create write sync mkdir rename link"},
	{name: "ENOSPC staying", cause: syscall.ENOSPC, kinds: "create write sync mkdir rename link", stays: true},
	{name: "short write", cause: errShort, kinds: "write"},
	{name: "failed syncs", cause: syscall.EIO, kinds: "sync", stays: true},
}

func (f *failing) fits(op diskOp) bool {
	return f.kinds == "" || slices.Contains(strings.Fields(f.kinds), op.kind)
}

// A failedOp makes the k-th operation of a disk fail.
type failedOp struct {
	*failing
	k  int               // the place of the operation among all
	is func(diskOp) bool // if set, the place is among these, however the others come

	// With the lock of the disk:
	healed bool
	hit    diskOp // the first that failed
	when   time.Time
	met    int // of those that is names
}

func (f *failedOp) before(n int, counts bool, op diskOp) error {
	if f.is != nil {
		if counts = counts && f.is(op); counts {
			f.met++
		}
		n = f.met
	}
	now := n == f.k && counts || f.stays && f.hit != (diskOp{})
	if !now || f.healed || !f.fits(op) {
		return nil
	}
	if f.hit == (diskOp{}) {
		f.hit, f.when = op, time.Now()
	}
	return &os.PathError{Op: op.kind, Path: op.path, Err: f.cause}
}

// crashModes are the ways in which a crash can leave a disk.
var crashModes = []string{"kill", "power cut", "power cut with a part kept"}

// crash is what a crash leaves of the disk at this moment. The lock is held.
func (d *countedDisk) crash(mode string, rng *rand.Rand) (*vfs.MemFS, error) {
	switch mode {
	case "power cut":
		return d.mem.CrashClone(vfs.CrashCloneCfg{}), nil
	case "power cut with a part kept":
		return d.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 1 + rng.IntN(99), RNG: rng}), nil
	}
	left := d.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rng})
	return left, prune(left, d.mem, "/")
}

// prune takes away from a clone what the disk has no more. The clone keeps it since its
// removal was not synced, but a kill undoes no removal.
func prune(left, disk vfs.FS, dir string) error {
	names, err := left.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		path := left.PathJoin(dir, name)
		info, err := disk.Stat(path)
		switch {
		case errors.Is(err, os.ErrNotExist):
			err = left.RemoveAll(path)
		case err == nil && info.IsDir():
			err = prune(left, disk, path)
		}
		if err != nil {
			return err
		}
	}
	d, err := left.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
