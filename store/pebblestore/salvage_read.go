package pebblestore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/clew-crawler/clew/frontier"
)

// A reading is what could be read of a frontier: all of it through the engine, or what
// its files hold one by one, gathered in an engine of its own.
type reading struct {
	store   *Store // opened read-only, or nil
	scratch *Store // of a gatherer; nil with a store
}

// prefixes are the first bytes of all keys, in order.
const prefixes = string(prefixBooks) + string(prefixChain) + string(prefixDelayed) + string(prefixFailed) +
	string(prefixGroup) + string(prefixHost) + string(prefixPending) + string(prefixSeen) + string(prefixValue)

// readFrontier reads a frontier through the engine if that reads all of it, and
// otherwise file by file.
func (d *Directory) readFrontier(ctx context.Context, tmp *Directory, s *Salvage) (*reading, error) {
	store, err := open(d.fs, d.path, Options{ReadOnly: true})
	if err == nil {
		if err = store.readable(ctx); err == nil {
			return &reading{store: store}, nil
		}
		_ = store.Close() // it is damaged
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	s.lose("the storage engine cannot read all of the frontier (%s): its files were read one by one", firstLine(err))
	scratch := newStore(d.fs, tmp.file("scratch"), true) // nothing of it is to be kept
	o := scratch.options(Options{CacheBytes: 8 << 20, MemTableBytes: 8 << 20})
	o.DisableWAL = true
	if err := scratch.openEngine(tmp.file("scratch"), o); err != nil {
		return nil, err
	}
	g := &gatherer{ctx: ctx, dir: d, scratch: scratch, batch: scratch.db.NewBatch(), lost: s}
	if err := g.all(); err != nil {
		return nil, errors.Join(err, scratch.Close())
	}
	return &reading{scratch: scratch}, nil
}

// readable reads everything once.
func (s *Store) readable(ctx context.Context) error {
	for _, err := range s.scan(ctx, &pebble.IterOptions{}, "frontier") {
		if err != nil {
			return err
		}
	}
	return s.failed()
}

func (r *reading) close() error {
	if r.store != nil {
		return r.store.Close()
	}
	return r.scratch.Close()
}

// scan yields what a prefix holds. The order is that of the keys where they have one length.
func (r *reading) scan(ctx context.Context, prefix byte) iter.Seq2[[2][]byte, error] {
	if r.store != nil {
		return r.store.scan(ctx, bounds([]byte{prefix}), "frontier")
	}
	return func(yield func([2][]byte, error) bool) {
		var last []byte
		for kv, err := range r.scratch.scan(ctx, bounds([]byte{prefix}), "scratch folder") {
			if err != nil {
				yield(kv, err)
				return
			}
			named := kv[0][:len(kv[0])-8]
			if bytes.Equal(named, last) {
				continue // an older version
			}
			last = append(last[:0], named...)
			if value := kv[1]; value[0] == 1 && !yield([2][]byte{last[5:], value[1:]}, nil) {
				return
			}
		}
	}
}

// A gatherer puts every version of every key that it finds into an engine of its own,
// the newest first: prefix, length of the key, key, inverted sequence number.
type gatherer struct {
	ctx     context.Context //nolint:containedctx // of one call
	dir     *Directory
	scratch *Store
	batch   *pebble.Batch
	lost    *Salvage
	found   int64
}

func (g *gatherer) all() error {
	fs, folder := g.dir.fs, g.dir.file(frontierName)
	names, err := fs.List(folder)
	if err != nil {
		return fmt.Errorf("list %s: %w", folder, err)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := g.ctx.Err(); err != nil {
			return err
		}
		switch {
		case strings.HasSuffix(name, ".sst"):
			err = g.table(name)
		case strings.HasSuffix(name, ".log"):
			err = g.writeAhead(name)
		}
		if err != nil {
			return err
		}
	}
	if err := g.flush(); err != nil {
		return err
	}
	if g.found == 0 {
		return fmt.Errorf("%w: nothing in %s can be read", frontier.ErrDamaged, folder)
	}
	return nil
}

// put takes one version of one key.
func (g *gatherer) put(key []byte, seq uint64, set bool, value []byte) error {
	if len(key) == 0 || strings.IndexByte(prefixes, key[0]) < 0 {
		return nil
	}
	g.found++
	k := binary.BigEndian.AppendUint32([]byte{key[0]}, uint32(len(key)))
	k = binary.BigEndian.AppendUint64(append(k, key...), ^seq)
	kind := byte(0)
	if set {
		kind = 1
	}
	if err := g.batch.Set(k, append([]byte{kind}, value...), nil); err != nil {
		return fmt.Errorf("write scratch folder: %w", err)
	}
	if g.batch.Len() < 1<<20 {
		return nil
	}
	return g.flush()
}

func (g *gatherer) flush() error {
	if err := g.scratch.guard(func() error { return g.batch.Commit(pebble.NoSync) }); err != nil {
		return fmt.Errorf("write scratch folder: %w", err)
	}
	g.batch = g.scratch.db.NewBatch()
	return nil
}
