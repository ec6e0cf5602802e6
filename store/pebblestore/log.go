package pebblestore

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/zeebo/xxh3"

	"github.com/clew-crawler/clew/frontier"
)

// itemLog is the append-only file of the items. Only committed bytes count.
type itemLog struct {
	fs     vfs.FS
	name   string
	file   vfs.File // opened at the first append
	length int64    // committed
}

// append writes lines behind the committed length and syncs them. They count once
// the batch that states the new length is committed.
func (l *itemLog) append(lines []byte) (mark, error) {
	if err := l.open(); err != nil {
		return mark{}, fmt.Errorf("open %s: %w", l.name, err)
	}
	if _, err := l.file.WriteAt(lines, l.length); err != nil {
		return mark{}, fmt.Errorf("write %s: %w", l.name, err)
	}
	if err := l.file.Sync(); err != nil {
		return mark{}, fmt.Errorf("sync %s: %w", l.name, err)
	}
	return mark{length: int64(len(lines)), checksum: xxh3.Hash(lines)}, nil
}

func (l *itemLog) open() error {
	if l.file != nil {
		return nil
	}
	f, err := l.fs.OpenReadWrite(l.name, category)
	if err != nil {
		return err
	}
	if err := syncDir(l.fs, l.fs.PathDir(l.name)); err != nil {
		return errors.Join(err, f.Close())
	}
	l.file = f
	return nil
}

// recover takes the committed length and reports whether there is a tail that belongs
// to no commit. A log without any commit is damage rather than tail: its length is
// unknown, and nothing is thrown away for that.
func (l *itemLog) recover(committed int64, known bool) (tail bool, err error) {
	if committed < 0 {
		return false, fmt.Errorf("%w: %s cannot have %d bytes", frontier.ErrDamaged, l.name, committed)
	}
	l.length = committed
	info, err := l.fs.Stat(l.name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if committed > 0 {
			return false, fmt.Errorf("%w: %s is missing, %d bytes are committed", frontier.ErrDamaged, l.name, committed)
		}
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look at items: %w", err)
	case info.Size() < committed:
		return false, fmt.Errorf("%w: %s has %d bytes, %d are committed", frontier.ErrDamaged, l.name, info.Size(), committed)
	case info.Size() == committed:
		return false, nil
	case !known:
		return false, fmt.Errorf("%w: %s has %d bytes, and no commit says how many of them count",
			frontier.ErrDamaged, l.name, info.Size())
	}
	return true, nil
}

// cut brings the file back to its committed length.
func (l *itemLog) cut() error {
	if err := truncate(l.fs, l.name, l.length); err != nil {
		return fmt.Errorf("cut %s back to its committed %d bytes: %w", l.name, l.length, err)
	}
	return nil
}

// verify compares the lines of one commit with their checksum.
func (l *itemLog) verify(offset int64, m mark) error {
	f, err := l.fs.Open(l.name)
	if err != nil {
		return fmt.Errorf("read items: %w", err)
	}
	h := xxh3.New()
	n, err := io.Copy(h, io.NewSectionReader(f, offset, m.length))
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("read %s: %w", l.name, err)
	}
	if n != m.length || h.Sum64() != m.checksum {
		return l.mismatch(offset, m)
	}
	return nil
}

func (l *itemLog) mismatch(offset int64, m mark) error {
	return fmt.Errorf("%w: %s: the %d bytes from %d on do not match their checksum",
		frontier.ErrDamaged, l.name, m.length, offset)
}

func (l *itemLog) close() error {
	if l.file == nil {
		return nil
	}
	f := l.file
	l.file = nil
	if err := f.Close(); err != nil {
		return fmt.Errorf("close items: %w", err)
	}
	return nil
}
