package frontier

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"testing/synctest"
)

func randomFingerprint(rng *rand.Rand) (fp Fingerprint) {
	binary.LittleEndian.PutUint64(fp[:], rng.Uint64())
	binary.LittleEndian.PutUint64(fp[8:], rng.Uint64())
	return fp
}

// TestFilter checks that a filter forgets nothing, that few strangers pass it as long
// as it may grow, and that it keeps within its budget, however much is put into it.
func TestFilter(t *testing.T) {
	for _, tt := range []struct {
		name   string
		make   func(i uint64) Fingerprint
		budget int64
		most   float64 // share of strangers that pass
	}{
		{"random", nil, 8 << 20, 0.03},
		{"counted", func(i uint64) (fp Fingerprint) { binary.BigEndian.PutUint64(fp[8:], i); return fp }, 8 << 20, 0.03},
		{"counted at the other end", func(i uint64) (fp Fingerprint) { binary.LittleEndian.PutUint64(fp[:], i); return fp }, 8 << 20, 0.03},
		{"short of memory", nil, 30 << 10, 0.9},
		{"no memory", nil, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			if tt.make == nil {
				tt.make = func(uint64) Fingerprint { return randomFingerprint(rng) }
			}
			f := newFilter(1000, tt.budget)
			defer f.free()
			const n = 50_000
			all := make([]Fingerprint, n)
			for i := range all {
				all[i] = tt.make(uint64(i))
				f.insert(all[i])
			}
			for i, fp := range all {
				if f.last(fp) < 0 {
					t.Fatalf("fingerprint %d is forgotten", i)
				}
			}
			if size := f.size(); size > tt.budget+64 {
				t.Errorf("the filter takes %d bytes of %d", size, tt.budget)
			}
			passed := 0
			for i := range uint64(n) {
				if f.last(tt.make(n+i)) >= 0 {
					passed++
				}
			}
			t.Logf("%d parts, %d bytes, %.2f%% of strangers pass", len(f.parts), f.size(), float64(passed)/n*100)
			if got := float64(passed) / n; got > tt.most {
				t.Errorf("%.2f%% of strangers pass", got*100)
			}
		})
	}
}

// TestFilterLeavesNoCrumb checks that the last part, which takes all that comes when the
// budget is spent, is not much smaller than the others.
func TestFilterLeavesNoCrumb(t *testing.T) {
	const budget = 1 << 20
	for known := int64(1 << 16); known < 1<<20; known += 1009 {
		f := newFilter(known, budget)
		for f.extend() {
		}
		last := f.parts[len(f.parts)-1]
		if f.size() < budget*99/100 || last.size() < f.size()/6 {
			t.Errorf("%d known: the last part has %d bytes of %d", known, last.size(), f.size())
		}
		f.free()
	}
}

// TestFilterSparesLookups checks that a frontier which knows more than the tier holds
// hardly asks the store about what is new, and is right about what is not: while it
// grows, and after a resume, during which it is filled.
func TestFilterSparesLookups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(5, 6))
		s := newMemStore()
		h := start(t, s, Options{SeenBytes: 1, GroupPages: 3})
		var all []Fingerprint // all of one shard of the tier, which holds the last few hundred of them
		grow := func(n int) {
			t.Helper()
			for range n / 1000 {
				chunk := fingerprints(rng, 1000)
				if got := h.kept(links(chunk)); got.Links != len(chunk) {
					t.Fatalf("%d of %d fingerprints are new", got.Links, len(chunk))
				}
				all = append(all, chunk...)
			}
		}
		again := func() {
			t.Helper()
			for i := range 20 {
				at := min(i, 1) * rng.IntN(len(all)-1000) // the first ones among them
				chunk := all[at : at+1000]
				if got := h.kept(links(chunk)); got.Links != 0 {
					t.Fatalf("%d known fingerprints are new", got.Links)
				}
			}
		}
		spared := func() {
			t.Helper()
			synctest.Wait() // until the filter is ready
			asked := s.lookups
			grow(10_000)
			if n := s.lookups - asked; n > 10_000/30 {
				t.Errorf("the store was asked for %d of 10000 new fingerprints", n)
			}
			again()
		}
		resume := func() {
			t.Helper()
			h.stop()
			h = start(t, s, Options{SeenBytes: 1, GroupPages: 3})
			again() // beside the filling
			spared()
		}
		grow(3000) // more than a shard can hold packed, and not committed when the filter is filled
		if h.tier.complete || h.filter == nil {
			t.Fatal("the tier still holds everything")
		}
		spared()
		resume() // the tier seems large enough, and is not
		h.stop()
		for range newPacked(minTierBytes).capacity() { // now it does not even seem so
			s.seen[randomFingerprint(rng)] = true
			s.books.Seen++
		}
		h = start(t, s, Options{SeenBytes: 1, GroupPages: 3})
		if h.tier.packed != nil || h.filter == nil {
			t.Error("the tier would hold everything")
		}
		again()
		spared()
		h.stop()
	})
}
