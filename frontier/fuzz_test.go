package frontier

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// FuzzFrontier reads bytes as a program of what a crawl can do to its frontier,
// stops, crashes and time included, and holds what must be true of any crawl: every
// task is served and ends once, in time, and the store agrees with its books throughout.
func FuzzFrontier(f *testing.F) {
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) > 200 {
			return // a longer one does no more, and takes longer
		}
		synctest.Test(t, func(t *testing.T) {
			m := machine{t: t, store: newMemStore(), ended: map[string]int{}, last: map[string]time.Time{}}
			m.start()
			for i := 0; i+1 < len(program) && !t.Failed(); i += 2 {
				m.step(program[i], program[i+1])
			}
			m.finish()
		})
	})
}

// machine runs such a program.
type machine struct {
	t      *testing.T
	store  *memStore
	h      *harness
	ids    int
	leases []*Lease
	ended  map[string]int       // by payload: how often it came to an end
	last   map[string]time.Time // by host: when it was asked last
}

const (
	machineDelay   = time.Second
	machinePerHost = 2
	machineHosts   = 3
)

func (m *machine) start() {
	m.h = start(m.t, m.store, Options{
		Delay: func(time.Duration) time.Duration { return machineDelay }, PerHost: machinePerHost,
		GroupPages: 4, Interval: 300 * time.Millisecond,
	})
	m.h.ids = m.ids
}

// stop ends the run in an orderly way; leases out are pending again in the next one.
func (m *machine) stop() {
	for _, l := range m.leases {
		m.h.admit(&Outcome{Lease: l, State: Pending})
	}
	m.leases = nil
	m.ids = m.h.ids
	m.h.stop()
}

func (m *machine) step(op, arg byte) {
	switch op % 8 {
	case 0, 1:
		m.seed(int(arg%machineHosts), 1+int(arg)/machineHosts%5, int32(op>>4)-8)
	case 2, 3:
		m.lease()
	case 4:
		m.end(int(arg), Done, 0)
	case 5:
		m.end(int(arg), []State{Failed, Dropped, Pending}[arg%3], 0)
	case 6:
		m.end(int(arg), Delayed, time.Duration(arg)*100*time.Millisecond)
	case 7:
		if arg < 32 {
			m.stop()
			m.start()
			return
		}
		time.Sleep(time.Duration(arg) * 20 * time.Millisecond)
		synctest.Wait()
	}
}

func (m *machine) seed(host, n int, priority int32) {
	o := &Outcome{State: Done}
	for range n {
		link := m.h.link(fmt.Sprintf("http://%d", host), fmt.Sprintf("task %d", m.h.ids))
		link.Priority = priority
		m.ended[string(link.Payload)] = 0
		o.Links = append(o.Links, link)
	}
	m.h.admit(o)
}

// lease takes what is due, and checks that the host may be asked now.
func (m *machine) lease() {
	lease, _, ok := m.h.Next(m.t.Context())
	if !ok {
		return
	}
	if last, asked := m.last[lease.Host]; asked && time.Since(last) < machineDelay {
		m.t.Errorf("%s is asked %v after the last time", lease.Host, time.Since(last))
	}
	m.last[lease.Host] = time.Now()
	if m.ended[string(lease.Payload)] > 0 {
		m.t.Errorf("%s is leased after its end", lease.Payload)
	}
	if slices.ContainsFunc(m.leases, func(l *Lease) bool { return l.Seq == lease.Seq }) {
		m.t.Errorf("%s is leased twice", lease.Payload)
	}
	m.leases = append(m.leases, lease)
	out := 0
	for _, l := range m.leases {
		if l.Host == lease.Host {
			out++
		}
	}
	if out > machinePerHost {
		m.t.Errorf("%d leases of %s are out", out, lease.Host)
	}
}

func (m *machine) end(which int, s State, wait time.Duration) {
	if len(m.leases) == 0 {
		return
	}
	i := which % len(m.leases)
	lease := m.leases[i]
	m.leases = slices.Delete(m.leases, i, i+1)
	if s == Done || s == Failed || s == Dropped {
		m.ended[string(lease.Payload)]++
	}
	m.h.admit(&Outcome{Lease: lease, State: s, Wait: wait, Failure: "scripted"})
}

// finish lets the crawl end: everything left is served within the time that the
// delays account for.
func (m *machine) finish() {
	for range 2 * len(m.ended) {
		for len(m.leases) > 0 {
			m.end(0, Done, 0)
		}
		if m.h.Idle() {
			break
		}
		before := len(m.leases)
		m.lease()
		if len(m.leases) == before {
			time.Sleep(machineDelay)
			synctest.Wait()
			m.lease()
		}
	}
	for range 30 { // what was delayed for long
		for len(m.leases) > 0 {
			m.end(0, Done, 0)
		}
		time.Sleep(machineDelay)
		synctest.Wait()
		m.lease()
	}
	for len(m.leases) > 0 {
		m.end(0, Done, 0)
	}
	books := m.h.Books()
	m.stop()
	for payload, n := range m.ended {
		if n != 1 {
			m.t.Errorf("%s came to an end %d times", payload, n)
		}
	}
	if all := books.Done + books.Failed + books.Dropped; all != int64(len(m.ended)) || books.Left() != 0 {
		m.t.Errorf("%d tasks: books %+v", len(m.ended), books)
	}
}
