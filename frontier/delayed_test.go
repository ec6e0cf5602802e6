package frontier

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestDelayedBehindTheCursor: a committed task comes back while one that was due
// before it waits for its commit. That one must come back, too.
func TestDelayedBehindTheCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, newMemStore(), Options{})
		h.seed("http://a", "late", "early", "other")
		late, early, other := h.want("late"), h.want("early"), h.want("other")
		h.admit(&Outcome{Lease: late, State: Delayed, Wait: 50 * time.Millisecond})
		if err := h.Flush(); err != nil {
			t.Fatal(err)
		}
		h.admit(&Outcome{Lease: early, State: Delayed, Wait: time.Millisecond})
		time.Sleep(100 * time.Millisecond)
		back := map[string]bool{}
		for range 4 {
			if lease, payload := h.next(); lease != nil {
				back[payload] = true
				h.done(lease)
			}
			synctest.Wait()
		}
		if !back["early"] || !back["late"] {
			t.Errorf("came back: %v, want both", back)
		}
		h.done(other)
		h.stop()
	})
}
