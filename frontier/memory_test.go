package frontier

import (
	"math/rand/v2"
	"runtime"
	"testing"
)

// TestTierOutsideTheHeap fills a tier beyond its size: what was put in last is
// found, what was never put in is not, and the Go heap does not grow with it.
func TestTierOutsideTheHeap(t *testing.T) {
	const bytes = 8 << 20
	tier := newTier(bytes)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	rng := rand.New(rand.NewPCG(1, 2))
	n := int(tier.packed.capacity()) * 2
	for range n {
		tier.insert(randomFingerprint(rng), func(func(Fingerprint)) {})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); runtime.GOOS == "linux" && grown > bytes/4 {
		t.Errorf("the heap has grown by %d MB", grown>>20)
	}
	if tier.complete {
		t.Error("a tier that dropped fingerprints calls itself complete")
	}
	last := shards * tier.limit / 2 // less than one generation
	again, lost := rand.New(rand.NewPCG(1, 2)), 0
	for i := range n {
		if f := randomFingerprint(again); i >= n-last && !tier.contains(f) {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of the last %d are lost", lost, last)
	}
	other := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		if tier.contains(randomFingerprint(other)) {
			t.Fatal("found what was never put in")
		}
	}
	tier.free()
}
