package frontier

import (
	"context"
	"slices"
	"time"
)

// windowSize is how many tasks of one queue are read ahead. Reading 64 at once
// makes a pop cost about a microsecond where popping one by one costs ten.
const windowSize = 64

// windowBudget bounds the tasks read ahead or kept over all queues.
const windowBudget = 1 << 16

// A taskMemory is what all queues share.
type taskMemory struct {
	windowed int      // tasks in windows
	spare    [][]Task // empty, for the next tasks that are fresh
	room     int      // of the spare ones, in tasks
}

// spareRoom bounds the memory that is kept for fresh tasks, and leastSpare what is worth it.
const spareRoom, leastSpare = 1 << 14, 16

func (m *taskMemory) take() (tasks []Task) {
	if last := len(m.spare) - 1; last >= 0 {
		tasks, m.spare = m.spare[last], m.spare[:last]
		m.room -= cap(tasks)
	}
	return tasks
}

func (m *taskMemory) giveBack(empty []Task) {
	if n := cap(empty); n >= leastSpare && m.room+n <= spareRoom {
		m.spare = append(m.spare, empty)
		m.room += n
	}
}

// A level is the queue of one (host, rank). Its tasks stand in the order of Seq
// in three parts: window (in memory), stored (in the store only), fresh (admitted
// and not yet committed, so in memory anyway).
type level struct {
	rank   uint32
	leased []uint64 // Seq of tasks being worked on
	window []Task
	stored int64
	next   uint64 // the store's part begins at or after this Seq
	fresh  []Task
}

// ready is the number of tasks that could be leased.
func (l *level) ready() int64 { return int64(len(l.window)) + l.stored + int64(len(l.fresh)) }

// count is the number of pending tasks, leased ones included.
func (l *level) count() int64 { return l.ready() + int64(len(l.leased)) }

// front is the Seq of the first task that could be leased, or a lower one if that
// task was not read yet.
func (l *level) front() uint64 {
	switch {
	case len(l.window) > 0:
		return l.window[0].Seq
	case l.stored == 0 && len(l.fresh) > 0:
		return l.fresh[0].Seq
	}
	return l.next
}

// head is the lowest Seq that is not over. It is called only when count is not 0.
func (l *level) head() uint64 {
	first := l.front()
	if len(l.leased) > 0 {
		if low := slices.Min(l.leased); l.ready() == 0 || low < first {
			return low
		}
	}
	return first
}

// push appends a task that was just admitted.
func (l *level) push(t Task, m *taskMemory) {
	if l.stored == 0 && len(l.fresh) == 0 && len(l.window) < windowSize && m.windowed < windowBudget {
		l.window = append(l.window, t)
		m.windowed++
		return
	}
	if l.fresh == nil {
		l.fresh = m.take()
	}
	l.fresh = append(l.fresh, t)
}

// settle takes note that everything up to Seq last is committed, so that what is
// beyond the window need not stay in memory.
func (l *level) settle(last uint64, m *taskMemory) {
	n := 0
	for ; n < len(l.fresh) && l.fresh[n].Seq <= last; n++ {
		if l.stored == 0 && len(l.window) < windowSize && m.windowed < windowBudget {
			l.window = append(l.window, l.fresh[n])
			m.windowed++
			continue
		}
		if l.stored == 0 {
			l.next = l.fresh[n].Seq
		}
		l.stored++
	}
	l.fresh = slices.Delete(l.fresh, 0, n)
	if len(l.fresh) == 0 {
		m.giveBack(l.fresh)
		l.fresh = nil
	}
}

// fill makes sure that the window holds the first task that could be leased.
func (l *level) fill(ctx context.Context, store Store, host string, m *taskMemory) error {
	if len(l.window) > 0 || l.ready() == 0 {
		return nil
	}
	if l.stored == 0 {
		n := min(windowSize, len(l.fresh))
		l.window = append(l.window, l.fresh[:n]...)
		l.fresh = slices.Delete(l.fresh, 0, n)
		m.windowed += n
		return nil
	}
	limit := min(int64(windowSize), l.stored)
	if m.windowed >= windowBudget {
		limit = 1
	}
	for t, err := range store.Tasks(ctx, Range{State: Pending, Host: host, Rank: l.rank, From: l.next}) {
		if err != nil {
			return err
		}
		l.window = append(l.window, t)
		if int64(len(l.window)) == limit {
			break
		}
	}
	if int64(len(l.window)) < limit {
		return damaged("queue %d of %s holds %d tasks where its books count %d", l.rank, host, len(l.window), l.stored)
	}
	l.stored -= limit
	l.next = l.window[limit-1].Seq + 1
	m.windowed += int(limit)
	return nil
}

// pop leases the first task of the window.
func (l *level) pop(m *taskMemory) Task {
	t := l.window[0]
	l.window[0] = Task{} // its payload goes with the lease
	l.window = l.window[1:]
	m.windowed--
	l.leased = append(l.leased, t.Seq)
	return t
}

// release forgets a leased task.
func (l *level) release(seq uint64) {
	if i := slices.Index(l.leased, seq); i >= 0 {
		l.leased[i] = l.leased[len(l.leased)-1]
		l.leased = l.leased[:len(l.leased)-1]
	}
}

// putBack returns an interrupted task to its place.
func (l *level) putBack(t Task, m *taskMemory) {
	i, _ := slices.BinarySearchFunc(l.window, t.Seq, func(w Task, seq uint64) int {
		if w.Seq < seq {
			return -1
		}
		return 1
	})
	l.window = slices.Insert(l.window, i, t)
	m.windowed++
}

// A host is a unit of politeness in play.
type host struct {
	name   string
	nextAt time.Time
	levels []*level // by rank, only those that hold tasks
	slots  int      // leases out, a request for robots.txt included
	silent bool     // it did not answer, and has one slot only

	robotsDelay time.Duration
	robotsUntil time.Time // robots.txt is known until then
	asking      bool      // somebody is fetching robots.txt

	place placement
	index int // in the heap of its place
	rank  uint32
	seq   uint64 // with rank: the first task, while ready
}

// level returns the queue of a rank, made if need be.
func (h *host) level(rank uint32) *level {
	i, ok := slices.BinarySearchFunc(h.levels, rank, func(l *level, r uint32) int {
		switch {
		case l.rank < r:
			return -1
		case l.rank > r:
			return 1
		}
		return 0
	})
	if !ok {
		h.levels = slices.Insert(h.levels, i, &level{rank: rank})
	}
	return h.levels[i]
}

// first returns the queue that is served next, nil if nothing could be leased.
func (h *host) first() *level {
	for _, l := range h.levels {
		if l.ready() > 0 {
			return l
		}
	}
	return nil
}

// prune drops queues that hold nothing.
func (h *host) prune() {
	h.levels = slices.DeleteFunc(h.levels, func(l *level) bool { return l.count() == 0 })
}

// record is the host's stored form.
func (h *host) record() Host {
	r := Host{Name: h.name, NextAt: h.nextAt}
	for _, l := range h.levels {
		if n := l.count(); n > 0 {
			r.Queues = append(r.Queues, Queue{Rank: l.rank, Head: l.head(), Count: n})
		}
	}
	return r
}
