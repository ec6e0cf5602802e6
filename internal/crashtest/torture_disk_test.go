package crashtest

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A smallDisk is a file system of its own that can be filled up.
type smallDisk struct{ path string }

// disksAllowed reports whether this process may mount file systems.
func disksAllowed(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() != 0 {
		return false
	}
	dir := t.TempDir()
	return syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m") == nil && syscall.Unmount(dir, 0) == nil
}

// mountDisk mounts a small disk until the test ends.
func mountDisk(t *testing.T, root string) *smallDisk {
	t.Helper()
	d := &smallDisk{filepath.Join(root, "disk")}
	if err := os.Mkdir(d.path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", d.path, "tmpfs", 0, "size=96m"); err != nil {
		t.Fatalf("mount a small disk: %v", err)
	}
	return d
}

// unmount takes the disk away, with all that is on it.
func (d *smallDisk) unmount() error { return syscall.Unmount(d.path, syscall.MNT_DETACH) }

// ballast is the file that fills the disk.
func (d *smallDisk) ballast() string { return filepath.Join(d.path, "ballast") }

// fill leaves so many bytes of the disk free.
func (d *smallDisk) fill(tb testing.TB, free int64) {
	tb.Helper()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(d.path, &fs); err != nil {
		tb.Fatal(err)
	}
	f, err := os.Create(d.ballast())
	if err != nil {
		tb.Fatal(err)
	}
	left := int64(fs.Bavail)*fs.Bsize - free
	if err := syscall.Fallocate(int(f.Fd()), 0, 0, max(left, 1)); err != nil {
		tb.Fatalf("fill the disk: %v", err)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
}

// empty gives the space back.
func (d *smallDisk) empty(tb testing.TB) {
	tb.Helper()
	if err := os.Remove(d.ballast()); err != nil {
		tb.Fatal(err)
	}
}
