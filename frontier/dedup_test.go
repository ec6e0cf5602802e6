package frontier

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// fingerprints makes n of them that fall into one shard of the tier.
func fingerprints(rng *rand.Rand, n int) []Fingerprint {
	fps := make([]Fingerprint, n)
	for i := range fps {
		binary.LittleEndian.PutUint64(fps[i][8:], rng.Uint64())
		binary.LittleEndian.PutUint32(fps[i][1:], uint32(i)+1)
		fps[i][0] = 7
	}
	return fps
}

func links(fps []Fingerprint) *Outcome {
	o := &Outcome{State: Done}
	for _, fp := range fps {
		o.Links = append(o.Links, Task{Key: Key{Host: "http://a"}, Fingerprint: fp, Payload: []byte("p")})
	}
	return o
}

// kept admits and returns what was new and what was not.
func (h *harness) kept(o *Outcome) (got Admitted) {
	h.t.Helper()
	o.Apply = func(a Admitted) { got = a }
	h.admit(o)
	return got
}

// TestDedup checks that nothing is admitted twice, whatever the tier holds: all,
// a part after it overflowed, or a part while it is being filled.
func TestDedup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		s := newMemStore()
		h := start(t, s, Options{SeenBytes: 1, GroupPages: 7})
		generation := h.tier.limit / 4 * 3 // what one of the shard holds
		all := fingerprints(rng, h.tier.packed.limit+10*generation)
		for at := 0; at < len(all); at += 200 {
			chunk := all[at:min(at+200, len(all))]
			if got := h.kept(links(chunk)); got.Links != len(chunk) {
				t.Fatalf("at %d: %d of %d fingerprints are new", at, got.Links, len(chunk))
			}
			time.Sleep(time.Second) // until they are committed: what is not stays in memory
			again := append([]Fingerprint{}, chunk...)
			for range 20 {
				again = append(again, all[rng.IntN(at+len(chunk))])
			}
			if got := h.kept(links(again)); got.Links != 0 || got.DuplicateLinks != len(again) {
				t.Fatalf("at %d: %d of %d known fingerprints are new", at, got.Links, len(again))
			}
		}
		if h.tier.complete || s.lookups == 0 {
			t.Errorf("the tier did not overflow: complete %v, %d lookups", h.tier.complete, s.lookups)
		}
		h.stop()
		h = start(t, s, Options{SeenBytes: 1})
		for range 10 { // beside the filling
			if got := h.kept(links(all[rng.IntN(len(all)-50):][:50])); got.Links != 0 {
				t.Fatalf("resumed: %d known fingerprints are new", got.Links)
			}
		}
		synctest.Wait()
		if h.tier.complete {
			t.Error("a tier that does not hold everything is called complete")
		}
		if got := h.kept(links(all)); got.Links != 0 {
			t.Errorf("resumed: %d known fingerprints are new", got.Links)
		}
		h.stop()
	})
}

// TestTierIsFilled checks that a resumed frontier asks the store no more once the
// tier holds everything.
func TestTierIsFilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 4))
		s := newMemStore()
		h := start(t, s, Options{})
		all := append(fingerprints(rng, 5000), Fingerprint{}) // zero is one like any other
		h.kept(links(all))
		h.stop()
		h = start(t, s, Options{})
		synctest.Wait()
		asked := s.lookups
		fresh := fingerprints(rng, 5)
		if got := h.kept(links(append(fresh, all...))); got.Links != 5 || got.DuplicateLinks != len(all) {
			t.Errorf("kept %+v", got)
		}
		if s.lookups != asked {
			t.Errorf("a complete tier asked the store for %d fingerprints", s.lookups-asked)
		}
		h.stop()
	})
}

// TestFillOverflows checks that what was read into the tier is not taken to be in the
// filter that follows it: as long as neither has a known fingerprint, the store is asked.
func TestFillOverflows(t *testing.T) {
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(5, 6))
	s := newMemStore()
	full := newPacked(minTierBytes).limit + 1
	for i, fp := range fingerprints(rng, 6000+full) {
		if i < 6000 {
			fp[0] = byte(i % 6) // comes first, and all of it has room
		}
		s.seen[fp] = true
	}
	s.books.Seen = int64(len(s.seen))
	f, err := Open(ctx, s, Options{SeenBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	check := func(when string) {
		t.Helper()
		for fp := range s.seen {
			if _, must := f.mustAsk(fp); !must && !f.tier.contains(fp) {
				t.Fatalf("%s: the store is not asked for a known fingerprint", when)
			}
		}
	}
	check("at the beginning")
	if whole, err := f.eachCommitted(ctx, s.Fingerprints(ctx), func(fps []Fingerprint) bool {
		for _, fp := range fps {
			f.remember(fp)
		}
		return false
	}); whole || err != nil || f.filled != (Fingerprint{}) {
		t.Errorf("stopped after the first part: whole %v, filled to %x, error %v", whole, f.filled, err)
	}
	check("stopped after the first part")
	if err := f.fillTier(ctx); err != nil {
		t.Fatal(err)
	}
	if f.filter == nil {
		t.Fatal("the tier has room for all")
	}
	check("when the tier was full")
	if err := f.fillFilter(ctx); err != nil {
		t.Fatal(err)
	}
	check("with the filter")
	asked := 0
	for range 1000 {
		if _, must := f.mustAsk(randomFingerprint(rng)); must {
			asked++
		}
	}
	if asked > 50 {
		t.Errorf("the store is asked for %d of 1000 new fingerprints", asked)
	}
	f.tier.free()
	f.filter.free()
}

// TestDedupWithin checks duplicates within one outcome, unfiltered tasks, marks
// and items that are kept once.
func TestDedupWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemStore()
		h := start(t, s, Options{})
		a, b, mark, item := Fingerprint{1}, Fingerprint{2}, Fingerprint{3}, Fingerprint{4}
		o := links([]Fingerprint{a, a, b})
		o.Links[2].Mark = mark
		o.Items = []Item{{Line: []byte("1"), Once: &item}, {Line: []byte("2"), Once: &item}, {Line: []byte("3")}}
		if got := h.kept(o); got != (Admitted{Links: 2, DuplicateLinks: 1, Items: 2, DuplicateItems: 1}) {
			t.Errorf("kept %+v", got)
		}
		o = links([]Fingerprint{a, mark})
		o.Links[0].Unfiltered = true
		o.Items = []Item{{Line: []byte("4"), Once: &item}}
		if got := h.kept(o); got != (Admitted{Links: 1, DuplicateLinks: 1, DuplicateItems: 1}) {
			t.Errorf("kept %+v", got)
		}
		if err := h.Flush(); err != nil {
			t.Fatal(err)
		}
		if string(s.lines) != "1\n3\n" || s.books.ItemBytes != 4 || s.books.Seen != 4 {
			t.Errorf("lines %q, books %+v", s.lines, s.books)
		}
		if err := h.Check(context.Background()); err != nil {
			t.Error(err)
		}
		h.stop()
	})
}
