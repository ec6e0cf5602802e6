package frontier

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"
)

// TestTierOutsideTheHeap fills a tier beyond its size: what was put in last is
// found, what was never put in is not, and the Go heap does not grow with it.
func TestTierOutsideTheHeap(t *testing.T) {
	const bytes = 64 << 20
	tier := newTier(bytes)
	fp := func(rng *rand.Rand) (fp Fingerprint) {
		binary.LittleEndian.PutUint64(fp[:], rng.Uint64())
		binary.LittleEndian.PutUint64(fp[8:], rng.Uint64())
		return fp
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	rng := rand.New(rand.NewPCG(1, 2))
	n := int(tier.capacity()) * 2
	for range n {
		tier.insert(fp(rng), func(func(Fingerprint)) {})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); runtime.GOOS == "linux" && grown > bytes/4 {
		t.Errorf("the heap has grown by %d MB", grown>>20)
	}
	if tier.complete {
		t.Error("a tier that dropped a generation calls itself complete")
	}
	again, lost := rand.New(rand.NewPCG(1, 2)), 0
	for i := range n {
		if f := fp(again); i >= n-n/5 && !tier.contains(f) {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of the last %d are lost", lost, n/5)
	}
	other := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		if tier.contains(fp(other)) {
			t.Fatal("found what was never put in")
		}
	}
	tier.free()
}
