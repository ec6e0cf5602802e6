package frontier

import (
	"container/heap"
	"context"
	"fmt"
	"strings"
	"time"
)

// placement says which heap a host is in.
type placement uint8

const (
	nowhere placement = iota // nothing to lease, no slot free, or robots.txt on its way
	waiting
	ready
)

// hostHeap orders hosts by less.
type hostHeap struct {
	hosts []*host
	less  func(a, b *host) bool
}

func (q *hostHeap) Len() int           { return len(q.hosts) }
func (q *hostHeap) Less(i, j int) bool { return q.less(q.hosts[i], q.hosts[j]) }
func (q *hostHeap) Swap(i, j int) {
	q.hosts[i], q.hosts[j] = q.hosts[j], q.hosts[i]
	q.hosts[i].index, q.hosts[j].index = i, j
}

func (q *hostHeap) Push(x any) { h := x.(*host); h.index = len(q.hosts); q.hosts = append(q.hosts, h) }

func (q *hostHeap) Pop() any {
	last := len(q.hosts) - 1
	h := q.hosts[last]
	q.hosts[last] = nil
	q.hosts = q.hosts[:last]
	return h
}
func (q *hostHeap) push(h *host)   { heap.Push(q, h) }
func (q *hostHeap) remove(h *host) { heap.Remove(q, h.index) }

// host returns the host in play with a name, put in play if need be.
func (f *Frontier) host(name string) *host {
	h := f.hosts[name]
	if h == nil {
		name = strings.Clone(name) // it may be a part of something larger
		h = &host{name: name, silent: f.opts.OneFirst}
		if f.unclean {
			// It may have been asked just before the last run died.
			h.nextAt = f.opened.Add(f.opts.Delay(0))
		}
		f.hosts[name] = h
	}
	return h
}

// settleHost moves a host to where it belongs after anything about it changed.
func (f *Frontier) settleHost(h *host, now time.Time) {
	switch h.place {
	case waiting:
		f.waiting.remove(h)
	case ready:
		f.ready.remove(h)
	case nowhere:
	}
	h.place = nowhere
	h.prune()
	full := h.asking || h.silent && h.slots > 0 || f.opts.PerHost > 0 && h.slots >= f.opts.PerHost
	l := h.first()
	switch {
	case l == nil && h.slots > 0, l != nil && full:
		return // its own outcome brings it back
	case h.nextAt.After(now):
		h.place = waiting
		f.waiting.push(h)
	case l == nil && len(h.levels) > 0:
		return // only void leases are left; their tasks wait for the next run
	case l == nil:
		delete(f.hosts, h.name)
		f.open.touch(h)
	default:
		h.rank, h.seq = l.rank, l.front()
		h.place = ready
		f.ready.push(h)
	}
}

// Next leases the task that should be fetched now. If there is none, ok is false
// and wait says when to ask again; a wait of 0 means after [Frontier.Changed].
func (f *Frontier) Next(ctx context.Context) (lease *Lease, wait time.Duration, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil || f.closing || f.solo {
		return nil, 0, false
	}
	now := f.now()
	f.promote(context.WithoutCancel(ctx), now)
	for n := 0; f.due(now) && (n < dueChunk || f.ready.Len() == 0); n++ {
		f.settleHost(f.waiting.hosts[0], now)
	}
	h, err := f.choose(context.WithoutCancel(ctx)) // what cannot be read ends the frontier
	switch {
	case err != nil:
		f.fail(err)
		return nil, 0, false
	case f.err != nil:
		return nil, 0, false
	case h == nil:
		f.rest()
		return nil, f.waitFrom(now), false
	}
	lease = f.lease(h, now)
	return lease, 0, lease != nil
}

// dueChunk bounds the hosts that become ready in one step, so that a million of them
// whose time has come at once hold nobody up. They are few otherwise.
const dueChunk = 256

// due reports that the time of the first waiting host has come.
func (f *Frontier) due(now time.Time) bool {
	return f.waiting.Len() > 0 && !f.waiting.hosts[0].nextAt.After(now)
}

// choose returns the ready host whose first task comes first, and has read that task;
// nil if there is none. A queue is read when its turn has come, not before: of a million
// hosts most wait long for it.
func (f *Frontier) choose(ctx context.Context) (*host, error) {
	for f.ready.Len() > 0 {
		h := f.ready.hosts[0]
		l := h.first()
		if err := l.fill(ctx, f.store, h.name, &f.memory); err != nil {
			return nil, fmt.Errorf("read the queue of %s: %w", h.name, err)
		}
		if h.seq == l.window[0].Seq {
			return h, nil
		}
		h.seq = l.window[0].Seq // it was a guess
		heap.Fix(&f.ready, 0)
	}
	return nil, nil //nolint:nilnil // no host is ready, and nothing is wrong
}

// rest commits early when nothing is in flight, since nothing else will.
func (f *Frontier) rest() {
	if f.leases == 0 && !f.open.empty() && !f.open.due {
		f.open.due = true
		f.kickCommitter()
	}
}

// waitFrom is the time until a host or a delayed task is due, 0 if none will be.
func (f *Frontier) waitFrom(now time.Time) time.Duration {
	next := f.nextDue
	if f.waiting.Len() > 0 && (next.IsZero() || f.waiting.hosts[0].nextAt.Before(next)) {
		next = f.waiting.hosts[0].nextAt
	}
	if next.IsZero() {
		return 0
	}
	return max(next.Sub(now), time.Microsecond)
}

// lease takes the first task of a ready host, or asks for its robots.txt.
func (f *Frontier) lease(h *host, now time.Time) *Lease {
	if f.opts.Robots && !h.robotsUntil.After(now) {
		h.asking = true
		h.slots++
		f.leases++
		f.settleHost(h, now)
		return &Lease{Task: Task{Key: Key{Host: h.name}}, Robots: true, host: h, before: h.nextAt}
	}
	l := h.first()
	deaths := f.opts.Deaths[l.window[0].Fingerprint]
	if deaths > 0 {
		if f.leases > 0 {
			return nil // it runs alone, when the others are back
		}
		f.solo = true
	}
	lease := &Lease{Task: l.pop(&f.memory), Deaths: deaths, host: h, level: l, before: h.nextAt}
	h.slots++
	f.leases++
	if d := f.opts.Delay(h.robotsDelay); d > 0 {
		h.nextAt = now.Add(d)
	}
	f.settleHost(h, now)
	return lease
}

// release takes a lease back; what became of its task is the caller's business.
func (f *Frontier) release(lease *Lease) {
	lease.void = true
	lease.host.slots--
	f.leases--
	f.solo = false
	if lease.level != nil {
		lease.level.release(lease.Seq)
	}
}

// SetRobots answers a lease for robots.txt: the host may be asked for tasks
// during ttl, with the delay that its robots.txt wants. values are committed
// with it. A host whose robots.txt could not be had is parked for wait instead, and asked again.
func (f *Frontier) SetRobots(ctx context.Context, lease *Lease, ttl, delay, wait time.Duration, values []Value) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case lease.void:
		return ErrVoid
	case f.err != nil:
		return f.err
	case f.closing:
		return ErrClosed
	}
	f.release(lease)
	now, h := f.now(), lease.host
	h.asking = false
	if wait > 0 {
		h.nextAt = later(h.nextAt, now.Add(wait))
	} else {
		h.robotsDelay, h.robotsUntil = delay, now.Add(max(ttl, time.Second))
		if f.unclean {
			h.nextAt = later(h.nextAt, f.opened.Add(f.opts.Delay(delay)))
		}
	}
	f.open.add(values)
	f.open.touch(h)
	f.settleHost(h, now)
	f.tellCommitter() // large ones fill the group, and an admission waits for room
	f.wake()
	return f.err
}

// Answered says that the host of a lease has answered, ahead of the lease's outcome:
// what was found may take its time, and the host need not have one slot only for that.
func (f *Frontier) Answered(lease *Lease) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h := lease.host; !lease.void && h.silent {
		h.silent = false
		f.settleHost(h, f.now())
		f.wake()
	}
}

// Void gives up a lease whose holder will not come back: its task stays pending
// in the store and is not leased again in this run.
func (f *Frontier) Void(ctx context.Context, lease *Lease) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if lease.void {
		return
	}
	lease.void = true
	lease.host.slots--
	f.leases--
	f.solo = false
	f.settleHost(lease.host, f.now())
	f.wake()
}
