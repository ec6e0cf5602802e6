package pebblestore

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
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

// An Identity says what a crawl directory is.
type Identity struct {
	Format  int       `json:"format"`
	Spider  string    `json:"spider"`
	Recipe  string    `json:"recipe"` // how requests are fingerprinted
	Created time.Time `json:"created"`
}

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
}

// OpenDirectory creates the directory if need be and locks it. If another
// process has it, the error is [ErrLocked] and names the holder.
func OpenDirectory(path, spider string) (*Directory, error) {
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

// ReadIdentity reads what a directory is, without its lock.
func ReadIdentity(path string) (id Identity, found bool, err error) {
	d := &Directory{fs: diskFS{vfs.Default}, path: path}
	return d.Identity()
}

// Discard deletes everything that stands for the crawl. The identity goes last, so
// that a directory half discarded can be discarded again.
func (d *Directory) Discard() error {
	for _, name := range []string{reportName, frontierName, removedName, damagedName, itemsName, identityName} {
		if err := d.fs.RemoveAll(d.file(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("discard crawl: %w", err)
		}
	}
	return syncDir(d.fs, d.path)
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
	l := flock.New(name, flock.SetPermissions(0o600))
	got, err := l.TryLock()
	if err != nil {
		return fmt.Errorf("lock crawl directory: %w", err)
	}
	if !got {
		return fmt.Errorf("%w: %s: %s", ErrLocked, d.path, describeHolder(name))
	}
	d.unlock = l.Unlock
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

func describeHolder(name string) string {
	var h Holder
	data, err := os.ReadFile(name) //nolint:gosec // the user's own directory
	if err != nil || json.Unmarshal(data, &h) != nil {
		return "another process holds its lock"
	}
	return fmt.Sprintf("process %d on %s runs spider %q there since %s",
		h.PID, h.Host, h.Spider, h.Since.Local().Format(time.DateTime))
}

func (d *Directory) file(name string) string { return d.fs.PathJoin(d.path, name) }

// Path returns the directory's path as given.
func (d *Directory) Path() string { return d.path }

// CheckItems compares the length of the item log with what a report states.
func (d *Directory) CheckItems(length int64) error {
	if length == 0 {
		return nil
	}
	info, err := d.fs.Stat(d.file(itemsName))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w: %s is missing, %d bytes were committed", frontier.ErrDamaged, d.file(itemsName), length)
	case err != nil:
		return fmt.Errorf("look at items: %w", err)
	case info.Size() < length:
		return fmt.Errorf("%w: %s has %d bytes, %d were committed", frontier.ErrDamaged, d.file(itemsName), info.Size(), length)
	}
	return nil
}

// ItemsPath returns the path of the item log.
func (d *Directory) ItemsPath() string { return d.file(itemsName) }

// Close gives the lock back.
func (d *Directory) Close() error {
	if err := d.unlock(); err != nil {
		return fmt.Errorf("unlock crawl directory: %w", err)
	}
	return nil
}

// Identity reads what the directory is; found is false for a new one.
func (d *Directory) Identity() (id Identity, found bool, err error) {
	data, err := readFile(d.fs, d.file(identityName))
	if errors.Is(err, os.ErrNotExist) {
		return id, false, nil
	}
	if err != nil {
		return id, false, fmt.Errorf("read %s: %w", d.file(identityName), err)
	}
	return parseIdentity(d.file(identityName), data)
}

func parseIdentity(name string, data []byte) (id Identity, found bool, err error) {
	if err := json.Unmarshal(data, &id); err != nil || id.Format < 1 {
		return id, true, fmt.Errorf("%w: %s cannot be read", frontier.ErrDamaged, name)
	}
	if id.Format > Format {
		return id, true, fmt.Errorf("%w: %s says format %d, this program knows up to %d: use a newer one",
			ErrFormat, name, id.Format, Format)
	}
	return id, true, nil
}

// SetIdentity writes what the directory is.
func (d *Directory) SetIdentity(id Identity) error {
	data, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return fmt.Errorf("encode identity: %w", err)
	}
	if err := writeFile(d.fs, d.file(identityName), append(data, '\n')); err != nil {
		return fmt.Errorf("write %s: %w", d.file(identityName), explain(d.fs, d.path, err))
	}
	return nil
}

// Store opens the frontier and the item log.
func (d *Directory) Store(o Options) (*Store, error) { return open(d.fs, d.path, o) }

// Report returns the report of a finished crawl, nil if it is not finished.
func (d *Directory) Report() ([]byte, error) {
	data, err := readFile(d.fs, d.file(reportName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.file(reportName), err)
	}
	return data, nil
}

// NoteDamage keeps what a run found damaged, where opening does not look, for the
// next one.
func (d *Directory) NoteDamage(found error) error {
	if err := writeFile(d.fs, d.file(damagedName), []byte(found.Error()+"\n")); err != nil {
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
	return fmt.Errorf("%w: found by an earlier run: %s", frontier.ErrDamaged, strings.TrimSpace(string(data)))
}

// Finish writes the report, which makes the crawl a finished one.
func (d *Directory) Finish(report []byte) error {
	if err := writeFile(d.fs, d.file(reportName), report); err != nil {
		return fmt.Errorf("write %s: %w", d.file(reportName), explain(d.fs, d.path, err))
	}
	return nil
}

// RemoveReport makes a finished crawl one that is not, for its failed requests to be
// put back.
func (d *Directory) RemoveReport() error {
	err := d.fs.Remove(d.file(reportName))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = syncDir(d.fs, d.path)
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", d.file(reportName), err)
	}
	return nil
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

// SetAside moves everything that stands for the crawl into a new folder below the
// directory, whole and never deleted, and returns the folder's path. why becomes
// part of its name.
func (d *Directory) SetAside(why string, now time.Time) (string, error) {
	base := strings.NewReplacer(":", "", "-", "").Replace(now.UTC().Format("2006-01-02T15:04:05")) + "-" + why
	dest := d.file(base)
	for n := 2; ; n++ {
		taken, err := exists(d.fs, dest)
		if err != nil {
			return "", fmt.Errorf("set crawl aside: %w", explain(d.fs, d.path, err))
		}
		if !taken {
			break
		}
		dest = d.file(fmt.Sprintf("%s-%d", base, n))
	}
	if err := d.fs.MkdirAll(dest, 0o700); err != nil {
		return "", fmt.Errorf("set crawl aside: %w", explain(d.fs, d.path, err))
	}
	// The identity goes last: until then a crash leaves a directory that is still recognised.
	for _, name := range []string{reportName, itemsName, frontierName, removedName, damagedName, identityName} {
		err := d.fs.Rename(d.file(name), d.fs.PathJoin(dest, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("set crawl aside: %w", explain(d.fs, d.path, err))
		}
	}
	if err := errors.Join(syncDir(d.fs, dest), syncDir(d.fs, d.path)); err != nil {
		return "", fmt.Errorf("set crawl aside: %w", explain(d.fs, d.path, err))
	}
	return dest, nil
}
