package pebblestore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/clew-crawler/clew/frontier"
)

// partialSuffix ends the name under which a snapshot is built.
const partialSuffix = ".partial"

// Snapshot copies the crawl to dest, where nothing may be but an empty folder: as
// the last commit left it if store, which may go on committing, is its store, or as
// it stands if store is nil, since nobody runs it. The copy is built beside dest
// and renamed when it is durable, so dest is whole or not there.
func (d *Directory) Snapshot(ctx context.Context, store *Store, dest string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("snapshot of %s: %w", d.path, explain(d.fs, dest, err))
		}
	}()
	if err := d.Held(); err != nil {
		return err
	}
	id, found, err := d.Identity()
	switch {
	case err != nil:
		return err
	case !found:
		return fmt.Errorf("%w: it has no crawl.json", ErrAbsent)
	}
	if err := errors.Join(d.Damage(), d.vacant(dest)); err != nil {
		return err
	}
	// Its own lock keeps two snapshots from building in one place.
	p, err := openDirectory(d.fs, dest+partialSuffix, id.Spider)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if err := errors.Join(d.fill(ctx, p, store, id), d.Held()); err != nil {
		return errors.Join(err, d.fs.RemoveAll(p.path))
	}
	// Only the folder of an empty dest is removed by this.
	if err := d.fs.Remove(dest); err != nil && !errors.Is(err, os.ErrNotExist) {
		return errors.Join(err, d.fs.RemoveAll(p.path))
	}
	if err := d.fs.Rename(p.path, dest); err != nil {
		return errors.Join(err, d.fs.RemoveAll(p.path))
	}
	return syncDir(d.fs, d.fs.PathDir(dest))
}

// vacant refuses a dest that holds something or is a part of the crawl directory.
func (d *Directory) vacant(dest string) error {
	if onDisk(d.fs) && within(dest, d.path) {
		return fmt.Errorf("%s is inside the crawl directory", dest)
	}
	info, err := d.fs.Stat(dest)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s: %w", dest, os.ErrExist)
	}
	names, err := d.fs.List(dest)
	if err == nil && len(names) > 0 {
		err = fmt.Errorf("%s: %w, and is not empty", dest, os.ErrExist)
	}
	return err
}

// within reports whether path is dir or below it, whatever links lead there.
func within(path, dir string) bool {
	rel, err := filepath.Rel(resolved(dir), resolved(path))
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// resolved follows the links in that part of a path that is there.
func resolved(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	rest := ""
	for there := path; ; there = filepath.Dir(there) {
		if real, err := filepath.EvalSymlinks(there); err == nil {
			return filepath.Join(real, rest)
		}
		if there == filepath.Dir(there) {
			return path
		}
		rest = filepath.Join(filepath.Base(there), rest)
	}
}

// fill builds the copy in p: the frontier first, since it says how much of the item
// log belongs to it, and the identity last.
func (d *Directory) fill(ctx context.Context, p *Directory, store *Store, id Identity) error {
	if err := p.clear(); err != nil { // what a snapshot that was killed has left
		return err
	}
	if store != nil {
		if err := store.checkpoint(ctx, p.file(frontierName)); err != nil {
			return err
		}
	} else if err := d.copyFrontier(ctx, p); err != nil {
		return err
	}
	if err := d.copyItems(ctx, p); err != nil {
		return err
	}
	if store == nil {
		if err := d.copyReport(ctx, p); err != nil {
			return err
		}
	}
	return p.SetIdentity(id)
}

// copyReport copies the report of a finished crawl.
func (d *Directory) copyReport(ctx context.Context, p *Directory) error {
	info, err := d.fs.Stat(d.file(reportName))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return copyFile(ctx, d.fs, d.file(reportName), p.file(reportName), info.Size())
}

// clear removes everything but the lock.
func (d *Directory) clear() error {
	names, err := d.fs.List(d.path)
	for _, name := range names {
		if err == nil && name != lockName {
			err = d.fs.RemoveAll(d.file(name))
		}
	}
	return err
}

// copyFrontier copies the files of a frontier that nobody has open. Tables never
// change, so links to them will do.
func (d *Directory) copyFrontier(ctx context.Context, p *Directory) error {
	from, to := d.file(frontierName), p.file(frontierName)
	names, err := d.fs.List(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := d.fs.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, name := range names {
		old, dest := d.fs.PathJoin(from, name), d.fs.PathJoin(to, name)
		info, err := d.fs.Stat(old)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, ".sst") && d.fs.Link(old, dest) == nil {
			continue
		}
		if err := copyFile(ctx, d.fs, old, dest, info.Size()); err != nil {
			return err
		}
	}
	return syncDir(d.fs, to)
}

// copyItems copies as much of the item log as belongs to the frontier in p, and sees
// that they fit.
func (d *Directory) copyItems(ctx context.Context, p *Directory) error {
	length, err := d.ItemsSize()
	if err != nil {
		return err
	}
	books, begun, err := p.books()
	if err != nil {
		return err
	}
	if begun {
		length = books.ItemBytes
	}
	if length > 0 {
		if err := copyFile(ctx, d.fs, d.file(itemsName), p.file(itemsName), length); err != nil {
			return err
		}
	}
	if !begun {
		return nil
	}
	copied, err := p.Store(Options{ReadOnly: true, checkLog: true})
	if err != nil {
		return err
	}
	return copied.Close()
}

// books reads the books of a frontier that is still without its item log; there are
// none if nothing was committed yet, and after an end without failures.
func (d *Directory) books() (b frontier.Books, begun bool, err error) {
	if there, err := d.HasFrontier(); err != nil || !there {
		return b, false, err
	}
	s := newStore(d.fs, d.path, true)
	type answer struct {
		books frontier.Books
		begun bool
	}
	read := make(chan answer, 1) // a call that is given up may still answer
	err = s.guard(func() error {
		b, begun, err := s.readBooks(d.file(frontierName))
		read <- answer{b, begun}
		return err
	})
	if err != nil {
		return b, false, err
	}
	a := <-read
	return a.books, a.begun, nil
}

// readBooks opens a frontier for no more than its books.
func (s *Store) readBooks(name string) (b frontier.Books, begun bool, err error) {
	db, err := pebble.Open(name, s.options(Options{ReadOnly: true, CacheBytes: 1 << 20}))
	if errors.Is(err, pebble.ErrDBDoesNotExist) {
		return b, false, nil
	}
	if err != nil {
		return b, false, fmt.Errorf("open frontier: %w", classify(incomplete(err)))
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	data, closer, err := db.Get([]byte{prefixBooks})
	if errors.Is(err, pebble.ErrNotFound) {
		return b, false, nil
	}
	if err != nil {
		return b, false, fmt.Errorf("read books: %w", classify(err))
	}
	if err := json.Unmarshal(data, &b); err != nil {
		return b, false, errors.Join(fmt.Errorf("%w: books cannot be read: %w", frontier.ErrDamaged, err), closer.Close())
	}
	return b, true, closer.Close()
}

// copyChunk is how much is copied before the context is looked at.
const copyChunk = 64 << 20

// copyFile copies the first n bytes of a file, durably. On the machine's file system
// the kernel does it, without the bytes where it can.
func copyFile(ctx context.Context, fs vfs.FS, from, to string, n int64) (err error) {
	src, err := openSource(fs, from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	dest, err := createDest(fs, to)
	if err != nil {
		return err
	}
	for left := n; left > 0 && err == nil; left -= copyChunk {
		if err = context.Cause(ctx); err == nil {
			_, err = io.CopyN(dest, src, min(left, copyChunk))
		}
	}
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %s has less than %d bytes", frontier.ErrDamaged, from, n)
	}
	if err == nil {
		err = dest.Sync()
	}
	return errors.Join(err, dest.Close())
}

func openSource(fs vfs.FS, name string) (io.ReadCloser, error) {
	if onDisk(fs) {
		return os.Open(name) //nolint:gosec // in the user's crawl directory
	}
	return fs.Open(name)
}

func createDest(fs vfs.FS, name string) (interface {
	io.WriteCloser
	Sync() error
}, error,
) {
	if onDisk(fs) {
		return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // likewise
	}
	return fs.Create(name, category)
}

// checkpoint writes the frontier as of a commit to dir, while commits go on.
func (s *Store) checkpoint(ctx context.Context, dir string) error {
	end, err := s.beginRead()
	if err != nil {
		return err
	}
	s.gate.one.Lock()
	s.gate.ctx.Store(&ctx)
	done := make(chan error, 1)
	go func() {
		defer end()
		defer s.gate.one.Unlock()
		defer s.gate.ctx.Store(nil)
		done <- survived(func() error {
			// A flush leaves little in the log, which commits wait for while it is copied.
			if err := s.db.Flush(); err != nil {
				return err
			}
			return s.db.Checkpoint(dir, pebble.WithFlushedWAL())
		})
	}()
	select {
	case err := <-done:
		return errors.Join(err, s.failed())
	case <-s.poisoned:
		return s.failure
	}
}

// A gate keeps commits apart from snapshots where they would meet: in Pebble's log.
type gate struct {
	one sync.Mutex // one snapshot at a time
	log sync.RWMutex
	ctx atomic.Pointer[context.Context] // of the snapshot under way
}

// foreign reports whether a file belongs to a snapshot, and not to the frontier. That
// one cannot be written is no failure of the store.
func (e engineFS) foreign(name string) bool {
	own := e.PathJoin(e.store.dir, frontierName)
	return e.store.gate.ctx.Load() != nil && name != own && e.PathDir(name) != own
}

// createForeign creates a file of a snapshot, unless it was given up.
func (e engineFS) createForeign(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if ctx := e.store.gate.ctx.Load(); ctx != nil {
		if err := context.Cause(*ctx); err != nil {
			return nil, err
		}
	}
	return e.FS.Create(name, c)
}

// Link makes Pebble copy a table where it may not be linked.
func (e engineFS) Link(from, to string) error {
	err := e.FS.Link(from, to)
	if errors.Is(err, os.ErrPermission) {
		return &os.LinkError{Op: "link", Old: from, New: to, Err: syscall.EXDEV}
	}
	return err
}

// Open lets a snapshot read a log that nobody is writing to: half of a write in the
// middle of a log would be damage, where at its end it is none.
func (e engineFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	if e.store.gate.ctx.Load() == nil || !strings.HasSuffix(name, ".log") {
		return e.FS.Open(name, opts...)
	}
	e.store.gate.log.Lock()
	f, err := e.FS.Open(name, opts...)
	if err != nil {
		e.store.gate.log.Unlock()
		return nil, err
	}
	return &stillLog{File: f, free: sync.OnceFunc(e.store.gate.log.Unlock)}, nil
}

// stillLog is a log to which nothing is written until it is closed.
type stillLog struct {
	vfs.File

	free func()
}

func (f *stillLog) Close() error {
	defer f.free()
	return f.File.Close()
}
