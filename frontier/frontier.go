package frontier

import (
	"container/heap"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"sync"
	"time"
)

// Options shape a frontier. The zero value works.
type Options struct {
	// Interval is the age at which a group of outcomes is committed. Zero leaves
	// the other reasons: GroupPages, GroupBytes, nothing in flight, a stop.
	Interval time.Duration
	// GroupPages bounds the outcomes of one group. Default 1024.
	GroupPages int
	// GroupBytes is the size at which a group is committed. Default 8 MB.
	GroupBytes int
	// SeenBytes bounds the memory for known fingerprints. Default 128 MB.
	SeenBytes int64
	// Scratch opens an empty file for about so many bytes, which the frontier closes. It has
	// one once SeenBytes does not hold all known fingerprints, and another one while that is
	// replaced. Nil is none: the store is asked then, which takes longer.
	Scratch func(bytes int64) (Scratch, error)
	// ScratchFailed is called with an error of Scratch or of such a file, from any goroutine.
	// The frontier goes on without it. It must be quick.
	ScratchFailed func(error)
	// PerHost bounds the leases out for one host. Default: no bound.
	PerHost int
	// OneFirst asks a host for one task at a time until it answers, so that one that never
	// does holds no slots that others could use. See [Outcome].HostSilent.
	OneFirst bool
	// Delay returns the least time between two leases of a host whose robots.txt
	// asks for the given one. It is called while nothing else is admitted. Nil is no delay.
	Delay func(robots time.Duration) time.Duration
	// Robots makes a lease for robots.txt come before the first task of a host.
	Robots bool
	// Deaths holds the tasks, by Fingerprint, that were being handled when the process
	// died, with the number of times.
	Deaths map[Fingerprint]int
	// Note is called when a group closes; what it returns becomes [Books].Note.
	Note func() json.RawMessage
	// Committed is called after each commit. It must be quick.
	Committed func(Books)
}

// A Frontier is the one place where outcomes are admitted and leases are given.
// Its methods may be called from several goroutines.
type Frontier struct {
	store   Store
	opts    Options
	resumed Books // as found at open

	mu     sync.Mutex
	room   *sync.Cond // a group was committed, or the frontier failed
	books  Books
	saved  Books // as of the last commit
	tier   *tier
	filter *filter // nil while the tier is, or may become, complete

	filled   Fingerprint // those known that come before it are in the tier or, if there is one, in the filter
	filtered bool        // all of them are in the filter

	file  *knownFile // nil while there is none
	filed int64      // how many were committed when the last one was begun

	hosts   map[string]*host
	waiting hostHeap // hosts whose time has not come, by nextAt
	ready   hostHeap // hosts that could be served, by their first task
	leases  int
	solo    bool // the one lease out runs alone
	memory  taskMemory

	nextDue  time.Time // no delayed task is due earlier; zero: none is known
	promoted Key       // the last delayed task that came back

	open    *group // takes what is admitted
	syncing *group // on its way to the store, or nil
	spare   *group // empty: the next to be open
	closed  uint64 // groups closed so far
	err     error  // why nothing can be admitted any more
	closing bool   // Close was called

	started time.Time // when it was opened, on the machine's clock
	unclean bool
	opened  time.Time

	reading sync.WaitGroup // recalls that read the store

	filtering chan struct{} // closed when there is a filter to be filled
	growing   chan struct{} // receives a value when the file of known fingerprints is outgrown
	unread    chan error    // receives why the file could not be read, to be told of where nothing is locked

	changed chan struct{}
	kick    chan struct{}
	stop    chan struct{}
	done    chan struct{}
}

// Open reads the books and the hosts in play and begins a run, which it commits.
// The caller runs [Frontier.Run] and, at the end, [Frontier.Close].
func Open(ctx context.Context, store Store, opts Options) (*Frontier, error) {
	if opts.GroupPages <= 0 {
		opts.GroupPages = 1024
	}
	if opts.GroupBytes <= 0 {
		opts.GroupBytes = 8 << 20
	}
	if opts.SeenBytes <= 0 {
		opts.SeenBytes = 128 << 20
	}
	opts.SeenBytes = max(opts.SeenBytes, minTierBytes)
	if opts.Delay == nil {
		opts.Delay = func(robots time.Duration) time.Duration { return robots }
	}
	if opts.Note == nil {
		opts.Note = func() json.RawMessage { return nil }
	}
	if opts.Committed == nil {
		opts.Committed = func(Books) {}
	}
	if opts.ScratchFailed == nil {
		opts.ScratchFailed = func(error) {}
	}
	f := &Frontier{
		store: store, opts: opts, tier: newTier(opts.SeenBytes), hosts: map[string]*host{},
		filtering: make(chan struct{}), growing: make(chan struct{}, 1), unread: make(chan error, 1),
		changed: make(chan struct{}, 1), kick: make(chan struct{}, 1),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	f.room = sync.NewCond(&f.mu)
	f.waiting.less = func(a, b *host) bool { return a.nextAt.Before(b.nextAt) }
	f.ready.less = func(a, b *host) bool {
		return a.rank < b.rank || a.rank == b.rank && a.seq < b.seq
	}
	if err := f.load(ctx); err != nil {
		return nil, err
	}
	f.open, f.spare = &group{}, &group{}
	return f, f.begin(ctx)
}

// load reads what the last run left.
func (f *Frontier) load(ctx context.Context) error {
	books, err := f.store.Load(ctx)
	if err != nil {
		return fmt.Errorf("load books: %w", err)
	}
	f.resumed, f.books = books, books
	f.books.Handlers = cloneCounts(books.Handlers)
	f.books.Sessions = cloneCounts(books.Sessions)
	f.started = time.Now()
	f.opened = opening(f.started, books.Time)
	f.unclean = books.Run > 0 && !books.Clean
	if books.NextSeq == 0 {
		f.books.NextSeq = 1 // 0 means "not admitted"
	}
	f.tier.complete = books.Seen == 0
	if books.Seen > f.tier.packed.capacity() {
		f.beginFilter()
	}
	if books.Delayed > 0 {
		f.nextDue = f.opened
	}
	for rec, err := range f.store.Hosts(ctx) {
		if err != nil {
			return fmt.Errorf("load hosts: %w", err)
		}
		f.restore(rec)
	}
	heap.Init(&f.waiting)
	heap.Init(&f.ready)
	return nil
}

// restore puts a host in play. The heaps are put in order when all of them are there.
func (f *Frontier) restore(rec Host) {
	h := &host{name: rec.Name, nextAt: rec.NextAt, silent: f.opts.OneFirst}
	if f.unclean {
		h.nextAt = later(h.nextAt, f.opened.Add(f.opts.Delay(0)))
	}
	for _, q := range rec.Queues {
		l := h.level(q.Rank)
		l.stored, l.next = q.Count, q.Head
	}
	f.hosts[h.name] = h
	if l := h.first(); l != nil && !h.nextAt.After(f.opened) {
		h.rank, h.seq = l.rank, l.front()
		h.place = ready
		f.ready.Push(h)
		return
	}
	h.place = waiting
	f.waiting.Push(h)
}

// begin commits that a run has started, so that an unclean end shows.
func (f *Frontier) begin(ctx context.Context) error {
	f.books.Run++
	f.books.Clean = false
	f.books.Finished = false
	books := f.bookkeeping()
	books.Note = f.resumed.Note // the crawler has not seen it yet
	if err := f.store.Commit(ctx, &Batch{Books: books}); err != nil {
		return fmt.Errorf("commit start of run: %w", err)
	}
	f.saved = books
	return nil
}

// now is the frontier's clock. It starts with the wall clock, or with the last
// commit if that is later, and then runs on evenly whatever is done to the wall clock.
func (f *Frontier) now() time.Time { return f.opened.Add(time.Since(f.started)) }

// Resumed returns the books as they were before this run; Run is 0 if there was none.
func (f *Frontier) Resumed() Books { return f.resumed }

// Books returns the counters as admitted so far.
func (f *Frontier) Books() Books {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bookkeeping()
}

// Saved returns the counters as of the last commit.
func (f *Frontier) Saved() Books {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.saved
}

// bookkeeping is a copy of the books that later admissions leave alone.
func (f *Frontier) bookkeeping() Books {
	b := f.books
	b.Time = f.now()
	b.Handlers = cloneCounts(f.books.Handlers)
	b.Sessions = cloneCounts(f.books.Sessions)
	b.Note = f.opts.Note()
	return b
}

func cloneCounts(m map[string]int64) map[string]int64 {
	c := make(map[string]int64, len(m))
	maps.Copy(c, m)
	return c
}

// Leases returns the number of leases out.
func (f *Frontier) Leases() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.leases
}

// Changed receives a value after anything that may let [Frontier.Next] answer differently.
func (f *Frontier) Changed() <-chan struct{} { return f.changed }

// Err returns why the frontier can admit nothing any more, nil while it can.
func (f *Frontier) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Idle reports whether every task admitted so far is over and committed, with no
// lease out. Whether the crawl is finished depends on the start requests, too.
func (f *Frontier) Idle() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err == nil && f.leases == 0 && f.books.Left() == 0 && f.saved.Left() == 0 &&
		f.open.empty() && f.syncing == nil
}

// Value returns one value as admitted so far, nil if there is none.
func (f *Frontier) Value(ctx context.Context, kind, key string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.value(ctx, kind, key)
}

func (f *Frontier) value(ctx context.Context, kind, key string) ([]byte, error) {
	for _, g := range []*group{f.open, f.syncing} {
		if g != nil {
			if data, ok := g.values[valueKey{kind, key}]; ok {
				return data, nil
			}
		}
	}
	for v, err := range f.store.Values(ctx, kind, &key) {
		if err != nil {
			return nil, fmt.Errorf("read %s %q: %w", kind, key, err)
		}
		return v.Data, nil
	}
	return nil, nil
}

// Values yields the committed values of a kind.
func (f *Frontier) Values(ctx context.Context, kind string) iter.Seq2[Value, error] {
	return f.store.Values(ctx, kind, nil)
}

// FailedTasks yields the committed failed tasks in the order in which they failed.
func (f *Frontier) FailedTasks(ctx context.Context) iter.Seq2[Task, error] {
	return f.store.Tasks(ctx, Range{State: Failed})
}

// Check compares the store with its books. Nothing may be committed meanwhile.
func (f *Frontier) Check(ctx context.Context) error { return f.store.Check(ctx) }

// fail ends the frontier: nothing is admitted or leased from now on.
func (f *Frontier) fail(err error) {
	if f.err == nil {
		f.err = err
	}
	f.room.Broadcast()
	f.wake()
	f.kickCommitter() // it ends
}

func (f *Frontier) wake() {
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrDamaged, fmt.Errorf(format, args...))
}

// opening is where the frontier's clock starts: at the time on the wall, or at that of
// the last commit if a wall clock that was set back has not come there yet. It keeps
// within the times that a store can hold, a lifetime from their end.
func opening(wall, committed time.Time) time.Time {
	first, last := time.Unix(0, 0), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	at := later(later(wall, committed), first)
	if at.After(last) {
		at = last
	}
	return at.Round(0)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

var errNoLease = errors.New("outcome without a lease")
