package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/clew-crawler/clew/frontier"
)

// scan yields key and value of a range until the caller has enough. They are
// valid for the moment of the yield only.
func (s *Store) scan(ctx context.Context, o *pebble.IterOptions, what string) iter.Seq2[[2][]byte, error] {
	return func(yield func([2][]byte, error) bool) {
		fail := func(err error) { yield([2][]byte{}, fmt.Errorf("read %s: %w", what, classify(err))) }
		end, err := s.beginRead()
		if err != nil {
			fail(err)
			return
		}
		defer end()
		it, err := s.db.NewIterWithContext(ctx, o)
		if err != nil {
			fail(err)
			return
		}
		more := true
		for ok := it.First(); ok && more; ok = it.Next() {
			more = yield([2][]byte{it.Key(), it.Value()}, nil)
			if !more {
				break
			}
		}
		if err := errors.Join(it.Error(), it.Close()); err != nil && more {
			fail(err)
		}
	}
}

// Hosts implements [frontier.Store].
func (s *Store) Hosts(ctx context.Context) iter.Seq2[frontier.Host, error] {
	return func(yield func(frontier.Host, error) bool) {
		for kv, err := range s.scan(ctx, bounds([]byte{prefixHost}), "hosts") {
			var h frontier.Host
			if err == nil {
				h, err = parseHostRecord(string(kv[0][1:]), kv[1])
			}
			if !yield(h, err) || err != nil {
				return
			}
		}
	}
}

// Tasks implements [frontier.Store].
func (s *Store) Tasks(ctx context.Context, r frontier.Range) iter.Seq2[frontier.Task, error] {
	from := frontier.Key{State: r.State, Host: r.Host, Rank: r.Rank, Seq: r.From, Due: r.Due}
	o := &pebble.IterOptions{LowerBound: appendKey(nil, &from)}
	switch r.State { //nolint:exhaustive // every other state is stored as a pending task
	case frontier.Delayed, frontier.Failed:
		o.UpperBound = upper(o.LowerBound[:1])
	default:
		o.UpperBound = upper(o.LowerBound[:len(o.LowerBound)-8])
	}
	return func(yield func(frontier.Task, error) bool) {
		for kv, err := range s.scan(ctx, o, r.State.String()+" tasks") {
			var t frontier.Task
			if err == nil {
				t, err = parseTask(kv[0], kv[1])
			}
			if !yield(t, err) || err != nil {
				return
			}
		}
	}
}

// AllPending yields every pending task, host by host in the order of their queues.
func (s *Store) AllPending(ctx context.Context) iter.Seq2[frontier.Task, error] {
	return func(yield func(frontier.Task, error) bool) {
		for kv, err := range s.scan(ctx, bounds([]byte{prefixPending}), "pending tasks") {
			var t frontier.Task
			if err == nil {
				t, err = parseTask(kv[0], kv[1])
			}
			if !yield(t, err) || err != nil {
				return
			}
		}
	}
}

// Seen implements [frontier.Store]. Ask in sorted order, and best only about
// fingerprints that are probably known: the last level has no filters, see [Store.options].
func (s *Store) Seen(ctx context.Context, fps []frontier.Fingerprint, known []bool) error {
	end, err := s.beginRead()
	if err != nil {
		return fmt.Errorf("look up fingerprints: %w", err)
	}
	defer end()
	it, err := s.db.NewIterWithContext(ctx, bounds([]byte{prefixSeen}))
	if err != nil {
		return fmt.Errorf("look up fingerprints: %w", classify(err))
	}
	key := make([]byte, 0, 17)
	for i, fp := range fps {
		key = appendSeen(key[:0], fp)
		if it.SeekPrefixGE(key) {
			known[i] = true
		}
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return fmt.Errorf("look up fingerprints: %w", classify(err))
	}
	return nil
}

// Fingerprints implements [frontier.Store].
func (s *Store) Fingerprints(ctx context.Context) iter.Seq2[frontier.Fingerprint, error] {
	return func(yield func(frontier.Fingerprint, error) bool) {
		for kv, err := range s.scan(ctx, bounds([]byte{prefixSeen}), "fingerprints") {
			var fp frontier.Fingerprint
			if err == nil && copy(fp[:], kv[0][1:]) != len(fp) {
				err = fmt.Errorf("%w: %x is not a fingerprint", frontier.ErrDamaged, kv[0])
			}
			if !yield(fp, err) || err != nil {
				return
			}
		}
	}
}

// Values implements [frontier.Store].
func (s *Store) Values(ctx context.Context, kind string, key *string) iter.Seq2[frontier.Value, error] {
	prefix := appendValue(nil, kind, "")
	o := bounds(prefix)
	if key != nil {
		o.LowerBound = appendValue(nil, kind, *key)
		o.UpperBound = append(appendValue(nil, kind, *key), 0)
	}
	return func(yield func(frontier.Value, error) bool) {
		for kv, err := range s.scan(ctx, o, kind+" values") {
			v := frontier.Value{Kind: kind}
			if err == nil {
				v.Key = string(kv[0][len(prefix):])
				v.Data = append([]byte{}, kv[1]...)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// OpenDirectoryReadOnlyFS is [OpenDirectoryReadOnly] on another file system, for
// fault tests.
func OpenDirectoryReadOnlyFS(fs vfs.FS, path string) (*Directory, error) {
	d := &Directory{fs: fs, path: path}
	closer, err := fs.Lock(d.file(lockName))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrLocked, path, err)
	}
	d.unlock = closer.Close
	return d, nil
}

// Look opens the frontier and the item log for looking at them. The store is nil if
// there is no frontier: before the first commit, and after an end without failures.
func (d *Directory) Look() (*Store, error) {
	there, err := d.HasFrontier()
	if err != nil || !there {
		return nil, err
	}
	s, err := d.Store(Options{ReadOnly: true})
	if errors.Is(err, pebble.ErrDBDoesNotExist) {
		return nil, nil //nolint:nilnil // the process died while it made the first one
	}
	return s, err
}

// ItemsSize is the length of the item log as it stands on the disk, 0 if there is none.
func (d *Directory) ItemsSize() (int64, error) {
	info, err := d.fs.Stat(d.file(itemsName))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("look at items: %w", err)
	}
	return info.Size(), nil
}
