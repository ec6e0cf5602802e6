package frontier

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestOrder checks who is served first: the front of a host's queue, then higher
// priorities, then earlier admission, over all hosts.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, newMemStore(), Options{})
		o := &Outcome{State: Done}
		for _, l := range []struct {
			host     string
			priority int32
			front    bool
			payload  string
		}{
			{"http://a", 0, false, "a1"},
			{"http://b", 0, false, "b1"},
			{"http://a", -5, false, "low"},
			{"http://b", 9, false, "high"},
			{"http://a", 0, false, "a2"},
			{"http://b", -5, true, "front"},
			{"http://c", MaxPriority, false, "highest"},
		} {
			task := h.link(l.host, l.payload)
			task.Priority, task.Front = l.priority, l.front
			o.Links = append(o.Links, task)
		}
		h.admit(o)
		var got []string
		for range o.Links {
			lease, payload := h.next()
			h.done(lease)
			got = append(got, payload)
		}
		want := []string{"front", "highest", "high", "a1", "b1", "a2", "low"}
		if !slices.Equal(got, want) {
			t.Errorf("order %v, want %v", got, want)
		}
		h.stop()
	})
}

// TestOrderAcrossRuns checks that long queues keep their order from window to
// window, and over a stop with leases out.
func TestOrderAcrossRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemStore()
		const n = 3*windowSize + 7
		h := start(t, s, Options{GroupPages: 50})
		for i := range n {
			h.seed("http://a", fmt.Sprint(i))
		}
		var left []string
		for i := range n {
			left = append(left, fmt.Sprint(i))
		}
		for run := 0; len(left) > 0; run++ {
			var leases []*Lease
			for _, want := range left[:min(40, len(left))] {
				leases = append(leases, h.want(want))
			}
			back := min(run%6, len(leases)-1) // the first few are interrupted, the others done
			for _, lease := range leases[back:] {
				h.done(lease)
			}
			for _, lease := range slices.Backward(leases[:back]) {
				h.admit(&Outcome{Lease: lease, State: Pending})
			}
			left = slices.Concat(left[:back], left[len(leases):])
			h.stop()
			h = start(t, s, Options{GroupPages: 50})
		}
		h.want("wait 0s")
		h.stop()
		if s.books.Done != n || len(s.hosts) != 0 {
			t.Errorf("at the end: books %+v, hosts %v", s.books, s.hosts)
		}
	})
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, newMemStore(), Options{Delay: func(time.Duration) time.Duration { return time.Second }})
		h.seed("http://a", "a1", "a2", "a3")
		h.seed("http://b", "b1")
		a1 := h.want("a1")
		h.done(h.want("b1"))
		h.want("wait 1s")
		time.Sleep(400 * time.Millisecond)
		h.done(a1) // the delay is between beginnings, whatever a page takes
		h.want("wait 600ms")
		time.Sleep(600 * time.Millisecond)
		lease := h.want("a2")
		h.admit(&Outcome{Lease: lease, State: Dropped, Unfetched: true})
		lease = h.want("a3") // nothing was asked of the host for a2
		h.admit(&Outcome{Lease: lease, State: Delayed, Wait: time.Minute, HostWait: 5 * time.Second})
		h.seed("http://a", "a4")
		h.want("wait 5s")
		time.Sleep(5 * time.Second)
		h.done(h.want("a4"))
		h.stop()
	})
}

func TestPerHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, newMemStore(), Options{PerHost: 2})
		h.seed("http://a", "a1", "a2", "a3")
		h.seed("http://b", "b1")
		first, second := h.want("a1"), h.want("a2")
		other := h.want("b1")
		h.want("wait 0s")
		if n := h.Leases(); n != 3 {
			t.Errorf("%d leases are out, want 3", n)
		}
		h.done(second)
		third := h.want("a3")
		for _, l := range []*Lease{first, third, other} {
			h.done(l)
		}
		h.stop()
	})
}

func TestRobots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemStore()
		h := start(t, s, Options{Robots: true, Delay: func(robots time.Duration) time.Duration { return robots }})
		h.seed("http://a", "a1", "a2")
		h.seed("http://b", "b1")
		a, b := h.want("robots http://a"), h.want("robots http://b")
		h.want("wait 0s") // nobody asks twice
		answer := func(l *Lease, ttl, delay, wait time.Duration, values ...Value) {
			t.Helper()
			if err := h.SetRobots(t.Context(), l, ttl, delay, wait, values); err != nil {
				t.Fatal(err)
			}
		}
		answer(a, time.Minute, 2*time.Second, 0, Value{Kind: "robots", Key: "http://a", Data: []byte("rules")})
		answer(b, 0, 0, time.Hour)
		if err := h.SetRobots(t.Context(), a, 0, 0, 0, nil); !errors.Is(err, ErrVoid) {
			t.Errorf("second answer: %v", err)
		}
		h.done(h.want("a1"))
		h.want("wait 2s") // as robots.txt of a asks
		time.Sleep(2 * time.Second)
		h.done(h.want("a2"))
		h.want("wait 2s") // until nothing more is to be known of a
		time.Sleep(time.Hour)
		b = h.want("robots http://b")
		answer(b, time.Hour, 0, 0)
		lease := h.want("b1")
		h.seed("http://a", "a3")
		a = h.want("robots http://a") // it was known for a minute
		h.done(lease)
		answer(a, time.Hour, 0, 0)
		h.done(h.want("a3"))
		h.stop()
		if got := string(s.values[valueKey{"robots", "http://a"}]); got != "rules" {
			t.Errorf("committed robots.txt is %q", got)
		}
	})
}

// TestDelayed checks that retries come back at their times, in order, with a new
// place, and over a stop.
func TestDelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemStore()
		h := start(t, s, Options{})
		h.seed("http://a", "1", "2", "3")
		for _, wait := range []time.Duration{3 * time.Second, time.Second, 2 * time.Second} {
			lease, _ := h.next()
			retry := lease.Task
			retry.Attempts++
			h.admit(&Outcome{Lease: lease, State: Delayed, Wait: wait, Retry: &retry})
		}
		if h.Idle() {
			t.Error("idle with delayed tasks")
		}
		h.want("wait 1s")
		time.Sleep(time.Second)
		lease := h.want("2")
		if lease.Attempts != 1 {
			t.Errorf("it comes back with %d attempts", lease.Attempts)
		}
		h.done(lease)
		h.stop()
		if s.books.Delayed != 2 || s.books.Handlers["parse"] != 2 {
			t.Errorf("books %+v", s.books)
		}
		h = start(t, s, Options{})
		h.want("wait 1s")
		time.Sleep(2 * time.Second)
		h.done(h.want("3"))
		h.done(h.want("1"))
		synctest.Wait()
		h.next()
		synctest.Wait()
		if !h.Idle() || len(s.books.Handlers) != 0 {
			t.Errorf("not idle at the end: %+v", h.Books())
		}
		h.stop()
	})
}

// TestDelayedForNoTime checks that a retry which is due at once is never behind
// the place up to which delayed tasks came back.
func TestDelayedForNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, newMemStore(), Options{})
		h.seed("http://a", "1")
		for range 5 {
			h.admit(&Outcome{Lease: h.want("1"), State: Delayed})
			if err := h.Flush(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Microsecond)
		}
		h.done(h.want("1"))
		h.stop()
	})
}

// TestSuspects checks that a task which may kill the process runs alone.
func TestSuspects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemStore()
		h := start(t, s, Options{})
		h.seed("http://a", "1", "2", "3")
		suspect := h.want("1").Fingerprint
		second := h.want("2").Fingerprint
		if err := h.Flush(); err != nil {
			t.Fatal(err)
		}
		_ = h.Close(false)
		h = start(t, s, Options{Deaths: map[Fingerprint]int{suspect: 2, second: 1}})
		first := h.want("1")
		if first.Deaths != 2 {
			t.Errorf("it died %d times", first.Deaths)
		}
		h.want("wait 0s")
		h.admit(&Outcome{Lease: first, State: Pending}) // interrupted: no longer under suspicion
		first = h.want("1")
		h.want("wait 0s") // the second suspect waits for it
		h.done(first)
		lease := h.want("2")
		h.want("wait 0s")
		h.done(lease)
		h.done(h.want("3"))
		h.stop()
	})
}

// TestVoid checks that the task of a lease that was given up is not leased again
// in this run and not lost for the next one.
func TestVoid(t *testing.T) {
	for _, others := range []int{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			s := newMemStore()
			h := start(t, s, Options{})
			h.seed("http://a", append([]string{"1"}, []string{"2"}[:others]...)...)
			if err := h.Flush(); err != nil {
				t.Fatal(err)
			}
			lease := h.want("1")
			h.Void(t.Context(), lease)
			h.Void(t.Context(), lease)
			if err := h.Admit(t.Context(), &Outcome{Lease: lease, State: Done}); !errors.Is(err, ErrVoid) {
				t.Errorf("admit on a void lease: %v", err)
			}
			if others > 0 {
				h.done(h.want("2"))
			}
			h.want("wait 0s")
			if h.Idle() || h.Leases() != 0 {
				t.Errorf("idle %v with %d leases", h.Idle(), h.Leases())
			}
			h.stop()
			h = start(t, s, Options{})
			h.done(h.want("1"))
			h.want("wait 0s")
			synctest.Wait()
			if !h.Idle() {
				t.Error("not idle at the end")
			}
			h.stop()
		})
	}
}

// TestClockSetBack checks that times of an earlier run do not make this one wait
// for a clock that was set back.
func TestClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemStore()
		h := start(t, s, Options{Delay: func(time.Duration) time.Duration { return time.Second }})
		h.seed("http://a", "1", "2")
		h.admit(&Outcome{Lease: h.want("1"), State: Delayed, Wait: time.Minute})
		h.stop()
		year := 365 * 24 * time.Hour
		s.set(func() { // what was stored under a clock that was a year ahead
			s.books.Time = s.books.Time.Add(year)
			for name, rec := range s.hosts {
				rec.NextAt = rec.NextAt.Add(year)
				s.hosts[name] = rec
			}
			for key, task := range s.tasks {
				if task.State == Delayed {
					task.Due = task.Due.Add(year)
					s.tasks[key] = task
				}
			}
		})
		h = start(t, s, Options{Delay: func(time.Duration) time.Duration { return time.Second }})
		h.want("wait 1s")
		time.Sleep(time.Second)
		h.done(h.want("2"))
		if lease, got := h.next(); lease != nil || !strings.HasPrefix(got, "wait") {
			t.Errorf("next is %s", got)
		}
		time.Sleep(time.Minute)
		h.done(h.want("1"))
		h.stop()
		if s.books.Time.Before(time.Now().Add(year)) {
			t.Error("the frontier's clock ran backwards")
		}
	})
}

// TestUncleanStart checks that every host waits its delay after an unclean stop.
func TestUncleanStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemStore()
		delay := func(time.Duration) time.Duration { return 3 * time.Second }
		h := start(t, s, Options{Delay: delay})
		h.seed("http://a", "1")
		if err := h.Flush(); err != nil {
			t.Fatal(err)
		}
		left := s.books
		h.stop()
		s.set(func() { s.books = left }) // as if the last commit had not come about
		h = start(t, s, Options{Delay: delay})
		h.want("wait 3s")
		h.stop()
		h = start(t, s, Options{Delay: delay})
		h.want("1")
		h.stop()
	})
}
