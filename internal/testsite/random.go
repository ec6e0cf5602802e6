package testsite

import (
	"hash/fnv"
	"io"
	"math/rand/v2"
)

// A purpose keeps the random choices of one kind apart from all others, so
// that switching one fault on does not move any other.
type purpose uint64

const (
	forItems purpose = iota + 1
	forTitle
	forLinks
	forQuery
	forBroken
	forFault
	forHop
	forLatency
	forFiller
	forQuotes
	forNews
	forCookie
	forRobots
	forTrap
	forCross
	forEncoding
	forRedirect
)

// mix scatters (seed, purpose, n) over all 64-bit numbers; the steps are those
// of the splitmix64 finaliser.
func mix(seed uint64, why purpose, n uint64) uint64 {
	const golden = 0x9e3779b97f4a7c15
	x := scatter(seed + golden*uint64(why))
	return scatter(x + golden*n)
}

func scatter(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// chance is a number in [0, 1) that depends on its arguments alone.
func chance(seed uint64, why purpose, n uint64) float64 {
	return float64(mix(seed, why, n)>>11) / (1 << 53)
}

// random is a generator for many choices about one thing.
func random(seed uint64, why purpose, n uint64) *rand.Rand {
	x := mix(seed, why, n)
	return rand.New(rand.NewPCG(x, scatter(x+1))) //nolint:gosec // repeatable on purpose; nothing secret depends on it
}

func hashString(s string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, s) // a hash never fails to write
	return h.Sum64()
}

func pick[T any](rng *rand.Rand, list []T) T {
	return list[rng.IntN(len(list))]
}
