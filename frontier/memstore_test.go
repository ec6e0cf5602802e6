package frontier

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memStore is a store of plain maps. Its commits can be held up and made to fail.
type memStore struct {
	mu      sync.Mutex
	books   Books
	tasks   map[string]Task // by state, host, rank and Seq
	seen    map[Fingerprint]bool
	hosts   map[string]Host
	values  map[valueKey][]byte
	lines   []byte
	commits []Batch
	lookups int // fingerprints asked for
	reads   int // sequences of tasks begun

	hold chan struct{} // if set, a commit takes one value before it does anything
	fail error         // if set, what commits and reads of tasks return
}

func newMemStore() *memStore {
	return &memStore{
		tasks: map[string]Task{}, seen: map[Fingerprint]bool{}, hosts: map[string]Host{},
		values: map[valueKey][]byte{},
	}
}

func taskKey(k *Key) string { return fmt.Sprint(k.State, k.Seq) }

func (s *memStore) Load(context.Context) (Books, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.books, nil
}

func (s *memStore) Hosts(context.Context) iter.Seq2[Host, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sequence(slices.Collect(maps.Values(s.hosts)))
}

func sequence[T any](all []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range all {
			if !yield(v, nil) {
				return
			}
		}
	}
}

func (s *memStore) Tasks(_ context.Context, r Range) iter.Seq2[Task, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.fail != nil {
		err := s.fail
		return func(yield func(Task, error) bool) { yield(Task{}, err) }
	}
	var all []Task
	for _, t := range s.tasks {
		switch {
		case t.State != r.State:
		case r.State == Pending && (t.Host != r.Host || t.Rank != r.Rank || t.Seq < r.From):
		case r.State == Failed && t.Seq < r.From:
		case r.State == Delayed && (t.Due.Before(r.Due) || t.Due.Equal(r.Due) && t.Seq < r.From):
		default:
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b Task) int {
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Seq, b.Seq))
	})
	return sequence(all)
}

func (s *memStore) Seen(_ context.Context, fps []Fingerprint, known []bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.IsSortedFunc(fps, compareFingerprints) {
		return errors.New("fingerprints are not sorted")
	}
	s.lookups += len(fps)
	for i, fp := range fps {
		known[i] = known[i] || s.seen[fp]
	}
	return nil
}

func (s *memStore) Fingerprints(context.Context) iter.Seq2[Fingerprint, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sequence(slices.SortedFunc(maps.Keys(s.seen), compareFingerprints))
}

func (s *memStore) Values(_ context.Context, kind string, key *string) iter.Seq2[Value, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Value
	for k, data := range s.values {
		if k.kind == kind && (key == nil || *key == k.key) {
			all = append(all, Value{Kind: kind, Key: k.key, Data: data})
		}
	}
	return sequence(all)
}

func (s *memStore) Commit(_ context.Context, b *Batch) error {
	s.mu.Lock()
	hold := s.hold
	s.mu.Unlock()
	if hold != nil {
		<-hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	for _, t := range b.Put {
		s.tasks[taskKey(&t.Key)] = t
	}
	for _, k := range b.Remove {
		if _, ok := s.tasks[taskKey(&k)]; !ok {
			return fmt.Errorf("removed task %v is not there", k)
		}
		delete(s.tasks, taskKey(&k))
	}
	for _, fp := range b.Seen {
		if s.seen[fp] {
			return fmt.Errorf("fingerprint %x is added twice", fp)
		}
		s.seen[fp] = true
	}
	for _, h := range b.Hosts {
		if s.hosts[h.Name] = h; len(h.Queues) == 0 && h.NextAt.IsZero() {
			delete(s.hosts, h.Name)
		}
	}
	for _, v := range b.Values {
		if s.values[valueKey{v.Kind, v.Key}] = bytes.Clone(v.Data); v.Data == nil {
			delete(s.values, valueKey{v.Kind, v.Key})
		}
	}
	s.lines = append(s.lines, b.Lines...)
	s.books = b.Books
	s.commits = append(s.commits, *b)
	return nil
}

// Check compares books, host records and tasks, as a real store does.
func (s *memStore) Check(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	queues := map[string]int64{}
	for _, h := range s.hosts {
		for _, q := range h.Queues {
			queues[fmt.Sprint(h.Name, " ", q.Rank)] = q.Count
			for _, t := range s.tasks {
				if t.State == Pending && t.Host == h.Name && t.Rank == q.Rank && t.Seq < q.Head {
					errs = append(errs, fmt.Errorf("task %d stands before the head %d of its queue", t.Seq, q.Head))
				}
			}
		}
	}
	count := map[State]int64{}
	found := map[string]int64{}
	for _, t := range s.tasks {
		if count[t.State]++; t.State == Pending {
			found[fmt.Sprint(t.Host, " ", t.Rank)]++
		}
	}
	if !maps.Equal(queues, found) {
		errs = append(errs, fmt.Errorf("host records say %v, the tasks %v", queues, found))
	}
	b := s.books
	if b.Pending != count[Pending] || b.Delayed != count[Delayed] || b.Failed != count[Failed] || b.Seen != int64(len(s.seen)) {
		errs = append(errs, fmt.Errorf("books %+v, tasks %v, %d fingerprints", b, count, len(s.seen)))
	}
	return errors.Join(errs...)
}

func (s *memStore) Close() error { return nil }

// set changes the store under its lock.
func (s *memStore) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// harness is a frontier on a memStore, for use in a bubble.
type harness struct {
	*Frontier
	t     *testing.T
	store *memStore
	ended chan error
	ids   int
}

func start(t *testing.T, s *memStore, o Options) *harness {
	t.Helper()
	f, err := Open(t.Context(), s, o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	h := &harness{Frontier: f, t: t, store: s, ended: make(chan error, 1)}
	go func() { h.ended <- f.Run(context.Background()) }()
	t.Cleanup(func() {
		if h.Err() == nil { // the test broke off
			_ = h.Close(false)
		}
	})
	return h
}

// stop closes the frontier in an orderly way and checks what it left.
func (h *harness) stop() {
	h.t.Helper()
	if err := errors.Join(h.Close(false), <-h.ended); err != nil {
		h.t.Errorf("close: %v", err)
	}
	if err := h.store.Check(context.Background()); err != nil {
		h.t.Errorf("check: %v", err)
	}
}

// link is a task with a fingerprint of its own.
func (h *harness) link(host, payload string) Task {
	h.ids++
	t := Task{Key: Key{Host: host}, Payload: []byte(payload), Handler: "parse"}
	copy(t.Fingerprint[:], fmt.Sprintf("%04d%s", h.ids, payload))
	return t
}

// seed admits a task for each payload.
func (h *harness) seed(host string, payloads ...string) {
	h.t.Helper()
	o := &Outcome{State: Done}
	for _, p := range payloads {
		o.Links = append(o.Links, h.link(host, p))
	}
	h.admit(o)
}

func (h *harness) admit(o *Outcome) {
	h.t.Helper()
	if err := h.Admit(h.t.Context(), o); err != nil {
		h.t.Fatalf("admit: %v", err)
	}
}

func (h *harness) done(l *Lease) { h.t.Helper(); h.admit(&Outcome{Lease: l, State: Done}) }

// next leases and reports the payload, or the wait if there is nothing to lease.
func (h *harness) next() (*Lease, string) {
	h.t.Helper()
	lease, wait, ok := h.Next(h.t.Context())
	switch {
	case ok && lease.Robots:
		return lease, "robots " + lease.Host
	case ok:
		return lease, string(lease.Payload)
	case h.Err() != nil:
		h.t.Fatalf("next: %v", h.Err())
	}
	return nil, "wait " + wait.String()
}

// want checks what a call of next gives.
func (h *harness) want(want string) *Lease {
	h.t.Helper()
	lease, got := h.next()
	if got != want {
		h.t.Fatalf("next is %q, want %q", got, want)
	}
	return lease
}

// within fails if f does not return within d on the bubble's clock.
func within(t *testing.T, d time.Duration, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(d):
		t.Fatalf("%s has not returned after %v", what, d)
	}
}
