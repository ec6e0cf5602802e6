package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/clew-crawler/clew/frontier"
)

// engineFS is what Pebble writes through. It keeps Pebble from what would end the
// process or lose a commit when the disk fails: errors that Pebble panics at, in
// goroutines of its own or holding locks that are not its to give back, are fatal
// to the store instead, see [Store.fatal]. Once the disk has failed no file is
// created any more, which also ends Pebble's endless retries on a full one.
type engineFS struct {
	vfs.FS
	store *Store
}

// markerPrefix begins the names of the files that say what is in force.
const markerPrefix = "marker."

// Create makes durable what a marker refers to before there is the marker, which
// names the manifest in force: Pebble syncs the folder once for both, and after a
// power cut the marker alone may be left.
func (e engineFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if e.foreign(name) {
		return e.createForeign(name, c)
	}
	if err := e.store.failed(); err != nil && !errors.Is(err, frontier.ErrDamaged) {
		e.store.fatal(err) // damage is no reason: such a store can be closed
	}
	if err := e.settle(name); err != nil {
		return nil, e.late("settle", name, err)
	}
	f, err := e.FS.Create(name, c)
	if strings.HasSuffix(name, ".sst") {
		e.store.flushing.Store(true)
		return f, err
	}
	return e.wrap(name, f, err)
}

// late makes an error fatal for which Pebble would give up opening though it is at
// work in the background already: it closes its caches then while that work goes on in
// them, which ends in a panic.
func (e engineFS) late(what, name string, err error) error {
	if err != nil && e.atWork() {
		e.store.fatal(fmt.Errorf("%s %s: %w", what, name, err))
	}
	return err
}

// atWork reports that Pebble flushes while it opens.
func (e engineFS) atWork() bool { return e.store.flushing.Load() && !e.store.opened.Load() }

// List is one of the last steps of opening.
func (e engineFS) List(dir string) ([]string, error) {
	names, err := e.FS.List(dir)
	return names, e.late("list", dir, err)
}

// Rename puts the options in their place.
func (e engineFS) Rename(from, to string) error {
	return e.late("rename", from, e.FS.Rename(from, to))
}

// ReuseForWrite is how Pebble begins a log in the file of an old one.
func (e engineFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := e.FS.ReuseForWrite(from, to, c)
	return e.wrap(to, f, err)
}

// wrap makes every failure of a write-ahead log fatal, and of what is written when
// it is too late to give up opening.
func (e engineFS) wrap(name string, f vfs.File, err error) (vfs.File, error) {
	if !strings.HasSuffix(name, ".log") && !e.atWork() {
		return f, err
	}
	w := engineFile{f, name, e.store}
	return w, w.check("create", err)
}

// Remove makes the new marker durable before the old one goes: a frontier without
// a marker would be taken for a new one.
func (e engineFS) Remove(name string) error {
	if err := e.settle(name); err != nil {
		return e.late("settle", name, err)
	}
	err := e.FS.Remove(name)
	if strings.HasPrefix(e.PathBase(name), markerPrefix) {
		return e.late("remove", name, err)
	}
	return err // Pebble goes on without
}

func (e engineFS) settle(name string) error {
	if !strings.HasPrefix(e.PathBase(name), markerPrefix) {
		return nil
	}
	return syncDir(e.FS, e.PathDir(name))
}

// OpenDir gives a folder whose failed syncs are fatal.
func (e engineFS) OpenDir(name string) (vfs.File, error) {
	f, err := e.FS.OpenDir(name)
	if err != nil || e.foreign(name) {
		return f, err
	}
	return engineFile{f, name, e.store}, nil
}

// Lock does nothing. The crawl directory's lock covers the frontier, and Pebble's own
// would stay behind when closing a damaged store fails half way.
func (e engineFS) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// Unwrap is part of [vfs.FS].
func (e engineFS) Unwrap() vfs.FS { return e.FS }

// engineFile is a log or a folder. None of its failures gets to Pebble.
type engineFile struct {
	vfs.File
	name  string
	store *Store
}

func (f engineFile) check(what string, err error) error {
	if err != nil {
		f.store.fatal(fmt.Errorf("%s %s: %w", what, f.name, err))
	}
	return err
}

func (f engineFile) Write(p []byte) (int, error) {
	f.store.gate.log.RLock()
	defer f.store.gate.log.RUnlock()
	n, err := f.File.Write(p)
	return n, f.check("write", err)
}

func (f engineFile) Sync() error     { return f.check("sync", f.File.Sync()) }
func (f engineFile) SyncData() error { return f.check("sync", f.File.SyncData()) }
func (f engineFile) Close() error    { return f.check("close", f.File.Close()) }

func (f engineFile) SyncTo(length int64) (bool, error) {
	full, err := f.File.SyncTo(length)
	return full, f.check("sync", err)
}

// engineLogger takes Pebble's messages and fatal errors.
type engineLogger struct {
	log   *slog.Logger
	fatal func(error)
}

func (l engineLogger) Infof(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("storage engine", "event", fmt.Sprintf(format, args...))
	}
}

func (l engineLogger) Errorf(format string, args ...any) {
	l.log.Error("storage engine", "event", fmt.Sprintf(format, args...))
}

func (l engineLogger) Fatalf(format string, args ...any) {
	err := fmt.Errorf("storage engine: %s", fmt.Sprintf(format, args...))
	for _, a := range args {
		if cause, ok := a.(error); ok {
			err = fmt.Errorf("storage engine: %w", cause)
		}
	}
	l.fatal(err)
}
