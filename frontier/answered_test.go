package frontier

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"
)

// TestAnswered leases a host as often as it may be once it has answered, before the
// outcome that says so; what a lease that was given up answers, changes nothing.
func TestAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, newMemStore(), Options{OneFirst: true, PerHost: 2})
		h.seed("http://a", "a1", "a2", "a3")
		h.seed("http://b", "b1", "b2")
		a1, b1 := h.want("a1"), h.want("b1")
		h.want("wait 0s")
		h.Answered(a1)
		a2 := h.want("a2")
		h.want("wait 0s")
		h.Void(t.Context(), b1)
		h.Answered(b1)
		b2 := h.want("b2")
		h.done(a1)
		h.done(a2)
		h.done(b2)
		h.done(h.want("a3"))
		h.stop()
	})
}

// cancelled is a store that reads nothing once the context has ended.
type cancelled struct{ *memStore }

func (s cancelled) Tasks(ctx context.Context, r Range) iter.Seq2[Task, error] {
	if err := ctx.Err(); err != nil {
		return func(yield func(Task, error) bool) { yield(Task{}, err) }
	}
	return s.memStore.Tasks(ctx, r)
}

// TestNextOfACancelledContext asks for a task when the run is being given up: that the
// store is not read any more is no failure of it.
func TestNextOfACancelledContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemStore()
		h := start(t, s, Options{})
		h.seed("http://a", "a1", "a2")
		h.admit(&Outcome{Lease: h.want("a1"), State: Delayed, Wait: time.Minute})
		h.stop()
		f, err := Open(t.Context(), cancelled{s}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- f.Run(t.Context()) }()
		time.Sleep(2 * time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 3 {
			f.Next(ctx)
		}
		if err := f.Err(); err != nil {
			t.Errorf("the frontier failed: %v", err)
		}
		if err := f.Close(false); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}
