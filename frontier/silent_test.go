package frontier

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestHostSilent leases a host that did not answer one task at a time, until an
// outcome says that it did.
func TestHostSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, newMemStore(), Options{PerHost: 3})
		h.seed("http://a", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8")
		h.seed("http://b", "b1", "b2", "b3")
		a1, a2, a3 := h.want("a1"), h.want("a2"), h.want("a3")
		h.admit(&Outcome{Lease: a1, State: Delayed, Wait: time.Hour, HostSilent: true})
		b1 := h.want("b1") // a has two leases out, which is more than one
		h.admit(&Outcome{Lease: a2, State: Pending})
		b2 := h.want("b2") // an interrupted task says nothing
		h.admit(&Outcome{Lease: a3, State: Failed, Unfetched: true})
		a2 = h.want("a2") // nor does one that was not fetched, but none is out now
		b3 := h.want("b3")
		h.want("wait 1h0m0s")
		h.admit(&Outcome{Lease: a2, State: Pending, HostSilent: true, HostWait: time.Minute})
		h.want("wait 1m0s")
		time.Sleep(time.Minute)
		a2 = h.want("a2")
		h.want("wait 59m0s")
		h.done(a2) // it answered
		leases := []*Lease{h.want("a4"), h.want("a5"), h.want("a6"), b1, b2, b3}
		h.want("wait 59m0s")
		for _, l := range leases {
			h.done(l)
		}
		h.done(h.want("a7"))
		h.done(h.want("a8"))
		time.Sleep(time.Hour)
		h.want("wait 0s") // a moment for the commit that shows the delayed one
		synctest.Wait()
		h.done(h.want("a1"))
		h.stop()
	})
}

// TestOneFirst leases each host one task at a time until it answers, also one that was
// out of play for a while, and after a stop.
func TestOneFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemStore()
		h := start(t, s, Options{OneFirst: true})
		h.seed("http://a", "a1", "a2", "a3")
		h.seed("http://b", "b1", "b2")
		a1, b1 := h.want("a1"), h.want("b1")
		h.want("wait 0s")
		h.done(b1)
		b2 := h.want("b2")
		h.want("wait 0s")
		h.admit(&Outcome{Lease: a1, State: Failed, HostSilent: true})
		a2 := h.want("a2")
		h.want("wait 0s")
		h.done(a2)
		h.done(b2) // b is out of play
		h.seed("http://b", "b3", "b4")
		a3, b3 := h.want("a3"), h.want("b3")
		h.want("wait 0s")
		h.done(a3)
		h.done(b3)
		h.stop()

		h = start(t, s, Options{OneFirst: true})
		b4 := h.want("b4")
		h.seed("http://b", "b5")
		h.want("wait 0s")
		h.done(b4)
		h.done(h.want("b5"))
		h.stop()
	})
}

// TestFormer admits tasks that are known by a former identity.
func TestFormer(t *testing.T) {
	fp := func(name string) (fp Fingerprint) { copy(fp[:], name); return fp }
	task := func(payload string, unfiltered bool, names ...string) Task {
		t := Task{
			Key: Key{Host: "http://a"}, Payload: []byte(payload), Handler: "parse", Unfiltered: unfiltered,
			Fingerprint: fp(names[0]),
		}
		for _, name := range names[1:] {
			t.Former = append(t.Former, fp(name))
		}
		return t
	}
	outcomes := []struct {
		links []Task
		kept  []string
		dup   int
	}{
		{links: []Task{task("1", false, "one")}, kept: []string{"1"}},
		{links: []Task{task("2", false, "two", "one")}, dup: 1},                  // known by a former name
		{links: []Task{task("3", false, "three", "x", "y", "one")}, dup: 1},      // by the last of several
		{links: []Task{task("4", true, "four", "one")}, kept: []string{"4"}},     // unfiltered, known
		{links: []Task{task("5", false, "five", "v", "w")}, kept: []string{"5"}}, // new by all names
		{links: []Task{task("6", false, "v")}, kept: []string{"6"}},              // what was only asked about is not known
		{links: []Task{task("7", false, "seven", "s"), task("8", false, "seven", "s")}, kept: []string{"7"}, dup: 1},
		{ // each with its own, whatever stands before it
			links: []Task{task("11", false, "e", "one"), task("12", false, "t"), task("13", false, "u", "p", "q"), task("14", false, "t")},
			kept:  []string{"12", "13"}, dup: 2,
		},
	}
	for _, small := range []bool{false, true} { // small: most of what is known has to be looked up in the store
		t.Run(fmt.Sprintf("small %v", small), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newMemStore()
				for i, tc := range outcomes {
					h := start(t, s, Options{}) // each one after a resume
					if small {
						synctest.Wait() // until what is known is in memory
						h.mu.Lock()
						h.tier.complete = false
						h.mu.Unlock()
					}
					once := fp(fmt.Sprint("once ", i))
					var kept Admitted
					h.admit(&Outcome{
						State: Done, Links: tc.links, Items: []Item{{Line: []byte("{}"), Once: &once}, {Line: []byte("{}"), Once: &once}},
						Apply: func(a Admitted) { kept = a },
					})
					if want := (Admitted{Links: len(tc.kept), DuplicateLinks: tc.dup, Items: 1, DuplicateItems: 1}); kept != want {
						t.Errorf("outcome %d: %+v, want %+v", i, kept, want)
					}
					var got []string
					for range tc.kept {
						lease, payload := h.next()
						if lease == nil {
							break
						}
						h.done(lease)
						got = append(got, payload)
					}
					if !slices.Equal(got, tc.kept) {
						t.Errorf("outcome %d: leased %v, want %v", i, got, tc.kept)
					}
					h.stop()
				}
			})
		})
	}
}

// TestFormerMark admits unfiltered tasks whose mark, or a former one of it, is known.
func TestFormerMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fp := func(name string) (fp Fingerprint) { copy(fp[:], name); return fp }
		s := newMemStore()
		h := start(t, s, Options{})
		for _, tc := range []struct {
			mark   string
			former []string
			seen   int64
		}{
			{"a", nil, 2},                // the page and its mark
			{"a", nil, 2},                // again
			{"b", []string{"a"}, 2},      // under a new name
			{"c", []string{"x", "a"}, 2}, // and another
			{"d", []string{"x", "b"}, 3}, // what was not noted is not known
			{"e", []string{"x"}, 4},      // for a handler of its own
			{"f", []string{"x", "a", "e"}, 4},
		} {
			task := Task{Key: Key{Host: "http://a"}, Unfiltered: true, Fingerprint: fp("page"), Mark: fp(tc.mark)}
			for _, name := range tc.former {
				task.Former = append(task.Former, fp(name))
			}
			if kept := h.kept(&Outcome{State: Done, Links: []Task{task}}); kept.Links != 1 {
				t.Errorf("mark %s: kept %+v", tc.mark, kept)
			}
			if err := h.Flush(); err != nil {
				t.Fatal(err)
			}
			if s.books.Seen != tc.seen {
				t.Errorf("mark %s: %d are known, want %d", tc.mark, s.books.Seen, tc.seen)
			}
		}
		h.stop()
	})
}
