package clew

import (
	"math/rand/v2"
	"sync/atomic"

	"github.com/zeebo/xxh3"
)

// metLinks remembers how links were written that turned out to be known. Those of menus
// are on every page; the next time they need not be resolved, identified and looked up.
// What is known stays known, so none has to be forgotten. It is for one run, and safe
// for concurrent use; nil remembers nothing.
//
// It holds the last few tens of thousands in 512 KB: one half of a hash chooses a set of
// two, and the other half stands there. That a link which was not met is taken for one that
// was has a probability of 2^-63.
type metLinks struct {
	seed uint64 // nobody can choose links that drive others out
	sets [1 << 15][2]atomic.Uint64
}

func newMetLinks() *metLinks {
	return &metLinks{seed: rand.Uint64()} //nolint:gosec // it is not known outside the process
}

// key identifies a link by all that decides where it leads and whose request it becomes.
// The zero key is that of no link.
func (m *metLinks) key(scope, session, href string) (k xxh3.Uint128) {
	if m == nil {
		return k
	}
	var buf [256]byte
	b := append(append(buf[:0], scope...), 0)
	b = append(append(b, session...), 0)
	return xxh3.Hash128Seed(append(b, href...), m.seed)
}

func (m *metLinks) set(k xxh3.Uint128) *[2]atomic.Uint64 { return &m.sets[k.Lo%uint64(len(m.sets))] }

func (m *metLinks) contains(k xxh3.Uint128) bool {
	if k == (xxh3.Uint128{}) {
		return false
	}
	set := m.set(k)
	return set[0].Load() == k.Hi || set[1].Load() == k.Hi
}

// add remembers a link instead of the one of its set that was added before the last one.
func (m *metLinks) add(k xxh3.Uint128) {
	if k == (xxh3.Uint128{}) || m.contains(k) {
		return
	}
	set := m.set(k)
	set[1].Store(set[0].Load())
	set[0].Store(k.Hi)
}
