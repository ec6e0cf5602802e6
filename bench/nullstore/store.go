// Package nullstore is a frontier store that makes nothing durable. It hands
// pending tasks back and forgets everything else, so that a crawl on it shows
// what the same crawl on a real store pays for being durable. It is no store to
// resume from, and does not pass package frontiertest.
package nullstore

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"

	"github.com/clew-crawler/clew/frontier"
)

// A Store implements [frontier.Store]. The zero value is ready to use.
type Store struct {
	mu     sync.Mutex
	queues map[queue][]frontier.Task
	books  frontier.Books
}

type queue struct {
	host string
	rank uint32
}

var errDelayed = errors.New("null store: delayed and failed tasks are not kept")

// Commit implements [frontier.Store].
func (s *Store) Commit(_ context.Context, b *frontier.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queues == nil {
		s.queues = map[queue][]frontier.Task{}
	}
	// A batch swaps tasks about when it takes one back, so they are not in order.
	slices.SortFunc(b.Put, func(x, y frontier.Task) int {
		if x.Seq < y.Seq {
			return -1
		}
		return 1
	})
	for i := range b.Put {
		t := &b.Put[i]
		if t.State != frontier.Pending {
			return errDelayed
		}
		q := queue{t.Host, t.Rank}
		s.queues[q] = append(s.queues[q], *t)
	}
	s.books = b.Books
	return nil
}

// Tasks implements [frontier.Store]. What stands before the range is over.
func (s *Store) Tasks(_ context.Context, r frontier.Range) iter.Seq2[frontier.Task, error] {
	return func(yield func(frontier.Task, error) bool) {
		s.mu.Lock()
		q := queue{r.Host, r.Rank}
		tasks := s.queues[q]
		for len(tasks) > 0 && tasks[0].Seq < r.From {
			tasks[0] = frontier.Task{}
			tasks = tasks[1:]
		}
		if s.queues != nil {
			s.queues[q] = tasks
		}
		s.mu.Unlock()
		for _, t := range tasks {
			if !yield(t, nil) {
				return
			}
		}
	}
}

// Load implements [frontier.Store].
func (s *Store) Load(context.Context) (frontier.Books, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.books, nil
}

// Hosts implements [frontier.Store]: there are none.
func (s *Store) Hosts(context.Context) iter.Seq2[frontier.Host, error] {
	return func(func(frontier.Host, error) bool) {}
}

// Seen implements [frontier.Store]: nothing is known, so it is right only while
// the frontier remembers everything itself.
func (s *Store) Seen(context.Context, []frontier.Fingerprint, []bool) error { return nil }

// Fingerprints implements [frontier.Store]: there are none.
func (s *Store) Fingerprints(context.Context) iter.Seq2[frontier.Fingerprint, error] {
	return func(func(frontier.Fingerprint, error) bool) {}
}

// Values implements [frontier.Store]: there are none.
func (s *Store) Values(context.Context, string, *string) iter.Seq2[frontier.Value, error] {
	return func(func(frontier.Value, error) bool) {}
}

// Check implements [frontier.Store].
func (s *Store) Check(context.Context) error { return nil }

// Close implements [frontier.Store].
func (s *Store) Close() error { return nil }
