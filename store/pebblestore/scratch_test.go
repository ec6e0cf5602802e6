package pebblestore

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestScratch checks that a file for what need not outlive the process is written and
// read, and has no name: two do not disturb each other, and nothing is left of them.
func TestScratch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crawl")
	d, err := OpenDirectory(path, "spider")
	if err != nil {
		t.Fatal(err)
	}
	before := entries(t, path)
	stray := filepath.Join(path, scratchName) // of a process that died in that moment
	if err := os.WriteFile(stray, []byte("stray"), 0o600); err != nil {
		t.Fatal(err)
	}
	one, err := d.Scratch(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	two, err := d.Scratch(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	if got := entries(t, path); !slices.Equal(got, before) {
		t.Errorf("the directory has %v, want %v", got, before)
	}
	_, err1 := one.Write([]byte("one"))
	_, err2 := two.Write([]byte("two"))
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(io.NewSectionReader(one, 0, 10))
	if err != nil || string(got) != "one" {
		t.Errorf("read %q, %v", got, err)
	}
	if err := errors.Join(one.Close(), two.Close(), d.Close()); err != nil {
		t.Error(err)
	}
}

// TestScratchOfTheUser checks that files of common names beside a crawl stay.
func TestScratchOfTheUser(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crawl")
	d, err := OpenDirectory(path, "spider")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"scratch", "notes"} {
		if err := os.WriteFile(filepath.Join(path, name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := d.Scratch(100)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), d.Discard(), d.Close()); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, path); !slices.Contains(got, "scratch") || !slices.Contains(got, "notes") {
		t.Errorf("what is left is %v", got)
	}
}

func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

// TestScratchLeavesRoom checks that such a file is refused where the disk would have less
// left than it takes, and that the error says so.
func TestScratchLeavesRoom(t *testing.T) {
	fs := vfs.NewMem()
	d, err := OpenDirectoryFS(fs, "/crawl", "spider")
	if err != nil {
		t.Fatal(err)
	}
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 2000})
	s, err := d.Scratch(1000)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if s, err := d.Scratch(1001); s != nil || err == nil || !strings.Contains(err.Error(), "2000 bytes free") {
		t.Errorf("a file that takes more than half of what is free: %v, %v", s, err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// TestScratchFails makes each operation on the disk fail that opens such a file.
func TestScratchFails(t *testing.T) {
	disk := vfs.NewMem()
	for k := int64(1); ; k++ {
		f := &failing{is: func(errorfs.OpKind) bool { return true }, k: k, cause: syscall.EIO, name: scratchName}
		d, err := OpenDirectoryFS(errorfs.Wrap(disk, f), "/crawl", "spider")
		if err != nil {
			t.Fatal(err)
		}
		s, err := d.Scratch(1000)
		if err == nil {
			err = s.Close()
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if f.seen.Load() < k {
			t.Logf("%d operations", k-1)
			if k < 3 {
				t.Error("creating and removing was not among them")
			}
			return
		}
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("operation %d: error %v", k, err)
		}
	}
}
