package frontier

import "encoding/binary"

// shards spreads the tier so that growing or turning over one table stalls an
// admission by a fraction of a millisecond, whatever the size of the whole.
const shards = 256

// minTierBytes is the least that a tier can do with: most of it goes to what a packed set
// needs beside its words.
const minTierBytes = 1280 << 10

// A tier is the part of the known fingerprints that is in memory. While it is
// complete it holds all of them and a miss means "new"; otherwise a miss has to ask
// the store.
//
// As long as all of them fit, they are packed. Then it holds the most recently used
// ones, each shard of them in two generations of at most half the shard's share of the
// cap. When the young one is full it becomes the old one, and the old one is dropped.
type tier struct {
	complete bool
	packed   *packed // nil when it was full: the tier will not be complete again
	limit    int     // slots of one generation of one shard, a power of two
	young    [shards]table
	old      [shards]table
	carried  [shards]int // of young: taken over when it began, beyond its share
}

func newTier(bytes int64) *tier {
	bytes = max(bytes, minTierBytes)
	return &tier{complete: true, packed: newPacked(bytes), limit: generation(bytes)}
}

// generation is the limit of a tier of a size.
func generation(bytes int64) int {
	bytes = max(bytes, minTierBytes)
	limit := 64
	for int64(limit)*2*16*2*shards <= bytes {
		limit *= 2
	}
	return limit
}

func (t *tier) contains(fp Fingerprint) bool { return t.recent(fp) || t.old[fp[0]].contains(fp) }

// recent reports whether fp would outlast the next turn of generations.
func (t *tier) recent(fp Fingerprint) bool {
	if t.packed != nil {
		return t.packed.contains(fp)
	}
	return t.young[fp[0]].contains(fp)
}

// insert adds fp. When others are dropped for it, uncommitted yields the fingerprints
// that must stay in memory, since the store does not know them yet.
func (t *tier) insert(fp Fingerprint, uncommitted func(yield func(Fingerprint))) {
	if t.packed != nil {
		if t.packed.insert(fp) {
			return
		}
		t.unpack(uncommitted)
	}
	s := fp[0]
	if t.young[s].used-t.carried[s] >= t.limit/4*3 {
		free(t.old[s].slots)
		t.old[s] = t.young[s]
		t.young[s] = table{}
		uncommitted(func(u Fingerprint) {
			if u[0] == s {
				t.young[s].insert(u)
			}
		})
		t.carried[s] = t.young[s].used
	}
	t.young[s].insert(fp)
}

// unpack gives up holding all fingerprints.
func (t *tier) unpack(uncommitted func(yield func(Fingerprint))) {
	t.packed.free()
	t.complete, t.packed = false, nil
	uncommitted(func(u Fingerprint) { t.young[u[0]].insert(u) })
	for s := range shards {
		t.carried[s] = t.young[s].used
	}
}

// free gives the tables back. The tier may not be used afterwards.
func (t *tier) free() {
	if t.packed != nil {
		t.packed.free()
	}
	for s := range shards {
		free(t.young[s].slots)
		free(t.old[s].slots)
		t.young[s], t.old[s] = table{}, table{}
	}
}

// A table is an open-addressing set of fingerprints without pointers. The zero
// fingerprint marks a free slot; it is kept aside.
type table struct {
	slots   []Fingerprint
	used    int
	hasZero bool
}

func (t *table) contains(fp Fingerprint) bool {
	if fp == (Fingerprint{}) {
		return t.hasZero
	}
	if t.used == 0 {
		return false
	}
	mask := uint64(len(t.slots) - 1)
	for i := slot(fp) & mask; ; i = (i + 1) & mask {
		switch t.slots[i] {
		case fp:
			return true
		case Fingerprint{}:
			return false
		}
	}
}

func (t *table) insert(fp Fingerprint) {
	if fp == (Fingerprint{}) {
		t.hasZero = true
		return
	}
	if t.used >= len(t.slots)/4*3 {
		t.grow()
	}
	mask := uint64(len(t.slots) - 1)
	i := slot(fp) & mask
	for ; t.slots[i] != (Fingerprint{}); i = (i + 1) & mask {
		if t.slots[i] == fp {
			return
		}
	}
	t.slots[i] = fp
	t.used++
}

// slot spreads fingerprints that are not as random as they should be.
func slot(fp Fingerprint) uint64 {
	const odd = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	h := (binary.LittleEndian.Uint64(fp[8:]) ^ binary.LittleEndian.Uint64(fp[:8])) * odd
	return h ^ h>>32
}

func (t *table) grow() {
	old := t.slots
	t.slots = allocate[Fingerprint](max(64, 2*len(old)))
	t.used = 0
	for _, fp := range old {
		if fp != (Fingerprint{}) {
			t.insert(fp)
		}
	}
	free(old)
}
