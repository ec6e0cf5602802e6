package frontier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Admit gives an outcome its place in the order. It blocks while two groups wait
// for the disk. If a change of state fails, nothing of the outcome is kept, the
// lease stays valid, and the error is an [*UpdateError].
func (f *Frontier) Admit(ctx context.Context, o *Outcome) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.err == nil && !f.closing && f.open.full(&f.opts) {
		f.room.Wait()
	}
	switch {
	case f.err != nil:
		return f.err
	case f.closing:
		return ErrClosed
	case o.Lease == nil && o.State != Done:
		return errNoLease
	case o.Lease != nil && o.Lease.void:
		return ErrVoid
	}
	states, err := f.update(ctx, o.Updates)
	if err != nil {
		if _, theirs := errors.AsType[*UpdateError](err); !theirs {
			f.fail(err) // the store cannot be read, and the lease is not given back
		}
		return err
	}
	now := f.now()
	f.open.begin(now)
	if err := f.take(ctx, o, now); err != nil {
		f.fail(err)
		return err
	}
	f.open.add(states)
	f.open.add(o.Values)
	f.tellCommitter()
	f.wake()
	return f.err
}

// An UpdateError says which change of state could not be made.
type UpdateError struct {
	Key string
	Err error
}

func (e *UpdateError) Error() string { return fmt.Sprintf("update state %q: %v", e.Key, e.Err) }

// Unwrap returns the cause.
func (e *UpdateError) Unwrap() error { return e.Err }

// update works out the new values without changing anything yet.
func (f *Frontier) update(ctx context.Context, updates []Update) ([]Value, error) {
	var values []Value
	at := map[string]int{}
	for _, u := range updates {
		i, again := at[u.Key]
		if !again {
			old, err := f.value(ctx, KindState, u.Key)
			if err != nil {
				return nil, err
			}
			i = len(values)
			at[u.Key] = i
			values = append(values, Value{Kind: KindState, Key: u.Key, Data: old})
		}
		data, err := u.Apply(values[i].Data)
		if err != nil {
			return nil, &UpdateError{Key: u.Key, Err: err}
		}
		values[i].Data = data
	}
	return values, nil
}

// take moves the outcome's task to its next state and keeps what it found. An
// error from here on means that the store cannot be read.
func (f *Frontier) take(ctx context.Context, o *Outcome, now time.Time) error {
	var kept Admitted
	if o.State == Done || o.State == Failed {
		if err := f.keep(ctx, o, now, &kept); err != nil {
			return err
		}
	}
	f.books.Seeds += o.Seeds
	f.books.Seeded = f.books.Seeded || o.Seeded
	if o.Lease != nil {
		f.finish(o, now)
	}
	if o.Apply != nil {
		o.Apply(kept)
	}
	return nil
}

// keep admits new tasks and items.
func (f *Frontier) keep(ctx context.Context, o *Outcome, now time.Time, kept *Admitted) error {
	links, err := f.withoutFormer(ctx, o.Links)
	if err != nil {
		return err
	}
	kept.DuplicateLinks = len(o.Links) - len(links)
	fps := make([]Fingerprint, 0, len(links)+len(o.Items))
	for i := range links {
		fps = append(fps, links[i].Fingerprint)
	}
	for i := range o.Items {
		if o.Items[i].Once != nil {
			fps = append(fps, *o.Items[i].Once)
		}
	}
	fresh := make([]bool, len(fps))
	if err := f.unseen(ctx, fps, fresh); err != nil {
		return fmt.Errorf("look up fingerprints: %w", err)
	}
	var marks []Fingerprint
	for i := range links {
		if !fresh[i] && !links[i].Unfiltered {
			kept.DuplicateLinks++
			continue
		}
		kept.Links++
		f.enqueue(&links[i], now)
		if links[i].Mark != (Fingerprint{}) {
			marks = append(marks, links[i].Mark)
		}
	}
	if len(marks) > 0 {
		if err := f.unseen(ctx, marks, make([]bool, len(marks))); err != nil {
			return fmt.Errorf("look up fingerprints: %w", err)
		}
	}
	once := fresh[len(links):]
	for _, item := range o.Items {
		if item.Once != nil {
			isNew := once[0]
			once = once[1:]
			if !isNew {
				kept.DuplicateItems++
				continue
			}
		}
		kept.Items++
		f.open.line(item.Line)
		f.books.Items++
		f.books.ItemBytes += int64(len(item.Line)) + 1
	}
	return nil
}

// withoutFormer leaves out the tasks that are known by a former fingerprint, and the marks
// of those that are kept all the same: each task leaves as many fingerprints as if it had
// had no other.
func (f *Frontier) withoutFormer(ctx context.Context, tasks []Task) ([]Task, error) {
	var former []Fingerprint
	for i := range tasks {
		former = append(former, tasks[i].Former...)
	}
	if len(former) == 0 {
		return tasks, nil
	}
	known, err := f.known(ctx, former)
	if err != nil {
		return nil, fmt.Errorf("look up former fingerprints: %w", err)
	}
	var left []Task
	for _, t := range tasks {
		met := slices.Contains(known[:len(t.Former)], true)
		known = known[len(t.Former):]
		if met {
			t.Mark = Fingerprint{}
		}
		if !met || t.Unfiltered {
			left = append(left, t)
		}
	}
	return left, nil
}

// enqueue appends a task to its host's queue with a new place in the order.
func (f *Frontier) enqueue(t *Task, now time.Time) {
	t.State, t.Rank, t.Due = Pending, rank(t), time.Time{}
	t.Seq = f.books.NextSeq
	f.books.NextSeq++
	f.books.Pending++
	f.count(t, 1)
	h := f.host(t.Host)
	t.Host = h.name // its own may be a part of something larger
	h.level(t.Rank).push(*t, &f.memory)
	f.open.put(*t)
	f.open.touch(h)
	if h.place == nowhere || h.place == ready && t.Rank < h.rank {
		f.settleHost(h, now)
	}
}

// finish ends a lease.
func (f *Frontier) finish(o *Outcome, now time.Time) {
	lease, h := o.Lease, o.Lease.host
	key := lease.Key
	f.release(lease)
	if o.Unfetched && h.slots == 0 {
		h.nextAt = lease.before
	}
	if o.HostSilent || o.State != Pending && !o.Unfetched {
		h.silent = o.HostSilent
	}
	if o.HostWait > 0 {
		h.nextAt = later(h.nextAt, now.Add(o.HostWait))
	}
	if o.State == Pending {
		lease.level.putBack(lease.Task, &f.memory)
	} else {
		f.books.Pending--
		f.count(&lease.Task, -1)
		f.open.remove(key)
	}
	if o.State == Done || o.State == Failed || o.State == Dropped {
		delete(f.opts.Deaths, lease.Fingerprint)
	}
	switch o.State {
	case Done:
		f.books.Done++
	case Dropped:
		f.books.Dropped++
	case Failed:
		f.books.Failed++
		t := lease.Task
		t.State, t.Failure, t.Seq = Failed, o.Failure, f.books.NextSeq
		f.books.NextSeq++
		f.open.put(t)
	case Delayed:
		t := lease.Task
		if o.Retry != nil {
			t = *o.Retry
		}
		f.delay(t, now.Add(max(o.Wait, 0)))
	case Pending, Leased:
	}
	f.open.touch(h)
	f.settleHost(h, now)
}

// delay puts a task aside until a time.
func (f *Frontier) delay(t Task, due time.Time) {
	if !due.After(f.promoted.Due) {
		due = f.promoted.Due.Add(1) // nothing may appear behind the promoter's cursor
	}
	t.State, t.Due, t.Seq = Delayed, due, f.books.NextSeq
	f.books.NextSeq++
	f.books.Delayed++
	f.count(&t, 1)
	f.open.put(t)
	if f.open.firstDue.IsZero() || due.Before(f.open.firstDue) {
		f.open.firstDue = due
	}
	if f.nextDue.IsZero() || due.Before(f.nextDue) {
		f.nextDue = due
	}
}

// promoteChunk bounds the delayed tasks that come back in one step.
const promoteChunk = 256

// promote brings delayed tasks back whose time has come. Only committed ones can
// be read, so it stops where one that is not would stand, and goes on after the
// commit: nothing may be left behind its cursor.
func (f *Frontier) promote(ctx context.Context, now time.Time) {
	if f.nextDue.IsZero() || f.nextDue.After(now) {
		return
	}
	n := 0
	after := Range{State: Delayed, Due: f.promoted.Due, From: f.promoted.Seq + 1}
	for t, err := range f.store.Tasks(ctx, after) {
		switch {
		case err != nil:
			f.fail(fmt.Errorf("read delayed tasks: %w", err))
			return
		case t.Due.After(now):
			f.nextDue = t.Due
			return
		case t.Seq >= f.saved.NextSeq, f.open.delays(t.Due), f.syncing.delays(t.Due):
			f.awaitDelayed()
			return
		case f.open.full(&f.opts):
			f.awaitDelayed()
			return
		case n == promoteChunk:
			return // nextDue stays: the next call goes on
		}
		n++
		f.promoted = t.Key
		f.open.begin(now)
		f.open.remove(t.Key)
		f.books.Delayed--
		f.count(&t, -1)
		f.enqueue(&t, now)
		f.tellCommitter()
	}
	f.awaitDelayed()
}

// awaitDelayed makes the next commit look for delayed tasks again: those that are
// left, if any, are not committed yet.
func (f *Frontier) awaitDelayed() {
	f.nextDue = time.Time{}
	if f.books.Delayed > 0 && !f.open.empty() {
		f.open.due = true
		f.kickCommitter()
	}
}

// Requeue makes failed tasks pending again, those that match says, with their counts
// of attempts at zero. match is called while nothing else is admitted. It returns how
// many they were; an error leaves those in the queue that were put there before.
func (f *Frontier) Requeue(ctx context.Context, match func(t *Task) bool) (n int, err error) {
	for t, err := range f.store.Tasks(ctx, Range{State: Failed}) {
		if err != nil {
			return n, fmt.Errorf("read failed tasks: %w", err)
		}
		back, err := f.requeue(&t, match)
		if err != nil {
			return n, err
		}
		if back {
			n++
		}
	}
	return n, nil
}

func (f *Frontier) requeue(t *Task, match func(t *Task) bool) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.err == nil && !f.closing && f.open.full(&f.opts) {
		f.room.Wait()
	}
	if f.err != nil || f.closing {
		return false, cmp.Or(f.err, ErrClosed)
	}
	if !match(t) {
		return false, nil
	}
	now := f.now()
	f.open.begin(now)
	f.open.remove(t.Key)
	f.books.Failed--
	t.Attempts, t.Blocked, t.Failure = 0, 0, ""
	f.enqueue(t, now)
	f.tellCommitter()
	f.wake()
	return true, f.err
}

// count keeps the numbers of tasks by handler and by session.
func (f *Frontier) count(t *Task, by int64) {
	add := func(m map[string]int64, name string) {
		if m[name] += by; m[name] == 0 {
			delete(m, name)
		}
	}
	add(f.books.Handlers, t.Handler)
	add(f.books.Sessions, t.Session)
}
