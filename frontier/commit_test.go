package frontier

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestInterval checks that a group is committed when its oldest page is old
// enough, though other pages stay in flight.
func TestInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, newMemStore(), Options{Interval: 100 * time.Millisecond})
		h.seed("http://a", "1", "2", "3")
		if err := h.Flush(); err != nil {
			t.Fatal(err)
		}
		h.want("1") // stays in flight, so that the frontier never rests
		for _, id := range []string{"2", "3"} {
			h.done(h.want(id))
			time.Sleep(99 * time.Millisecond)
			synctest.Wait()
			before := h.Saved().Done
			time.Sleep(2 * time.Millisecond)
			synctest.Wait()
			if after := h.Saved().Done; after != before+1 {
				t.Fatalf("page %s: %d pages committed before the interval was over, %d after it", id, before, after)
			}
		}
		h.stop()
	})
}

func TestNoInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, newMemStore(), Options{GroupPages: 3})
		h.seed("http://a", "1", "2", "3", "4", "5")
		if err := h.Flush(); err != nil {
			t.Fatal(err)
		}
		leases := []*Lease{h.want("1"), h.want("2"), h.want("3"), h.want("4")}
		h.done(leases[0])
		h.done(leases[1])
		time.Sleep(time.Hour)
		if n := h.Saved().Done; n != 0 {
			t.Errorf("%d pages were committed by their age", n)
		}
		h.done(leases[2])
		synctest.Wait()
		if n := h.Saved().Done; n != 3 {
			t.Errorf("a full group: %d pages committed, want 3", n)
		}
		h.done(leases[3])
		h.done(h.want("5"))
		h.want("wait 0s") // nothing is in flight, so nothing will fill the group
		synctest.Wait()
		if n := h.Saved().Done; n != 5 {
			t.Errorf("at rest: %d pages committed, want 5", n)
		}
		if !h.Idle() {
			t.Error("not idle at the end")
		}
		h.stop()
	})
}

// TestBackPressure checks that admissions wait while two groups wait for the disk.
func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemStore()
		h := start(t, s, Options{GroupPages: 2})
		hold := make(chan struct{})
		s.set(func() { s.hold = hold })
		admitted := 0
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for i := range 6 {
				h.seed("http://a", fmt.Sprint(i))
				h.mu.Lock()
				admitted++
				h.mu.Unlock()
			}
		}()
		for _, want := range []int{4, 6} { // one group at the disk, one waiting
			synctest.Wait()
			h.mu.Lock()
			got := admitted
			h.mu.Unlock()
			if got != want {
				t.Fatalf("%d outcomes admitted, want %d", got, want)
			}
			hold <- struct{}{}
		}
		<-ended
		close(hold)
		if err := h.Flush(); err != nil {
			t.Fatal(err)
		}
		if n := len(s.commits); n != 4 {
			t.Errorf("%d commits, want the start of the run and 3 groups", n)
		}
		h.stop()
	})
}

// TestPromotionFillsGroup checks that delayed tasks that come back together and
// fill a group do not leave it waiting for ever.
func TestPromotionFillsGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, newMemStore(), Options{GroupPages: 4})
		var ids []string
		for i := range 10 {
			ids = append(ids, fmt.Sprint(i))
		}
		h.seed("http://a", ids...)
		for range ids {
			lease, _ := h.next()
			h.admit(&Outcome{Lease: lease, State: Delayed, Wait: time.Minute})
		}
		if err := h.Flush(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		done := 0
		within(t, time.Minute, "working off what came back", func() {
			for done < len(ids) {
				lease, wait, ok := h.Next(t.Context())
				switch {
				case ok:
					h.done(lease)
					done++
				case wait > 0:
					time.Sleep(wait)
				default:
					<-h.Changed()
				}
			}
		})
		h.stop()
	})
}

// TestFailedCommit checks that a failure reaches everybody who waits.
func TestFailedCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemStore()
		h := start(t, s, Options{GroupPages: 2})
		h.seed("http://a", "1", "2", "3", "4", "5", "6")
		if err := h.Flush(); err != nil {
			t.Fatal(err)
		}
		leases := []*Lease{h.want("1"), h.want("2"), h.want("3"), h.want("4"), h.want("5")}
		hold, cause := make(chan struct{}), errors.New("the disk is gone")
		s.set(func() { s.hold, s.fail = hold, cause })
		errs := make(chan error, 3)
		go func() {
			var err error
			for _, l := range leases {
				err = errors.Join(err, h.Admit(context.Background(), &Outcome{Lease: l, State: Done}))
			}
			errs <- err
		}()
		synctest.Wait()
		go func() { errs <- h.Flush() }()
		synctest.Wait()
		close(hold)
		for range 2 {
			if err := <-errs; !errors.Is(err, cause) {
				t.Errorf("admit or flush returned %v", err)
			}
		}
		if _, _, ok := h.Next(t.Context()); ok || !errors.Is(h.Err(), cause) {
			t.Errorf("a failed frontier leases: %v, error %v", ok, h.Err())
		}
		if err := h.Close(true); !errors.Is(err, cause) {
			t.Errorf("close: %v", err)
		}
		if err := <-h.ended; !errors.Is(err, cause) {
			t.Errorf("run: %v", err)
		}
		if got := h.Saved().Done; got != 0 || s.books.Done != 0 || s.books.Finished {
			t.Errorf("after a failed commit %d pages are called saved, the store has %+v", got, s.books)
		}
	})
}

func TestFailedRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemStore()
		h := start(t, s, Options{})
		h.seed("http://a", "1")
		h.stop()
		h = start(t, s, Options{})
		cause := errors.New("the disk is gone")
		s.set(func() { s.fail = cause })
		if _, _, ok := h.Next(t.Context()); ok || !errors.Is(h.Err(), cause) {
			t.Errorf("lease %v, error %v", ok, h.Err())
		}
		within(t, time.Second, "close", func() {
			if err := errors.Join(h.Close(false), <-h.ended); !errors.Is(err, cause) {
				t.Errorf("close: %v", err)
			}
		})
	})
}

func TestClose(t *testing.T) {
	for _, finished := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newMemStore()
			h := start(t, s, Options{})
			h.seed("http://a", "1", "2")
			lease := h.want("1")
			if err := errors.Join(h.Close(finished), <-h.ended); err != nil {
				t.Fatal(err)
			}
			if b := s.books; !b.Clean || b.Finished != finished || b.Pending != 2 || b.Run != 1 {
				t.Errorf("books at the end: %+v", b)
			}
			if err := h.Admit(t.Context(), &Outcome{Lease: lease, State: Done}); !errors.Is(err, ErrClosed) {
				t.Errorf("admit after close: %v", err)
			}
			if _, _, ok := h.Next(t.Context()); ok {
				t.Error("a closed frontier leases")
			}
			h = start(t, s, Options{})
			if b := h.Resumed(); b.Finished != finished || s.books.Finished || s.books.Clean {
				t.Errorf("the next run found %+v and noted %+v", b, s.books)
			}
			h.want("1")
			h.stop()
		})
	}
}

func TestUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemStore()
		h := start(t, s, Options{})
		add := func(text string) Update {
			return Update{Key: "log", Apply: func(old []byte) ([]byte, error) { return append(old, text...), nil }}
		}
		h.seed("http://a", "1", "2")
		lease := h.want("1")
		h.admit(&Outcome{Lease: lease, State: Done, Updates: []Update{add("a"), add("b")}})
		bad := Update{Key: "log", Apply: func([]byte) ([]byte, error) { return nil, errors.New("no") }}
		lease = h.want("2")
		links := []Task{h.link("http://a", "3")}
		err := h.Admit(t.Context(), &Outcome{
			Lease: lease, State: Done, Updates: []Update{add("c"), bad}, Links: links, Items: []Item{{Line: []byte("1")}},
		})
		if update := new(UpdateError); !errors.As(err, &update) || update.Key != "log" {
			t.Errorf("a change that fails: %v", err)
		}
		h.admit(&Outcome{Lease: lease, State: Failed, Failure: "no", Updates: []Update{add("d")}})
		data, err := h.Value(t.Context(), KindState, "log")
		if err != nil || string(data) != "abd" {
			t.Errorf("state is %q, error %v", data, err)
		}
		h.stop()
		if s.books.Items != 0 || s.books.Pending != 0 || s.books.Failed != 1 || string(s.values[valueKey{KindState, "log"}]) != "abd" {
			t.Errorf("books %+v, values %q", s.books, s.values)
		}
	})
}
