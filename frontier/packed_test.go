package frontier

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestPacked compares a packed set with a map, while both grow: everything put in is
// found, nothing else is, and what was put in again takes no room.
func TestPacked(t *testing.T) {
	for _, tt := range []struct {
		name  string
		n     int
		bytes int64
		make  func(rng *rand.Rand, i int) Fingerprint
	}{
		{"random", 150_000, 4 << 20, func(rng *rand.Rand, _ int) Fingerprint { return randomFingerprint(rng) }},
		{"more shards", 100_000, 128 << 20, func(rng *rand.Rand, _ int) Fingerprint { return randomFingerprint(rng) }},
		{"in their order", 150_000, 4 << 20, func(rng *rand.Rand, i int) Fingerprint {
			fp := randomFingerprint(rng)
			binary.BigEndian.PutUint32(fp[:], uint32(i)<<14)
			return fp
		}},
		{"backwards", 150_000, 4 << 20, func(rng *rand.Rand, i int) Fingerprint {
			fp := randomFingerprint(rng)
			binary.BigEndian.PutUint32(fp[:], uint32(150_000-i)<<14)
			return fp
		}},
		{"all in one bucket", 2000, 4 << 20, func(_ *rand.Rand, i int) (fp Fingerprint) {
			binary.BigEndian.PutUint64(fp[8:], uint64(i)+1)
			return fp
		}},
		{"all in the last bucket", 2000, 4 << 20, func(_ *rand.Rand, i int) (fp Fingerprint) {
			binary.BigEndian.PutUint64(fp[:], ^uint64(0)-uint64(i))
			return fp
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			p := newPacked(tt.bytes)
			defer p.free()
			known := map[Fingerprint]bool{}
			all := make([]Fingerprint, tt.n)
			for i := range all {
				all[i] = tt.make(rng, i)
				if p.contains(all[i]) != known[all[i]] {
					t.Fatalf("fingerprint %d is found before it was put in", i)
				}
				if !p.insert(all[i]) {
					t.Fatalf("fingerprint %d has no room", i)
				}
				known[all[i]] = true
				if earlier := all[rng.IntN(i+1)]; !p.contains(earlier) || !p.insert(earlier) {
					t.Fatalf("after %d: %x is lost", i, earlier)
				}
			}
			count := 0
			for i := range p.shards {
				count += p.shards[i].count + p.shards[i].loose.count
			}
			if count != len(known) {
				t.Errorf("%d are in the set, want %d", count, len(known))
			}
			for i, fp := range all {
				if !p.contains(fp) {
					t.Fatalf("fingerprint %d is lost", i)
				}
			}
			if (Fingerprint{} == all[0]) != p.contains(Fingerprint{}) {
				t.Error("zero is not one like any other")
			}
		})
	}
}

// TestPackedSize checks that a set holds as many fingerprints as it says, in the memory
// that it was given, and then says that it is full.
func TestPackedSize(t *testing.T) {
	const bytes = 8 << 20
	rng := rand.New(rand.NewPCG(3, 4))
	p := newPacked(bytes)
	defer p.free()
	capacity := p.capacity()
	if per := float64(bytes) / float64(capacity); per > 8 {
		t.Errorf("%.1f bytes each", per)
	}
	if per := float64(128<<20) / float64(newPacked(128<<20).capacity()); per > 6.5 {
		t.Errorf("%.2f bytes each in the default size", per)
	}
	for i := range capacity {
		if !p.insert(randomFingerprint(rng)) {
			t.Fatalf("full at %d of %d", i, capacity)
		}
	}
	size, empty := 0, 0
	for i := range p.shards {
		s := &p.shards[i]
		size += len(s.words) + 2*len(s.starts) + 8*looseSlots
		for bucket := range buckets {
			if s.starts[bucket] == s.starts[bucket+1] {
				empty++
			}
		}
	}
	if share := float64(empty) / float64(len(p.shards)*buckets); share > 0.1 {
		t.Errorf("%.0f%% of the buckets are empty", share*100)
	}
	if size > bytes {
		t.Errorf("the set takes %d bytes of %d", size, bytes)
	}
	for range capacity {
		if !p.insert(randomFingerprint(rng)) {
			return
		}
	}
	t.Error("the set is never full")
}

// BenchmarkPacked looks up 40 fingerprints, known ones and others, among so many.
func BenchmarkPacked(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000, 10_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(5, 6))
			p := newPacked(128 << 20)
			defer p.free()
			ask := make([]Fingerprint, 1<<16)
			for i := range n {
				fp := randomFingerprint(rng)
				p.insert(fp)
				if i < len(ask)/8*7 {
					ask[i] = fp
				}
			}
			for i := len(ask) / 8 * 7; i < len(ask); i++ {
				ask[i] = randomFingerprint(rng)
			}
			rng.Shuffle(len(ask), func(i, j int) { ask[i], ask[j] = ask[j], ask[i] })
			at := 0
			for b.Loop() {
				for range 40 {
					p.contains(ask[at])
					at = (at + 1) % len(ask)
				}
			}
		})
	}
}
