package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/zeebo/xxh3"

	"github.com/clew-crawler/clew/frontier"
)

// Every commit has a number, and a key of it which the next commit removes. So there
// is one such key, of the last commit. If commits are missing from the middle, the
// key of the last one before the gap is there as well.
//
// If commits are missing from the end, nothing inside the frontier can tell. So the
// number of the last commit also stands in a file of its own. It is written after the
// commit was synced and needs no sync itself: it may fall behind in a power cut, but
// it never states a commit that was not durable.

// tideName is the file with the number of the last commit, and its checksum.
const tideName = "committed"

// readChain returns the number of the last commit, 0 before the first one.
func (s *Store) readChain() (last uint64, err error) {
	it, err := s.db.NewIter(bounds([]byte{prefixChain}))
	if err != nil {
		return 0, fmt.Errorf("read numbers of commits: %w", classify(err))
	}
	var found []uint64
	for ok := it.First(); ok; ok = it.Next() {
		if len(it.Key()) == 9 {
			found = append(found, binary.BigEndian.Uint64(it.Key()[1:]))
		}
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return 0, fmt.Errorf("read numbers of commits: %w", classify(err))
	}
	switch {
	case len(found) > 1:
		return 0, fmt.Errorf("%w: commit %d was the last one before a gap; commit %d is there, too",
			frontier.ErrDamaged, found[0], found[len(found)-1])
	case len(found) == 0 && !s.fresh:
		return 0, fmt.Errorf("%w: the books have no commit", frontier.ErrDamaged)
	case len(found) == 1 && s.fresh:
		return 0, fmt.Errorf("%w: commit %d has no books", frontier.ErrDamaged, found[0])
	case s.fresh:
		return 0, nil
	}
	return found[0], nil
}

// A tide is the file that states the last commit.
type tide struct {
	fs   vfs.FS
	name string
	file vfs.File // opened at the first write
}

// read returns the commit that the file states, 0 if it is missing or cannot be read:
// it is evidence of commits that are missing, and of nothing else.
func (t *tide) read() (uint64, error) {
	data, err := readFile(t.fs, t.name)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", t.name, err)
	}
	if len(data) != 16 || binary.BigEndian.Uint64(data[8:]) != xxh3.Hash(data[:8]) {
		return 0, nil
	}
	return binary.BigEndian.Uint64(data), nil
}

// check reports commits that were made and are not there.
func (t *tide) check(last uint64) error {
	stated, err := t.read()
	if err == nil && stated > last {
		err = fmt.Errorf("%w: %s: %d commits were made, the last %d are missing", frontier.ErrDamaged, t.name, stated, stated-last)
	}
	return err
}

func (t *tide) write(last uint64) error {
	if t.file == nil {
		f, err := t.fs.OpenReadWrite(t.name, category)
		if err != nil {
			return fmt.Errorf("open %s: %w", t.name, err)
		}
		t.file = f
	}
	data := binary.BigEndian.AppendUint64(nil, last)
	data = binary.BigEndian.AppendUint64(data, xxh3.Hash(data))
	if _, err := t.file.WriteAt(data, 0); err != nil {
		return fmt.Errorf("write %s: %w", t.name, err)
	}
	return nil
}

func (t *tide) close() error {
	if t.file == nil {
		return nil
	}
	f := t.file
	t.file = nil
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("close number of the last commit: %w", err)
	}
	return nil
}

// lookFirst opens an existing frontier read-only and closes it again, so that damage
// is found before anything is written: the engine replays its logs and deletes what
// its manifest does not name.
func lookFirst(fs vfs.FS, dir string, o Options) error {
	o.ReadOnly, o.checkLog, o.CacheBytes = true, true, 1<<20
	there, err := exists(fs, fs.PathJoin(dir, frontierName))
	if err != nil {
		return fmt.Errorf("look for the frontier: %w", err)
	}
	if there {
		s, err := open(fs, dir, o)
		if err == nil {
			return s.Close()
		}
		if !errors.Is(err, pebble.ErrDBDoesNotExist) {
			return err
		}
	}
	return neverCommitted(fs, dir)
}

// neverCommitted tells a crawl without a frontier that never had one from one whose
// frontier is gone, which is damage.
func neverCommitted(fs vfs.FS, dir string) error {
	t := tide{fs: fs, name: fs.PathJoin(dir, frontierName, tideName)}
	log := itemLog{fs: fs, name: fs.PathJoin(dir, itemsName)}
	_, err := log.recover(0, false)
	return errors.Join(t.check(0), err)
}
