package pebblestore

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/clew-crawler/clew/frontier"
)

// Check implements [frontier.Store]. It reads everything: each task stands in the
// queue that its host's record describes, the books agree with a recount, tasks
// are known by their fingerprints, and the item log matches the checksum of every
// commit. What contradicts is reported as damage, all of it, up to a limit.
func (s *Store) Check(ctx context.Context) error {
	c := checker{
		store: s, queues: map[queueID]*queueCount{},
		handlers: map[string]int64{}, sessions: map[string]int64{},
	}
	for _, step := range []func(context.Context) error{
		c.hosts, c.pending, c.delayed, c.ask, c.failed, c.fingerprints, c.values, c.recount, c.items,
	} {
		if err := step(ctx); err != nil {
			return errors.Join(append(c.found, err)...)
		}
	}
	return errors.Join(c.found...)
}

// maxFindings bounds a report of [Store.Check].
const maxFindings = 100

type queueID struct {
	host string
	rank uint32
}

type queueCount struct {
	head        uint64
	want, found int64
}

type checker struct {
	store *Store
	found []error

	queues             map[queueID]*queueCount
	pend, delay, fails int64
	seen               int64
	handlers, sessions map[string]int64
	unasked            []frontier.Task // whose fingerprints are still to be looked up
}

func (c *checker) report(format string, args ...any) {
	if len(c.found) < maxFindings {
		c.found = append(c.found, fmt.Errorf("%w: %w", frontier.ErrDamaged, fmt.Errorf(format, args...)))
	}
}

// values reads all of them; what they say is the crawler's business.
func (c *checker) values(ctx context.Context) error {
	for _, err := range c.store.scan(ctx, bounds([]byte{prefixValue}), "values") {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) hosts(ctx context.Context) error {
	for h, err := range c.store.Hosts(ctx) {
		if err != nil {
			return err
		}
		for _, q := range h.Queues {
			c.queues[queueID{h.Name, q.Rank}] = &queueCount{head: q.Head, want: q.Count}
		}
	}
	return nil
}

func (c *checker) pending(ctx context.Context) error {
	for t, err := range c.store.AllPending(ctx) {
		if err != nil {
			return err
		}
		c.pend++
		q := c.queues[queueID{t.Host, t.Rank}]
		switch {
		case q == nil:
			c.report("pending task %d: host %s has no queue of rank %d", t.Seq, t.Host, t.Rank)
		case t.Seq < q.head:
			c.report("pending task %d stands before the head %d of its queue", t.Seq, q.head)
		default:
			q.found++
		}
		if err := c.task(ctx, &t); err != nil {
			return err
		}
	}
	for id, q := range c.queues {
		if q.found != q.want {
			c.report("queue %d of host %s holds %d tasks, its record says %d", id.rank, id.host, q.found, q.want)
		}
	}
	return nil
}

func (c *checker) delayed(ctx context.Context) error {
	for t, err := range c.store.Tasks(ctx, frontier.Range{State: frontier.Delayed}) {
		if err != nil {
			return err
		}
		c.delay++
		if err := c.task(ctx, &t); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) failed(ctx context.Context) error {
	for t, err := range c.store.Tasks(ctx, frontier.Range{State: frontier.Failed}) {
		if err != nil {
			return err
		}
		c.fails++
		if t.Failure == "" {
			c.report("failed task %d has no reason", t.Seq)
		}
	}
	return nil
}

// task checks what holds for pending and delayed tasks alike.
func (c *checker) task(ctx context.Context, t *frontier.Task) error {
	c.handlers[t.Handler]++
	c.sessions[t.Session]++
	if t.Seq >= c.store.books.NextSeq {
		c.report("task %d is newer than the last sequence number %d", t.Seq, c.store.books.NextSeq)
	}
	c.unasked = append(c.unasked, *t)
	if len(c.unasked) < checkChunk {
		return nil
	}
	return c.ask(ctx)
}

// checkChunk is how many fingerprints are looked up at once.
const checkChunk = 4096

// ask looks up the fingerprints of the tasks read so far.
func (c *checker) ask(ctx context.Context) error {
	slices.SortFunc(c.unasked, func(a, b frontier.Task) int {
		return bytes.Compare(a.Fingerprint[:], b.Fingerprint[:])
	})
	fps := make([]frontier.Fingerprint, len(c.unasked))
	for i := range c.unasked {
		fps[i] = c.unasked[i].Fingerprint
	}
	known := make([]bool, len(fps))
	if err := c.store.Seen(ctx, fps, known); err != nil {
		return err
	}
	for i, t := range c.unasked {
		if !known[i] {
			c.report("%s task %d has a fingerprint that is not known", t.State, t.Seq)
		}
	}
	c.unasked = c.unasked[:0]
	return nil
}

func (c *checker) fingerprints(ctx context.Context) error {
	for _, err := range c.store.Fingerprints(ctx) {
		if err != nil {
			return err
		}
		c.seen++
	}
	return nil
}

func (c *checker) recount(context.Context) error {
	b := c.store.books
	for _, n := range []struct {
		name        string
		books, told int64
	}{
		{"pending", b.Pending, c.pend},
		{"delayed", b.Delayed, c.delay},
		{"failed", b.Failed, c.fails},
		{"seen", b.Seen, c.seen},
	} {
		if n.books != n.told {
			c.report("books say %d %s, a recount says %d", n.books, n.name, n.told)
		}
	}
	if !maps.Equal(b.Handlers, c.handlers) {
		c.report("books count handlers %v, a recount says %v", b.Handlers, c.handlers)
	}
	if !maps.Equal(b.Sessions, c.sessions) {
		c.report("books count sessions %v, a recount says %v", b.Sessions, c.sessions)
	}
	return nil
}

// items walks the marks of the log, which must cover it without a gap.
func (c *checker) items(ctx context.Context) error {
	s := c.store
	var at int64
	for kv, err := range s.scan(ctx, bounds([]byte{prefixGroup}), "marks of the item log") {
		if err != nil {
			return err
		}
		m, err := parseMark(kv[1])
		if err != nil {
			return err
		}
		if offset := int64(binary.BigEndian.Uint64(kv[0][1:])); offset != at {
			c.report("item log: a commit's lines begin at %d where %d was expected", offset, at)
		}
		if err := s.log.verify(at, m); errors.Is(err, frontier.ErrDamaged) {
			c.report("%w", err)
		} else if err != nil {
			return err
		}
		at += m.length
	}
	if at != s.books.ItemBytes {
		c.report("item log: commits account for %d bytes, books say %d", at, s.books.ItemBytes)
	}
	return c.lines()
}

func (c *checker) lines() error {
	if c.store.books.ItemBytes == 0 {
		return nil
	}
	f, err := c.store.fs.Open(c.store.log.name)
	if err != nil {
		return fmt.Errorf("read item log: %w", err)
	}
	var n int64
	r := bufio.NewReaderSize(io.NewSectionReader(f, 0, c.store.books.ItemBytes), 1<<16)
	for err == nil {
		var part []byte
		if part, err = r.ReadSlice('\n'); err == nil {
			n++
		} else if errors.Is(err, bufio.ErrBufferFull) && len(part) > 0 {
			err = nil // the rest of a long line
		}
	}
	if cerr := f.Close(); cerr != nil || !errors.Is(err, io.EOF) {
		return fmt.Errorf("read item log: %w", errors.Join(err, cerr))
	}
	if n != c.store.books.Items {
		c.report("item log holds %d lines, books say %d", n, c.store.books.Items)
	}
	return nil
}
