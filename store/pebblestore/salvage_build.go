package pebblestore

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/zeebo/xxh3"

	"github.com/clew-crawler/clew/frontier"
)

// A builder commits what could be read of a frontier to a new store, with books that
// are counted again.
type builder struct {
	store *Store
	from  *reading
	to    *Salvage
	log   itemLog // of the damaged crawl

	batch  frontier.Batch
	books  frontier.Books
	queues map[string]map[uint32]*frontier.Queue
	lines  int64 // given up
	groups int64
}

// Sizes at which a builder commits.
const (
	buildTasks = 4096
	buildBytes = 8 << 20
)

func (b *builder) build(ctx context.Context) error {
	b.queues = map[string]map[uint32]*frontier.Queue{}
	for _, step := range []func(context.Context) error{
		b.readBooks, b.items, b.tasks, b.fingerprints, b.values, b.hosts, b.flush, b.recount,
	} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("rebuild: %w", err)
		}
	}
	s := b.to
	s.Items, s.Pending, s.Failed, s.Known = b.books.Items, b.books.Left(), b.books.Failed, b.books.Seen
	return nil
}

// flush commits what was gathered so far. The books are right with the last commit.
func (b *builder) flush(ctx context.Context) error {
	b.books.ItemBytes += int64(len(b.batch.Lines))
	b.batch.Books = b.books
	err := b.store.Commit(ctx, &b.batch)
	b.batch = frontier.Batch{}
	return err
}

func (b *builder) readBooks(ctx context.Context) error {
	found := false
	for kv, err := range b.from.scan(ctx, prefixBooks) {
		if err != nil {
			return err
		}
		found = json.Unmarshal(kv[1], &b.books) == nil
	}
	if !found {
		b.books = frontier.Books{}
		b.to.lose("the books: counters begin anew, and start requests are offered again")
	}
	var last uint64
	for kv, err := range b.from.scan(ctx, prefixChain) {
		if err != nil {
			return err
		}
		commit := binary.BigEndian.Uint64(kv[0][1:])
		if last > 0 {
			b.to.lose("commits after %d and before %d: what they did is done again or missing", min(last, commit), max(last, commit))
		}
		last = max(last, commit)
	}
	t := tide{fs: b.log.fs, name: b.log.fs.PathJoin(b.log.fs.PathDir(b.log.name), frontierName, tideName)}
	if stated, err := t.read(); err == nil && stated > last {
		b.to.lose("the last %d commits: their pages are fetched again", stated-last)
	}
	b.books.Run, b.books.Clean, b.books.Finished = max(b.books.Run, 1), false, false
	b.books.Handlers, b.books.Sessions = map[string]int64{}, map[string]int64{}
	b.books.Pending, b.books.Delayed, b.books.Failed, b.books.Seen = 0, 0, 0, 0
	b.books.NextSeq = max(b.books.NextSeq, 1)
	return nil
}

// items keeps the lines of every commit whose checksum holds. A commit whose checksum
// does not hold is given up whole: a line of it may read well and say something else.
// Lines that no checksum speaks about are kept if they are JSON, and counted as doubtful.
func (b *builder) items(ctx context.Context) error {
	end := b.books.ItemBytes
	b.books.Items, b.books.ItemBytes = 0, 0
	f, err := b.log.fs.Open(b.log.name)
	if errors.Is(err, os.ErrNotExist) {
		if end > 0 {
			b.to.lose("items.jsonl is missing: %d bytes of items", end)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("read items: %w", err)
	}
	err = b.marked(ctx, f, end)
	if b.groups > 0 {
		b.to.lose("items of %d commits, %d lines: their checksums do not match", b.groups, b.lines)
	}
	if b.to.Doubtful > 0 {
		b.to.lose("checksums of %d items: they were kept as they read", b.to.Doubtful)
	}
	return errors.Join(err, f.Close())
}

// marked goes through the log by the marks of the commits.
func (b *builder) marked(ctx context.Context, f vfs.File, end int64) error {
	var at int64
	for kv, err := range b.from.scan(ctx, prefixGroup) {
		if err != nil {
			return err
		}
		offset := int64(binary.BigEndian.Uint64(kv[0][1:]))
		m, err := parseMark(kv[1])
		if err != nil || offset < at {
			continue // what it stood for is doubtful
		}
		if err := b.unmarked(ctx, f, at, offset); err != nil {
			return err
		}
		lines, err := readAt(f, offset, m.length)
		if err != nil {
			return err
		}
		if at = offset + m.length; int64(len(lines)) != m.length || xxh3.Hash(lines) != m.checksum {
			b.groups++
			b.lines += int64(bytes.Count(lines, []byte("\n")))
			continue
		}
		if err := b.keep(ctx, lines); err != nil {
			return err
		}
	}
	return b.unmarked(ctx, f, at, end)
}

// unmarked keeps the lines of a part of the log that no mark speaks about.
func (b *builder) unmarked(ctx context.Context, f vfs.File, from, to int64) error {
	if from >= to {
		return nil
	}
	for line, err := range jsonLines(io.NewSectionReader(f, from, to-from)) {
		if err == nil {
			b.to.Doubtful++
			err = b.keep(ctx, line)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) keep(ctx context.Context, lines []byte) error {
	b.batch.Lines = append(b.batch.Lines, lines...)
	b.books.Items += int64(bytes.Count(lines, []byte("\n")))
	if len(b.batch.Lines) < buildBytes {
		return nil
	}
	return b.flush(ctx)
}

func (b *builder) tasks(ctx context.Context) error {
	var lost int64
	for _, prefix := range []byte{prefixPending, prefixDelayed, prefixFailed} {
		for kv, err := range b.from.scan(ctx, prefix) {
			if err != nil {
				return err
			}
			t, err := parseTask(kv[0], kv[1])
			if err != nil {
				lost++
				continue
			}
			b.count(&t)
			b.batch.Put = append(b.batch.Put, t)
			if t.State != frontier.Failed {
				b.batch.Seen = append(b.batch.Seen, t.Fingerprint)
			}
			if len(b.batch.Put) == buildTasks {
				if err := b.flush(ctx); err != nil {
					return err
				}
			}
		}
	}
	if lost > 0 {
		b.to.lose("%d requests: their records cannot be read, and their pages are not found again", lost)
	}
	return nil
}

func (b *builder) count(t *frontier.Task) {
	b.books.NextSeq = max(b.books.NextSeq, t.Seq+1)
	switch t.State { //nolint:exhaustive // the others are not stored
	case frontier.Failed:
		b.books.Failed++
		return
	case frontier.Delayed:
		b.books.Delayed++
	default:
		b.books.Pending++
		ranks := b.queues[t.Host]
		if ranks == nil {
			ranks = map[uint32]*frontier.Queue{}
			b.queues[t.Host] = ranks
		}
		if ranks[t.Rank] == nil {
			ranks[t.Rank] = &frontier.Queue{Rank: t.Rank, Head: t.Seq}
		}
		ranks[t.Rank].Count++
		ranks[t.Rank].Head = min(ranks[t.Rank].Head, t.Seq)
	}
	b.books.Handlers[t.Handler]++
	b.books.Sessions[t.Session]++
}

func (b *builder) fingerprints(ctx context.Context) error {
	for kv, err := range b.from.scan(ctx, prefixSeen) {
		if err != nil {
			return err
		}
		var fp frontier.Fingerprint
		if len(kv[0]) != 1+len(fp) {
			continue
		}
		copy(fp[:], kv[0][1:])
		if b.batch.Seen = append(b.batch.Seen, fp); len(b.batch.Seen) >= 16*buildTasks {
			if err := b.flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *builder) values(ctx context.Context) error {
	size := 0
	for kv, err := range b.from.scan(ctx, prefixValue) {
		if err != nil {
			return err
		}
		kind, key, ok := bytes.Cut(kv[0][1:], []byte{0})
		if !ok {
			continue
		}
		b.batch.Values = append(b.batch.Values, frontier.Value{
			Kind: string(kind), Key: string(key), Data: append([]byte{}, kv[1]...),
		})
		if size += len(kv[0]) + len(kv[1]); size > buildBytes {
			size = 0
			if err := b.flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// hosts writes the clocks that were read and the queues that were counted.
func (b *builder) hosts(ctx context.Context) error {
	add := func(h frontier.Host) error {
		for _, q := range b.queues[h.Name] {
			h.Queues = append(h.Queues, *q)
		}
		delete(b.queues, h.Name)
		slices.SortFunc(h.Queues, func(p, q frontier.Queue) int { return cmp.Compare(p.Rank, q.Rank) })
		if b.batch.Hosts = append(b.batch.Hosts, h); len(b.batch.Hosts) < buildTasks {
			return nil
		}
		return b.flush(ctx)
	}
	for kv, err := range b.from.scan(ctx, prefixHost) {
		if err != nil {
			return err
		}
		h, err := parseHostRecord(string(kv[0][1:]), kv[1])
		if err != nil {
			continue // its clock is lost; every host waits one delay anyway
		}
		h.Queues = nil
		if err := add(h); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.queues)) {
		if err := add(frontier.Host{Name: name}); err != nil {
			return err
		}
	}
	return nil
}

// recount counts the fingerprints, which were found in several places.
func (b *builder) recount(ctx context.Context) error {
	for _, err := range b.store.Fingerprints(ctx) {
		if err != nil {
			return err
		}
		b.books.Seen++
	}
	b.note()
	return b.flush(ctx)
}

// note corrects the stats of the crawl, which the books carry and which count items and
// failures, too: a run goes on with them.
func (b *builder) note() {
	stats := map[string]json.RawMessage{}
	if json.Unmarshal(b.books.Note, &stats) != nil || stats == nil {
		stats = map[string]json.RawMessage{} // they begin anew
	}
	stats["items"] = strconv.AppendInt(nil, b.books.Items, 10)
	stats["failed"] = strconv.AppendInt(nil, b.books.Failed, 10)
	if data, err := json.Marshal(stats); err == nil { // numbers, and what was read just now
		b.books.Note = data
	}
}

func readAt(f io.ReaderAt, offset, length int64) ([]byte, error) {
	data, err := io.ReadAll(io.NewSectionReader(f, offset, length))
	if err != nil {
		return nil, fmt.Errorf("read items: %w", err)
	}
	return data, nil
}
