package pebblestore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/clew-crawler/clew/frontier"
)

// The first byte of a key says what it holds.
const (
	prefixBooks   = 'b' // b → books as JSON
	prefixChain   = 'c' // c, number of the last commit (8) → nothing
	prefixDelayed = 'd' // d, due (8 bytes), seq (8) → task
	prefixFailed  = 'f' // f, seq (8) → task
	prefixGroup   = 'g' // g, offset in the item log (8) → length, checksum
	prefixHost    = 'h' // h, name → clock and queues
	prefixPending = 'p' // p, host, 0, rank (4), seq (8) → task
	prefixSeen    = 's' // s, fingerprint (16) → nothing
	prefixValue   = 'v' // v, kind, 0, key → data
)

func appendKey(b []byte, k *frontier.Key) []byte {
	switch k.State { //nolint:exhaustive // every other state is stored as a pending task
	case frontier.Delayed:
		b = append(b, prefixDelayed)
		b = binary.BigEndian.AppendUint64(b, timeKey(k.Due))
		return binary.BigEndian.AppendUint64(b, k.Seq)
	case frontier.Failed:
		return binary.BigEndian.AppendUint64(append(b, prefixFailed), k.Seq)
	default:
		return appendPending(b, k.Host, k.Rank, k.Seq)
	}
}

func appendPending(b []byte, host string, rank uint32, seq uint64) []byte {
	b = append(b, prefixPending)
	b = append(b, host...)
	b = append(b, 0)
	b = binary.BigEndian.AppendUint32(b, rank)
	return binary.BigEndian.AppendUint64(b, seq)
}

func appendHost(b []byte, name string) []byte { return append(append(b, prefixHost), name...) }

func appendSeen(b []byte, fp frontier.Fingerprint) []byte {
	return append(append(b, prefixSeen), fp[:]...)
}

func appendValue(b []byte, kind, key string) []byte {
	b = append(append(b, prefixValue), kind...)
	return append(append(b, 0), key...)
}

func appendGroup(b []byte, offset int64) []byte {
	return binary.BigEndian.AppendUint64(append(b, prefixGroup), uint64(offset))
}

func appendChain(b []byte, commit uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, prefixChain), commit)
}

// timeKey orders times. Those before 1970 and behind 2262, which a count of
// nanoseconds cannot hold, count as its ends.
func timeKey(t time.Time) uint64 {
	switch {
	case t.Before(time.Unix(0, 0)):
		return 0
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return uint64(t.UnixNano())
}

func keyTime(v uint64) time.Time {
	return time.Unix(0, int64(min(v, math.MaxInt64)))
}

// parseKey reads the key of a task.
func parseKey(b []byte) (frontier.Key, error) {
	var k frontier.Key
	switch {
	case len(b) == 17 && b[0] == prefixDelayed:
		k.State = frontier.Delayed
		k.Due = keyTime(binary.BigEndian.Uint64(b[1:]))
		k.Seq = binary.BigEndian.Uint64(b[9:])
		return k, nil
	case len(b) == 9 && b[0] == prefixFailed:
		k.State = frontier.Failed
		k.Seq = binary.BigEndian.Uint64(b[1:])
		return k, nil
	case len(b) >= 14 && b[0] == prefixPending:
		if end := len(b) - 13; bytes.IndexByte(b[1:], 0) == end-1 {
			k.State = frontier.Pending
			k.Host = string(b[1:end])
			k.Rank = binary.BigEndian.Uint32(b[end+1:])
			k.Seq = binary.BigEndian.Uint64(b[end+5:])
			return k, nil
		}
	}
	return k, fmt.Errorf("%w: %x is not a task's key", frontier.ErrDamaged, b)
}

// upper is the first key behind everything that begins with prefix.
func upper(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
