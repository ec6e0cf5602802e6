package frontier

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// A packed is a set of fingerprints in six and a half bytes each. Their first bits are
// not written down, since they choose the place: the shard and a bucket in it. Of the rest
// there is a hash of 48 bits, which makes 68 with 1,024 shards, as the default size has.
//
// So it may take one fingerprint for another, and a new request for a known one. With n
// known ones the probability that this happens at all is below n²/2^69: 10^-6 for 20
// million, which is as many as the default size can hold. A smaller set has fewer shards
// and fewer bits, and in return fewer fingerprints to be taken for each other.
//
// Fingerprints that are not as random as they should be fill one shard before the others,
// which is no harm: the set is full then, see [tier].
type packed struct {
	shards []packedShard // a power of two
	limit  int           // words of one shard
}

const (
	packedBytes = 128 << 10 // of one shard, or up to twice that
	leastShards = 256
	mostShards  = 1 << 16
	bucketBits  = 10
	buckets     = 1 << bucketBits
	wordBits    = 48
	wordBytes   = wordBits / 8
	looseWords  = 128
	looseSlots  = 2 * looseWords
)

// newPacked returns a set that takes at most so many bytes.
func newPacked(bytes int64) *packed {
	n := int64(leastShards)
	for n < mostShards && n*2*packedBytes <= bytes {
		n *= 2
	}
	return &packed{
		shards: make([]packedShard, n),
		limit:  int(min(bytes/n-2*(buckets+1)-8*looseSlots, 2*packedBytes) / wordBytes),
	}
}

// capacity is the number of fingerprints up to which no shard will be full: they fall into
// shards at random, so one of them has more than its share.
func (p *packed) capacity() int64 {
	limit := float64(p.limit)
	return int64(len(p.shards)) * int64(limit-5*math.Sqrt(limit))
}

// find returns the shard of fp, and its bucket and hash in one number. Whoever comes with
// one fingerprint after the other in their order meets a place after the other.
func (p *packed) find(fp Fingerprint) (s *packedShard, place uint64) {
	first := binary.BigEndian.Uint64(fp[:8])
	shardBits := bits.TrailingZeros(uint(len(p.shards)))
	bucket := first << shardBits >> (64 - bucketBits)
	hash := mix(mix(first)^binary.BigEndian.Uint64(fp[8:])) >> (64 - wordBits)
	return &p.shards[first>>(64-shardBits)], bucket<<wordBits | hash
}

func (p *packed) contains(fp Fingerprint) bool {
	s, place := p.find(fp)
	return s.loose.contains(place) || s.contains(place)
}

// insert adds fp, and reports whether there was room for it.
func (p *packed) insert(fp Fingerprint) bool {
	s, place := p.find(fp)
	if s.loose.contains(place) || s.contains(place) {
		return true
	}
	if s.count+s.loose.count >= p.limit {
		return false
	}
	if s.loose.insert(place); s.loose.count == looseWords {
		s.pack(p.limit)
	}
	return true
}

// free gives the memory back. The set may not be used afterwards.
func (p *packed) free() {
	for i := range p.shards {
		free(p.shards[i].words)
	}
	p.shards = nil
}

// A looseSet is an open-addressing set of a few places.
type looseSet struct {
	slots *[looseSlots]uint64 // places and 1, so that 0 is a free one; nil while there are none
	count int
}

func (l *looseSet) contains(place uint64) bool {
	if l.count == 0 {
		return false
	}
	for i := place % looseSlots; l.slots[i] != 0; i = (i + 1) % looseSlots {
		if l.slots[i] == place+1 {
			return true
		}
	}
	return false
}

// insert adds a place that is not there, for which there is room.
func (l *looseSet) insert(place uint64) {
	if l.slots == nil {
		l.slots = new([looseSlots]uint64)
	}
	i := place % looseSlots
	for l.slots[i] != 0 {
		i = (i + 1) % looseSlots
	}
	l.slots[i] = place + 1
	l.count++
}

// take empties the set and appends what it held to places, in order.
func (l *looseSet) take(places []uint64) []uint64 {
	for i, slot := range l.slots {
		if slot != 0 {
			places = append(places, slot-1)
			l.slots[i] = 0
		}
	}
	l.count = 0
	slices.Sort(places)
	return places
}

// A packedShard holds its places in order. New ones are loose until there are some to be
// packed together.
type packedShard struct {
	loose  looseSet
	words  []byte   // hashes of the packed ones by their places, and room behind them
	count  int      // of the packed ones
	starts []uint16 // of the buckets, and the end of the last one; counted in words
}

func (s *packedShard) contains(place uint64) bool {
	_, found := s.search(place)
	return found
}

// search looks for a place among the packed ones, and says where it is or ought to be.
func (s *packedShard) search(place uint64) (at int, found bool) {
	if s.count == 0 {
		return 0, false
	}
	bucket, word := place>>wordBits, place&(1<<wordBits-1)
	low, high := int(s.starts[bucket]), int(s.starts[bucket+1])
	end := high
	for low < high {
		if middle := (low + high) / 2; s.word(middle) < word {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, low < end && s.word(low) == word
}

func (s *packedShard) word(i int) uint64 {
	b := s.words[i*wordBytes : (i+1)*wordBytes]
	return uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint16(b[4:]))<<32
}

func (s *packedShard) set(i int, word uint64) {
	b := s.words[i*wordBytes : (i+1)*wordBytes]
	binary.LittleEndian.PutUint32(b, uint32(word))
	binary.LittleEndian.PutUint16(b[4:], uint16(word>>32))
}

// pack puts the loose ones among the others, the last one first, so that each packed one
// moves once.
func (s *packedShard) pack(limit int) {
	var room [looseWords]uint64
	loose := s.loose.take(room[:0])
	s.reserve(s.count+len(loose), limit)
	end := s.count
	for i, place := range slices.Backward(loose) {
		at, _ := s.search(place) // what stands behind end by now is no smaller than before
		copy(s.words[(at+i+1)*wordBytes:], s.words[at*wordBytes:end*wordBytes])
		s.set(at+i, place&(1<<wordBits-1))
		end = at
	}
	below := 0
	for bucket := range s.starts {
		for below < len(loose) && int(loose[below]>>wordBits) < bucket {
			below++
		}
		s.starts[bucket] += uint16(below)
	}
	s.count += len(loose)
}

// reserve makes room for so many words.
func (s *packedShard) reserve(count, limit int) {
	if s.starts == nil {
		s.starts = make([]uint16, buckets+1)
	}
	if count*wordBytes <= len(s.words) {
		return
	}
	words := allocate[byte](min(max(2*count, 4*looseWords), max(limit, count)) * wordBytes)
	copy(words, s.words)
	free(s.words)
	s.words = words
}
