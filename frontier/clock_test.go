package frontier

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// at runs f in a bubble whose clock stands so long after the beginning of 2000, which
// is where every bubble begins. So a second bubble can be earlier than the first.
func at(t *testing.T, after time.Duration, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(after)
		f(t)
	})
}

// TestClockJumpsBetweenRuns stops a crawl with a task delayed, a host parked and
// others under their delay, and goes on under a clock that was set: what was to wait
// waits as long as was left at the most, and no clock makes a host be asked too often.
func TestClockJumpsBetweenRuns(t *testing.T) {
	for _, tt := range []struct {
		name          string
		first, second time.Duration
	}{
		{"goes on", year, year + time.Minute},
		{"a minute back", year, year - time.Minute},
		{"a day back", year, year - day},
		{"a year back", year, 0},
		{"two centuries back", 199 * year, 0},
		{"an hour ahead", 0, time.Hour},
		{"a year ahead", 0, year},
		{"two centuries ahead", 0, 199 * year},
		{"behind the last time kept", 240 * year, 241 * year},
		{"back from there", 240 * year, 0},
	} {
		for _, clean := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, clean %t", tt.name, clean), func(t *testing.T) {
				store := newMemStore()
				at(t, tt.first, func(t *testing.T) {
					h := start(t, store, clockOptions())
					h.seed("http://a", "a1", "a2", "a3", "a4")
					h.seed("http://b", "b1", "b2")
					h.done(h.want("a1"))
					h.admit(&Outcome{Lease: h.want("b1"), State: Delayed, Wait: time.Minute, HostWait: 30 * time.Second})
					h.stop()
				})
				store.set(func() { store.books.Clean = clean })
				at(t, tt.second, func(t *testing.T) { runClock(t, store, 5, 2*time.Minute) })
			})
		}
	}
}

func clockOptions() Options {
	return Options{Delay: func(time.Duration) time.Duration { return 10 * time.Second }, PerHost: 1}
}

// runClock runs what is left, n tasks, and checks the delays and the time it takes.
func runClock(t *testing.T, store *memStore, n int, most time.Duration) {
	t.Helper()
	h := start(t, store, clockOptions())
	began, last := time.Now(), map[string]time.Time{}
	for served := 0; served < n; {
		lease, wait, ok := h.Next(t.Context())
		switch {
		case ok:
			if gap := time.Since(last[lease.Host]); !last[lease.Host].IsZero() && gap < 10*time.Second {
				t.Errorf("%s is asked %v after the last time", lease.Host, gap)
			}
			last[lease.Host] = time.Now()
			served++
			h.done(lease)
		case time.Since(began) > most:
			t.Fatalf("after %v, %d of %d tasks are served; next in %v", most, served, n, wait)
		default:
			if wait == 0 {
				wait = time.Second // for the commit that brings delayed tasks back
			}
			time.Sleep(min(wait, most+time.Second))
			synctest.Wait()
		}
	}
	h.stop()
}

// TestStoredTimesOfAnyZone checks that the zone in which a time was written is of no
// account, and neither are times that no count of nanoseconds holds.
func TestStoredTimesOfAnyZone(t *testing.T) {
	for name, committed := range map[string]func(time.Time) time.Time{
		"east":   func(at time.Time) time.Time { return at.In(time.FixedZone("", 14*3600)) },
		"west":   func(at time.Time) time.Time { return at.In(time.FixedZone("", -12*3600)) },
		"none":   func(time.Time) time.Time { return time.Time{} },
		"1950":   func(time.Time) time.Time { return time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC) },
		"2300":   func(time.Time) time.Time { return time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC) },
		"9999":   func(time.Time) time.Time { return time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) },
		"as now": func(at time.Time) time.Time { return at },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newMemStore()
				h := start(t, store, clockOptions())
				h.seed("http://a", "a1", "a2", "a3")
				h.admit(&Outcome{Lease: h.want("a1"), State: Delayed, Wait: time.Minute})
				h.stop()
				store.set(func() { store.books.Time = committed(store.books.Time) })
				runClock(t, store, 3, 2*time.Minute)
			})
		})
	}
}

func TestOpening(t *testing.T) {
	date := func(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }
	for _, tt := range []struct{ wall, committed, want int }{
		{2026, 1, 2026},
		{2026, 2025, 2026},
		{2026, 2027, 2027},
		{1969, 1, 1970},
		{1969, 2026, 2026},
		{2026, 2300, 2200},
		{2300, 2026, 2200},
		{2300, 9999, 2200},
	} {
		if got := opening(date(tt.wall), date(tt.committed)); !got.Equal(date(tt.want)) {
			t.Errorf("in %d, after a commit in %d, the clock starts at %v, want %d", tt.wall, tt.committed, got, tt.want)
		}
	}
}

// TestIntervalOverRuns checks that the age of a group is counted on a clock that runs
// on evenly, whatever the time of the last commit.
func TestIntervalOverRuns(t *testing.T) {
	store := newMemStore()
	at(t, year, func(t *testing.T) {
		h := start(t, store, Options{})
		h.seed("http://a", "1", "2")
		h.stop()
	})
	at(t, 0, func(t *testing.T) {
		h := start(t, store, Options{Interval: 100 * time.Millisecond})
		first := h.want("1")
		h.want("2") // in flight, so that nothing else closes the group
		h.done(first)
		time.Sleep(99 * time.Millisecond)
		synctest.Wait()
		if done := h.Saved().Done; done != 0 {
			t.Errorf("%d tasks are committed before the interval is over", done)
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if done := h.Saved().Done; done != 1 {
			t.Errorf("%d tasks are committed after the interval, want 1", done)
		}
		h.stop()
	})
}
