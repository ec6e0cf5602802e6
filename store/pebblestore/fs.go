package pebblestore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// category tells Pebble's statistics of writes that these are ours.
const category = vfs.WriteCategoryUnspecified

// diskFS is the machine's file system with files that only their owner may read,
// since requests and cookies hold secrets.
type diskFS struct{ vfs.FS }

func (d diskFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.Create(name, c)
	return private(f, name, err)
}

func (d diskFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.FS.OpenReadWrite(name, c, opts...)
	return private(f, name, err)
}

func (d diskFS) MkdirAll(dir string, _ os.FileMode) error { return os.MkdirAll(dir, 0o700) }

func (d diskFS) Unwrap() vfs.FS { return d.FS }

func private(f vfs.File, name string, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(name, 0o600); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// onDisk reports whether fs is the machine's file system.
func onDisk(fs vfs.FS) bool {
	_, ok := fs.(diskFS)
	return ok
}

// syncDir makes the entries of a directory durable.
func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	if err := d.Sync(); err != nil {
		return errors.Join(fmt.Errorf("sync directory: %w", err), d.Close())
	}
	return d.Close()
}

// makeDir makes a directory with what is missing above it, all of it durable: the
// entry of each is in the one above.
func makeDir(fs vfs.FS, path string) error {
	above := []string{fs.PathDir(path)}
	for {
		last := above[len(above)-1]
		there, err := exists(fs, last)
		if err != nil {
			return err
		}
		if next := fs.PathDir(last); !there && next != last {
			above = append(above, next)
			continue
		}
		break
	}
	if err := fs.MkdirAll(path, 0o700); err != nil {
		return err
	}
	for _, dir := range above {
		if err := syncDir(fs, dir); err != nil {
			return err
		}
	}
	return nil
}

// writeFile replaces a file in one step: after a crash it is the old or the new one.
func writeFile(fs vfs.FS, name string, data []byte) error {
	tmp := name + ".tmp"
	f, err := fs.Create(tmp, category)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := fs.Rename(tmp, name); err != nil {
		return err
	}
	return syncDir(fs, fs.PathDir(name))
}

func readFile(fs vfs.FS, name string) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(f)
	return data, errors.Join(err, f.Close())
}

func exists(fs vfs.FS, name string) (bool, error) {
	_, err := fs.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// truncate cuts a file to size. The vfs has no such call, so on another file
// system than the machine's the part that stays is copied.
func truncate(fs vfs.FS, name string, size int64) error {
	if onDisk(fs) {
		return truncateFile(filepath.Clean(name), size)
	}
	src, err := fs.Open(name)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(src, size))
	if err := errors.Join(err, src.Close()); err != nil {
		return err
	}
	return writeFile(fs, name, data)
}

func truncateFile(name string, size int64) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0) //nolint:gosec // in the user's crawl directory
	if err != nil {
		return err
	}
	if err := f.Truncate(size); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}

// explain adds what an operator needs to know about a full disk, and marks damage.
func explain(fs vfs.FS, dir string, err error) error {
	err = classify(err)
	if !isDiskFull(err) {
		return err
	}
	for there, above := "", dir; there != above; there, above = above, fs.PathDir(above) {
		if usage, uerr := fs.GetDiskUsage(above); uerr == nil { // dir may be missing yet
			return fmt.Errorf("disk full: %s has %d bytes free: %w", dir, usage.AvailBytes, err)
		}
	}
	return fmt.Errorf("disk full: %s: %w", dir, err)
}

// isDiskFull reports whether err is about space, on the disk or in a quota.
func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
