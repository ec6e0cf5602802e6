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

// recover brings the file back to its committed length. A log without any
// commit is not cut: its length is unknown, and nothing is thrown away for that.
func (l *itemLog) recover(committed int64, known bool) error {
	l.length = committed
	info, err := l.fs.Stat(l.name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if committed > 0 {
			return fmt.Errorf("%w: %s is missing, %d bytes are committed", frontier.ErrDamaged, l.name, committed)
		}
		return nil
	case err != nil:
		return err
	case info.Size() < committed:
		return fmt.Errorf("%w: %s has %d bytes, %d are committed", frontier.ErrDamaged, l.name, info.Size(), committed)
	case info.Size() == committed:
		return nil
	case !known:
		return fmt.Errorf("%w: %s has %d bytes, and no commit says how many of them count",
			frontier.ErrDamaged, l.name, info.Size())
	}
	if err := truncate(l.fs, l.name, committed); err != nil {
		return fmt.Errorf("cut %s back to its committed %d bytes: %w", l.name, committed, err)
	}
	return nil
}

// verify compares the lines of one commit with their checksum.
func (l *itemLog) verify(offset int64, m mark) error {
	f, err := l.fs.Open(l.name)
	if err != nil {
		return err
	}
	h := xxh3.New()
	n, err := io.Copy(h, io.NewSectionReader(f, offset, m.length))
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("read %s: %w", l.name, err)
	}
	if n != m.length || h.Sum64() != m.checksum {
		return fmt.Errorf("%w: %s: the %d bytes from %d on do not match their checksum",
			frontier.ErrDamaged, l.name, m.length, offset)
	}
	return nil
}

func (l *itemLog) close() error {
	if l.file == nil {
		return nil
	}
	f := l.file
	l.file = nil
	return f.Close()
}
