package frontier

import (
	"encoding/binary"
	"math/bits"
)

// filterBits is what a filter spends on a fingerprint while it has room: about one in
// eighty that are not known passes it then.
const filterBits = 10

// A filter is a set of all known fingerprints that never forgets one, and now and then
// takes one for known that is not: what passes it has to be looked up. It is needed
// once the tier cannot hold everything.
//
// It grows by parts, each a third of those before, and not beyond its budget: from
// there on more and more passes it. Since they are filled one after the other, the part
// that a fingerprint passes tells how long it has been known at least.
type filter struct {
	parts []bloom
	spare int64 // bytes that it may still take
}

// newFilter returns a filter for so many fingerprints, with room for others if there is
// any in its budget.
func newFilter(known, budget int64) *filter {
	f := &filter{spare: budget}
	f.add(min(max(known, 1<<16)*filterBits/8, budget/4*3))
	return f
}

// size is the memory that it takes, in bytes.
func (f *filter) size() (n int64) {
	for i := range f.parts {
		n += f.parts[i].size()
	}
	return n
}

func (f *filter) add(bytes int64) {
	b := newBloom(bytes)
	f.spare -= b.size()
	f.parts = append(f.parts, b)
}

// extend begins another part, if there is memory for one.
func (f *filter) extend() bool {
	const least = 4 << 10
	if f.spare < least {
		return false
	}
	bytes := max(f.size()/3, least)
	if f.spare < 2*bytes {
		bytes = f.spare // the last part has to do for ever: no crumb is left for it
	}
	f.add(bytes)
	return true
}

// insert adds fp to the last part, and reports whether the filter takes more memory for it.
func (f *filter) insert(fp Fingerprint) (grown bool) {
	grown = f.parts[len(f.parts)-1].room <= 0 && f.extend()
	f.parts[len(f.parts)-1].insert(fp)
	return grown
}

// fill adds what it was made for, fp for one, to the first part.
func (f *filter) fill(fp Fingerprint) { f.parts[0].insert(fp) }

// last returns the last part that fp passes. It returns -1 if fp is not known.
func (f *filter) last(fp Fingerprint) int {
	for i := len(f.parts) - 1; i >= 0; i-- {
		if f.parts[i].contains(fp) {
			return i
		}
	}
	return -1
}

// free gives the memory back. The filter may not be used afterwards.
func (f *filter) free() {
	for i := range f.parts {
		free(f.parts[i].lines)
	}
	f.parts = nil
}

// A bloom is a Bloom filter whose bits for one fingerprint stand in one line of the
// processor's cache.
type bloom struct {
	lines []Fingerprint // four to a line; only their bits matter
	room  int64         // fingerprints that it can still take at filterBits each
}

const (
	lineSlots = 4 // of 16 bytes
	lineBits  = 9 // 512 bits have numbers of 9
	probes    = 6
)

func newBloom(bytes int64) bloom {
	lines := max(bytes/64, 1)
	return bloom{lines: allocate[Fingerprint](int(lines * lineSlots)), room: lines * 512 / filterBits}
}

func (b *bloom) size() int64 { return int64(len(b.lines) * len(Fingerprint{})) }

// find returns the first slot of fp's line, and a number whose parts are the bits.
func (b *bloom) find(fp Fingerprint) (line int, h uint64) {
	h = mix(binary.LittleEndian.Uint64(fp[:8])) ^ binary.LittleEndian.Uint64(fp[8:])
	h = mix(h)
	n, _ := bits.Mul64(h, uint64(len(b.lines)/lineSlots))
	return int(n) * lineSlots, mix(h)
}

func (b *bloom) insert(fp Fingerprint) {
	line, h := b.find(fp)
	for range probes {
		b.lines[line+int(h>>7&3)][h>>3&15] |= 1 << (h & 7)
		h >>= lineBits
	}
	b.room--
}

func (b *bloom) contains(fp Fingerprint) bool {
	line, h := b.find(fp)
	for range probes {
		if b.lines[line+int(h>>7&3)][h>>3&15]&(1<<(h&7)) == 0 {
			return false
		}
		h >>= lineBits
	}
	return true
}

// mix spreads a number over 64 bits, so that fingerprints need not be as random as
// they should be.
func mix(h uint64) uint64 {
	const odd = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	h = (h ^ h>>29) * odd
	h = (h ^ h>>32) * odd
	return h ^ h>>29
}
