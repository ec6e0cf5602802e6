package pebblestore

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/gofrs/flock"

	"github.com/clew-crawler/clew/frontier"
)

// Names of what stands in a crawl directory.
const (
	lockName     = "LOCK"
	identityName = "crawl.json"
	frontierName = "frontier"
	itemsName    = "items.jsonl"
	reportName   = "report.json"
	removedName  = "frontier.removed" // a frontier on its way out
	damagedName  = "damaged"          // what a run found wrong that opening does not see
	scratchName  = "frontier-scratch" // for the moment in which such a file has a name
)

// Format is the number of the on-disk format that this code writes. A directory
// with a higher one is refused; one with a lower one would be upgraded at open.
const Format = 1

// Errors of a directory.
var (
	ErrLocked = errors.New("crawl directory is in use")
	ErrFormat = errors.New("crawl directory has a newer format")
	ErrAbsent = errors.New("not a crawl directory")
	// ErrStillOpen says that the storage engine did not close in time, so that the
	// directory's files may not be moved before the process has ended.
	ErrStillOpen = errors.New("the storage engine is still at work, run it again")
)

// A Holder names the process that has a directory's lock.
type Holder struct {
	PID    int       `json:"pid"`
	Host   string    `json:"host"`
	Spider string    `json:"spider"`
	Since  time.Time `json:"since"`
}

// A Directory is a crawl directory, locked by this process.
type Directory struct {
	fs     vfs.FS
	path   string
	unlock func() error
	locked os.FileInfo // the lock; nil on another file system, and of one that is only looked at
	stuck  bool        // a store could not be opened, and may still be at work
	store  *Store      // the last one that was opened
}

// OpenDirectory creates the directory if need be and locks it. If another
// process has it, the error is [ErrLocked] and names the holder. A relative path is one
// of the present working directory, whatever that is later.
func OpenDirectory(path, spider string) (*Directory, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open crawl directory: %w", err)
	}
	return openDirectory(diskFS{vfs.Default}, path, spider)
}

// OpenDirectoryFS is [OpenDirectory] on another file system, for fault tests.
func OpenDirectoryFS(fs vfs.FS, path, spider string) (*Directory, error) {
	return openDirectory(fs, path, spider)
}

func openDirectory(fs vfs.FS, path, spider string) (*Directory, error) {
	if info, err := fs.Stat(path); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("open crawl directory: %s is a file", path)
	}
	if err := makeDir(fs, path); err != nil {
		return nil, fmt.Errorf("create crawl directory: %w", explain(fs, path, err))
	}
	d := &Directory{fs: fs, path: path}
	if err := d.lock(spider); err != nil {
		return nil, err
	}
	if err := d.finishSetAside(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if _, err := d.completeSalvage(time.Now()); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// OpenDirectoryReadOnly opens an existing crawl directory for looking at it. It
// waits for nobody: if a process runs the crawl, the error is [ErrLocked].
func OpenDirectoryReadOnly(path string) (*Directory, error) {
	d := &Directory{fs: diskFS{vfs.Default}, path: path}
	name := d.file(lockName)
	l := flock.New(name, flock.SetFlag(os.O_RDONLY|os.O_CREATE), flock.SetPermissions(0o600))
	got, err := l.TryRLock()
	if err != nil {
		return nil, fmt.Errorf("lock crawl directory: %w", err)
	}
	if !got {
		return nil, fmt.Errorf("%w: %s: %s", ErrLocked, path, describeHolder(name))
	}
	d.unlock = l.Unlock
	return d, nil
}

// Discard deletes everything that stands for the crawl. The identity goes last, so
// that a directory half discarded can be discarded again.
func (d *Directory) Discard() error {
	for _, names := range [][]string{
		{reportName, frontierName, removedName, damagedName, scratchName, itemsName}, {identityName},
	} {
		for _, name := range names {
			if err := d.fs.RemoveAll(d.file(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("discard crawl: %w", err)
			}
		}
		if err := syncDir(d.fs, d.path); err != nil {
			return fmt.Errorf("discard crawl: %w", err)
		}
	}
	return nil
}

// lock takes the kernel's lock, which goes with the process however it ends.
func (d *Directory) lock(spider string) error {
	name := d.file(lockName)
	if !onDisk(d.fs) {
		closer, err := d.fs.Lock(name)
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrLocked, d.path, err)
		}
		d.unlock = closer.Close
		return nil
	}
	// For writing, since an overlay gives a file another identity when that begins.
	l := flock.New(name, flock.SetFlag(os.O_RDWR|os.O_CREATE), flock.SetPermissions(0o600))
	got, err := l.TryLock()
	if err != nil {
		return fmt.Errorf("lock crawl directory: %w", err)
	}
	if !got {
		return fmt.Errorf("%w: %s: %s", ErrLocked, d.path, describeHolder(name))
	}
	d.unlock = l.Unlock
	if d.locked, err = l.Stat(); err != nil {
		return errors.Join(fmt.Errorf("lock crawl directory: %w", err), l.Unlock())
	}
	if err := d.Held(); err != nil { // somebody removed it just now
		return errors.Join(err, l.Unlock())
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	data, err := json.Marshal(Holder{PID: os.Getpid(), Host: host, Spider: spider, Since: time.Now().UTC()})
	if err == nil {
		err = os.WriteFile(name, append(data, '\n'), 0o600) // in place: the lock is on this very file
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", name, explain(d.fs, d.path, err)), l.Unlock())
	}
	return nil
}

// Held returns an error if the directory at the path is no longer the one that was
// locked, which happens when it is moved, deleted or replaced: what stands there may be
// another process's, and must not be written to.
func (d *Directory) Held() error {
	if d.locked == nil {
		return nil
	}
	now, err := os.Stat(d.file(lockName))
	switch {
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("look at the lock of the crawl directory: %w", err)
	case err != nil || !os.SameFile(now, d.locked):
		return fmt.Errorf("crawl directory %s was moved, replaced or its lock removed while it was in use", d.path)
	}
	return nil
}

func describeHolder(name string) string {
	var h Holder
	data, err := os.ReadFile(name) //nolint:gosec // the user's own directory
	if err != nil || json.Unmarshal(data, &h) != nil {
		return "another process holds its lock"
	}
	text := fmt.Sprintf("process %d on %s runs spider %q there since %s",
		h.PID, h.Host, h.Spider, h.Since.Local().Format(time.DateTime))
	if host, err := os.Hostname(); err == nil && h.Host == host && h.PID == os.Getpid() {
		text += " (this process; if that run has failed, the directory may be in use until the process ends)"
	}
	return text
}

func (d *Directory) file(name string) string { return d.fs.PathJoin(d.path, name) }

// Path returns the directory's path, which is absolute on the machine's file system.
func (d *Directory) Path() string { return d.path }

// ItemsPath returns the path of the item log.
func (d *Directory) ItemsPath() string { return d.file(itemsName) }

// Close gives the lock back, unless the storage engine may still be at work: then it
// stays held until the process ends.
func (d *Directory) Close() error {
	if d.stuck || d.store != nil && !d.store.view && d.store.Failed() && !d.store.Gone() {
		return nil
	}
	if err := d.unlock(); err != nil {
		return fmt.Errorf("unlock crawl directory: %w", err)
	}
	return nil
}

// Store opens the frontier and the item log.
func (d *Directory) Store(o Options) (*Store, error) {
	s, err := open(d.fs, d.path, o)
	if err != nil {
		d.stuck = d.stuck || errors.Is(err, ErrStillOpen) && !o.ReadOnly
		return nil, err
	}
	d.store, s.held = s, d.Held
	return s, nil
}

// Scratch opens an empty file for about so many bytes that need not outlive the process. It
// has no name any more, so nothing is left of it however the process ends. It is refused if
// the disk had less left than the file takes: what is free is there for the crawl.
func (d *Directory) Scratch(bytes int64) (frontier.Scratch, error) {
	if err := d.Held(); err != nil {
		return nil, err
	}
	if usage, err := d.fs.GetDiskUsage(d.path); err == nil && usage.AvailBytes < 2*uint64(bytes) {
		return nil, fmt.Errorf("%s has %d bytes free, too few for a file of %d beside the crawl", d.path, usage.AvailBytes, bytes)
	}
	name := d.file(scratchName)
	f, err := d.fs.Create(name, category)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", name, explain(d.fs, d.path, err))
	}
	if err := d.fs.Remove(name); err != nil {
		return nil, errors.Join(fmt.Errorf("remove the name of %s: %w", name, err), f.Close())
	}
	return f, nil
}

// NoteDamage keeps what a run found damaged, where opening does not look, for the
// next one.
func (d *Directory) NoteDamage(found error) error {
	cause := strings.ReplaceAll(firstLine(found), frontier.ErrDamaged.Error()+": ", "")
	if err := writeFile(d.fs, d.file(damagedName), []byte(cause+"\n")); err != nil {
		return fmt.Errorf("write %s: %w", d.file(damagedName), explain(d.fs, d.path, err))
	}
	return nil
}

// Damage returns what [Directory.NoteDamage] kept, as damage, and nil if there is nothing.
func (d *Directory) Damage() error {
	data, err := readFile(d.fs, d.file(damagedName))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("read %s: %w", d.file(damagedName), err)
	}
	return fmt.Errorf("%w: found earlier: %s", frontier.ErrDamaged, strings.TrimSpace(string(data)))
}

// HasFrontier reports whether the frontier is there: not before the first commit, nor
// after an end without failures.
func (d *Directory) HasFrontier() (bool, error) {
	there, err := exists(d.fs, d.file(frontierName))
	if err != nil {
		return false, fmt.Errorf("look for the frontier: %w", err)
	}
	return there, nil
}

// RemoveFrontier deletes the frontier of a finished crawl. It is renamed first,
// so that half a frontier never stands in its place. It may be called again.
func (d *Directory) RemoveFrontier() error {
	if err := d.Held(); err != nil {
		return fmt.Errorf("remove frontier: %w", err)
	}
	old, gone := d.file(frontierName), d.file(removedName)
	there, err := exists(d.fs, old)
	if err == nil && there {
		if err = d.fs.RemoveAll(gone); err == nil {
			err = d.fs.Rename(old, gone)
		}
		if err == nil {
			err = syncDir(d.fs, d.path)
		}
	}
	if err == nil {
		err = d.fs.RemoveAll(gone)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove frontier: %w", explain(d.fs, d.path, err))
	}
	return nil
}
