package frontier

import (
	"context"
	"fmt"
	"time"
)

// A group is what is committed together.
type group struct {
	batch  Batch
	hosts  map[string]*host // by name: whose record changed
	values map[valueKey][]byte
	added  map[uint64]int // Seq → index in batch.Put

	first    time.Time // when its oldest outcome was admitted
	firstDue time.Time // of the delayed tasks that it adds; zero: none
	pages    int
	bytes    int
	due      bool // commit now, whatever its age
}

type valueKey struct{ kind, key string }

func (g *group) empty() bool { return g.pages == 0 && g.bytes == 0 && len(g.hosts) == 0 }

// full reports that nothing more may be admitted before it is handed over.
func (g *group) full(o *Options) bool { return g.pages >= o.GroupPages || g.bytes >= o.GroupBytes }

// ripe reports that it is to be committed without waiting for its age.
func (g *group) ripe(o *Options) bool { return !g.empty() && (g.due || g.full(o)) }

// delays reports that it adds a delayed task that is due at a time or before it.
func (g *group) delays(due time.Time) bool {
	return g != nil && !g.firstDue.IsZero() && !due.Before(g.firstDue)
}

// again returns the group emptied, with its memory for the next outcomes.
func (g *group) again() *group {
	clear(g.batch.Put) // lets go of what the tasks hold
	clear(g.batch.Remove)
	clear(g.batch.Hosts)
	clear(g.batch.Values)
	clear(g.hosts)
	clear(g.values)
	clear(g.added)
	return &group{
		batch: Batch{
			Put: g.batch.Put[:0], Remove: g.batch.Remove[:0], Seen: g.batch.Seen[:0],
			Hosts: g.batch.Hosts[:0], Values: g.batch.Values[:0], Lines: g.batch.Lines[:0],
		},
		hosts: g.hosts, values: g.values, added: g.added,
	}
}

// begin counts an outcome.
func (g *group) begin(now time.Time) {
	if g.pages == 0 {
		g.first = now
	}
	g.pages++
}

func (g *group) put(t Task) {
	if g.added == nil {
		g.added = map[uint64]int{}
	}
	g.added[t.Seq] = len(g.batch.Put)
	g.batch.Put = append(g.batch.Put, t)
	g.bytes += t.size()
}

// remove takes a stored task away. One that this group would add never gets to
// the store at all, which spares the store a tombstone at the head of a queue.
func (g *group) remove(k Key) {
	if i, ok := g.added[k.Seq]; ok {
		last := len(g.batch.Put) - 1
		g.batch.Put[i] = g.batch.Put[last]
		g.added[g.batch.Put[i].Seq] = i
		g.batch.Put[last] = Task{}
		g.batch.Put = g.batch.Put[:last]
		delete(g.added, k.Seq)
		return
	}
	g.batch.Remove = append(g.batch.Remove, k)
	g.bytes += 32 + len(k.Host)
}

func (g *group) line(line []byte) {
	g.batch.Lines = append(append(g.batch.Lines, line...), '\n')
	g.bytes += len(line) + 1
}

func (g *group) add(values []Value) {
	for _, v := range values {
		if g.values == nil {
			g.values = map[valueKey][]byte{}
		}
		g.values[valueKey{v.Kind, v.Key}] = v.Data
		g.bytes += len(v.Kind) + len(v.Key) + len(v.Data)
	}
}

func (g *group) touch(h *host) {
	if g.hosts == nil {
		g.hosts = map[string]*host{}
	}
	g.hosts[h.name] = h
}

func (f *Frontier) kickCommitter() {
	select {
	case f.kick <- struct{}{}:
	default:
	}
}

// tellCommitter is called after an outcome was counted: the committer has to hear
// of a group that is ripe, and of one that has begun, to watch its age.
func (f *Frontier) tellCommitter() {
	if f.open.ripe(&f.opts) || f.open.pages == 1 && f.opts.Interval > 0 {
		f.kickCommitter()
	}
}

// Run commits groups until [Frontier.Close], and returns why it had to stop
// before. It also reads the known fingerprints into memory. It is called once.
func (f *Frontier) Run(ctx context.Context) error {
	defer close(f.done)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	filled := make(chan struct{})
	go func() {
		defer close(filled)
		if err := f.fill(ctx); err != nil && ctx.Err() == nil {
			f.mu.Lock()
			f.fail(fmt.Errorf("read fingerprints: %w", err))
			f.mu.Unlock()
		}
	}()
	defer func() { cancel(); <-filled }()
	return f.commitLoop(ctx)
}

func (f *Frontier) commitLoop(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		wait, err := f.commitRipe(ctx)
		if err != nil {
			return err
		}
		var age <-chan time.Time
		if wait > 0 {
			timer.Reset(wait)
			age = timer.C
		}
		select {
		case <-f.kick:
		case <-age:
			f.mu.Lock()
			f.open.due = true
			f.mu.Unlock()
		case <-f.stop:
			return f.commitRest(ctx)
		}
	}
}

// commitRipe commits groups as long as the open one is ripe, and returns the
// time until it will be by its age; 0 if that is not to be waited for.
func (f *Frontier) commitRipe(ctx context.Context) (time.Duration, error) {
	for {
		f.mu.Lock()
		if f.err != nil || !f.open.ripe(&f.opts) && !f.aged() {
			wait := f.untilAged()
			err := f.err
			f.mu.Unlock()
			return wait, err
		}
		g := f.close()
		f.mu.Unlock()
		if err := f.commit(ctx, g); err != nil {
			return 0, err
		}
	}
}

// commitRest commits whatever is left.
func (f *Frontier) commitRest(ctx context.Context) error {
	f.mu.Lock()
	f.open.due = true
	f.mu.Unlock()
	_, err := f.commitRipe(ctx)
	return err
}

func (f *Frontier) aged() bool {
	return f.opts.Interval > 0 && f.open.pages > 0 && f.now().Sub(f.open.first) >= f.opts.Interval
}

func (f *Frontier) untilAged() time.Duration {
	if f.opts.Interval <= 0 || f.open.pages == 0 {
		return 0
	}
	return max(f.opts.Interval-f.now().Sub(f.open.first), time.Millisecond)
}

// close takes the open group and opens the next one.
func (f *Frontier) close() *group {
	g := f.open
	for name, h := range g.hosts {
		rec := Host{Name: name}
		if f.hosts[name] == h {
			rec = h.record()
		}
		g.batch.Hosts = append(g.batch.Hosts, rec)
	}
	for k, data := range g.values {
		g.batch.Values = append(g.batch.Values, Value{Kind: k.kind, Key: k.key, Data: data})
	}
	g.batch.Books = f.bookkeeping()
	f.syncing, f.open, f.spare = g, f.spare, &group{}
	f.closed++
	f.room.Broadcast()
	return g
}

// commit makes a closed group durable. Nothing else commits.
func (f *Frontier) commit(ctx context.Context, g *group) error {
	err := f.store.Commit(ctx, &g.batch)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.fail(fmt.Errorf("commit: %w", err))
		return f.err
	}
	f.saved = g.batch.Books
	f.syncing = nil
	last := g.batch.Books.NextSeq - 1
	for _, h := range g.hosts {
		for _, l := range h.levels {
			l.settle(last, &f.memory)
		}
	}
	if g.bytes <= 2*f.opts.GroupBytes { // one with more would hold its memory for ever
		f.spare = g.again()
	}
	if f.saved.Delayed > 0 {
		f.nextDue = f.now() // those that the promoter could not see before may be due
	}
	f.room.Broadcast()
	f.wake()
	f.opts.Committed(f.saved)
	return nil
}

// Flush returns when everything admitted so far is committed, or with the reason
// why it cannot be.
func (f *Frontier) Flush() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	want := f.closed
	if !f.open.empty() {
		f.open.due = true
		want++
		f.kickCommitter()
	}
	for f.err == nil && (f.closed < want || f.syncing != nil) {
		f.room.Wait()
	}
	return f.err
}

// Close commits what was admitted, notes that the run ended in an orderly way,
// and stops [Frontier.Run], which must be running. finished says that the crawl
// has nothing left to do. It does not close the store.
func (f *Frontier) Close(finished bool) error {
	f.mu.Lock()
	f.closing = true // what came now would be in the books of the last commit and nowhere else
	f.room.Broadcast()
	f.mu.Unlock()
	_ = f.Flush() // its error is f.err
	close(f.stop)
	<-f.done
	defer func() { // when the frontier admits nothing more
		f.reading.Wait() // the store may be closed next
		f.mu.Lock()
		f.tier.free()
		if f.filter != nil {
			f.filter.free()
		}
		f.mu.Unlock()
	}()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	f.books.Clean, f.books.Finished = true, finished
	batch := Batch{Books: f.bookkeeping()}
	if err := f.store.Commit(context.Background(), &batch); err != nil {
		f.fail(fmt.Errorf("commit end of run: %w", err))
		return f.err
	}
	f.saved = batch.Books
	f.err = ErrClosed
	f.wake()
	return nil
}
