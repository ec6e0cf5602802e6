package pebblestore

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/batchrepr"
	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/wal"
)

// consequence says what follows when keys with a prefix are lost.
func consequence(prefix byte) string {
	switch prefix {
	case prefixBooks:
		return "counters may be older than the crawl"
	case prefixDelayed, prefixPending:
		return "pending requests may be missing, and their pages are not found again; finished ones may be made again"
	case prefixFailed:
		return "failed requests may be missing from the list"
	case prefixGroup:
		return "items may be without a checksum"
	case prefixSeen:
		return "known URLs may be missing: those pages may be fetched again"
	case prefixValue:
		return "cookies and the spider's state may be older than the crawl"
	}
	return "" // counted again
}

// tableLost is what follows when a table is lost.
const tableLost = "known URLs, pending requests and values may be missing or old: " +
	"pages may be fetched again, and pages that were pending may be missing, and are not found again"

// table reads a table. Around a block that is damaged it reads from both sides.
func (g *gatherer) table(name string) error {
	f, err := g.dir.fs.Open(g.dir.fs.PathJoin(g.dir.file(frontierName), name))
	if err != nil {
		g.lost.lose("table %s: %s", name, tableLost)
		return nil //nolint:nilerr // it is said
	}
	r, err := g.openTable(f)
	if err != nil {
		g.lost.lose("table %s: %s", name, tableLost)
		return f.Close()
	}
	for _, prefix := range []byte(prefixes) {
		var werr error
		rerr := survived(func() (err error) {
			err, werr = g.tableRange(r, prefix)
			return err
		})
		if werr != nil {
			return errors.Join(werr, r.Close())
		}
		if what := consequence(prefix); rerr != nil && what != "" {
			g.lost.lose("a part of table %s: %s", name, what)
		}
	}
	return r.Close()
}

func (g *gatherer) openTable(f vfs.File) (r *sstable.Reader, err error) {
	o := &pebble.Options{}
	o.EnsureDefaults()
	err = survived(func() error {
		readable, err := sstable.NewSimpleReadable(f)
		if err == nil {
			r, err = sstable.NewReader(g.ctx, readable, o.MakeReaderOptions())
		}
		return err
	})
	return r, err
}

// tableRange reads what a table holds of a prefix: forwards, and if that meets damage
// backwards, too. werr is an error of the scratch folder.
func (g *gatherer) tableRange(r *sstable.Reader, prefix byte) (rerr, werr error) {
	lower, end := []byte{prefix}, upper([]byte{prefix})
	it, err := r.NewIter(sstable.NoTransforms, nil, nil, sstable.AssertNoBlobHandles)
	if err != nil {
		return err, nil
	}
	for kv := it.SeekGE(lower, 0); kv != nil && kv.K.UserKey[0] == prefix; kv = it.Next() {
		value, _, err := kv.Value(nil)
		if err != nil {
			rerr = err
			continue
		}
		if werr = g.put(kv.K.UserKey, uint64(kv.SeqNum()), isSet(kv.Kind()), value); werr != nil {
			return nil, errors.Join(werr, it.Close())
		}
	}
	rerr = errors.Join(rerr, it.Error(), it.Close())
	if rerr == nil {
		return nil, nil
	}
	if it, err = r.NewIter(sstable.NoTransforms, nil, nil, sstable.AssertNoBlobHandles); err != nil {
		return err, nil
	}
	for kv := it.SeekLT(end, 0); kv != nil && kv.K.UserKey[0] == prefix; kv = it.Prev() {
		value, _, err := kv.Value(nil)
		if err != nil {
			continue // met before
		}
		if werr = g.put(kv.K.UserKey, uint64(kv.SeqNum()), isSet(kv.Kind()), value); werr != nil {
			break
		}
	}
	_ = it.Close() // it meets the same damage
	return rerr, werr
}

func isSet(k pebble.InternalKeyKind) bool {
	return k == pebble.InternalKeyKindSet || k == pebble.InternalKeyKindSetWithDelete
}

// logBlock is the length after which a log can be read again when a part is damaged.
const logBlock = 32 << 10

// writeAhead reads a write-ahead log, block by block around what is damaged. What
// follows from a torn end is for the chain of commits to say.
func (g *gatherer) writeAhead(name string) error {
	num, _, ok := wal.ParseLogFilename(name)
	if !ok {
		return nil
	}
	data, err := readFile(g.dir.fs, g.dir.fs.PathJoin(g.dir.file(frontierName), name))
	if err != nil {
		g.lost.lose("write-ahead log %s: the last commits may be missing, and will be done again", name)
		return nil //nolint:nilerr // it is said
	}
	torn := false
	for start := 0; start < len(data); {
		r := newRecords(record.NewReader, strings.NewReader(string(data[start:])), uint64(num))
		read, werr := g.records(r)
		if werr != nil {
			return werr
		}
		if torn && read > 0 {
			g.lost.lose("a part of write-ahead log %s: commits in the middle are missing", name)
		}
		torn = true
		start += (int(r.Offset())/logBlock + 1) * logBlock
	}
	return nil
}

// newRecords names a type that has no exported name.
func newRecords[N ~uint64](open func(io.Reader, N) *record.Reader, r io.Reader, num uint64) *record.Reader {
	return open(r, N(num))
}

// records takes the batches of a log until the first one that cannot be read.
func (g *gatherer) records(r *record.Reader) (read int, werr error) {
	for {
		var data []byte
		err := survived(func() error {
			rec, err := r.Next()
			if err == nil {
				data, err = io.ReadAll(rec)
			}
			return err
		})
		if err != nil {
			return read, nil //nolint:nilerr // the end, torn or not
		}
		h, ok := batchrepr.ReadHeader(data)
		if !ok {
			continue
		}
		read++
		if err := g.entries(batchrepr.Read(data), uint64(h.SeqNum)); err != nil {
			return read, err
		}
	}
}

func (g *gatherer) entries(entries batchrepr.Reader, seq uint64) error {
	for ; ; seq++ {
		kind, key, value, ok, err := entries.Next()
		if err != nil {
			return fmt.Errorf("read batch: %w", err)
		}
		if !ok {
			return nil
		}
		if err := g.put(key, seq, isSet(kind), value); err != nil {
			return err
		}
	}
}
