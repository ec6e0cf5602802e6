package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/clew-crawler/clew/frontier"
)

// taskVersion begins every stored task, so that a later format can tell.
const taskVersion = 1

const (
	flagFront = 1 << iota
	flagUnfiltered
)

// appendTask encodes what the key does not say.
func appendTask(b []byte, t *frontier.Task) []byte {
	var flags byte
	if t.Front {
		flags |= flagFront
	}
	if t.Unfiltered {
		flags |= flagUnfiltered
	}
	b = append(b, taskVersion, flags)
	b = append(b, t.Fingerprint[:]...)
	b = binary.AppendVarint(b, int64(t.Priority))
	b = binary.AppendUvarint(b, uint64(t.Attempts))
	b = binary.AppendUvarint(b, uint64(t.Blocked))
	for _, s := range []string{t.Host, t.Handler, t.Session, t.Failure} {
		b = appendString(b, s)
	}
	return append(b, t.Payload...)
}

func parseTask(key, b []byte) (frontier.Task, error) {
	var t frontier.Task
	k, err := parseKey(key)
	if err != nil {
		return t, err
	}
	t.Key = k
	if len(b) < 18 || b[0] != taskVersion {
		return t, fmt.Errorf("%w: task %d has no known format", frontier.ErrDamaged, k.Seq)
	}
	t.Front, t.Unfiltered = b[1]&flagFront != 0, b[1]&flagUnfiltered != 0
	copy(t.Fingerprint[:], b[2:18])
	r := reader{b: b[18:]}
	t.Priority = int32(r.varint())
	t.Attempts = uint16(r.uvarint())
	t.Blocked = uint16(r.uvarint())
	t.Host, t.Handler, t.Session, t.Failure = r.text(), r.text(), r.text(), r.text()
	t.Rank = k.Rank
	if k.State == frontier.Pending && t.Host != k.Host && r.err == nil {
		r.err = errHost
	}
	if r.err != nil {
		return t, fmt.Errorf("%w: task %d: %w", frontier.ErrDamaged, k.Seq, r.err)
	}
	t.Payload = append([]byte(nil), r.b...)
	return t, nil
}

func appendHostRecord(b []byte, h *frontier.Host) []byte {
	b = binary.AppendUvarint(b, timeKey(h.NextAt))
	b = binary.AppendUvarint(b, uint64(len(h.Queues)))
	for _, q := range h.Queues {
		b = binary.AppendUvarint(b, uint64(q.Rank))
		b = binary.AppendUvarint(b, q.Head)
		b = binary.AppendUvarint(b, uint64(q.Count))
	}
	return b
}

func parseHostRecord(name string, b []byte) (frontier.Host, error) {
	r := reader{b: b}
	h := frontier.Host{Name: name, NextAt: keyTime(r.uvarint())}
	n := r.uvarint()
	for range n {
		if r.err != nil {
			break
		}
		rank, head, count := r.uvarint(), r.uvarint(), r.uvarint()
		if rank > math.MaxUint32 || count > math.MaxInt64 {
			r.err = errRange
		}
		h.Queues = append(h.Queues, frontier.Queue{Rank: uint32(rank), Head: head, Count: int64(count)})
	}
	if r.err != nil || len(r.b) > 0 {
		return h, fmt.Errorf("%w: record of host %q cannot be read", frontier.ErrDamaged, name)
	}
	return h, nil
}

// A mark describes the lines that one commit appended to the item log.
type mark struct {
	length   int64
	checksum uint64
}

func (m mark) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(m.length))
	return binary.BigEndian.AppendUint64(b, m.checksum)
}

func parseMark(b []byte) (mark, error) {
	r := reader{b: b}
	m := mark{length: int64(r.uvarint())}
	if r.err != nil || len(r.b) != 8 || m.length < 0 {
		return m, fmt.Errorf("%w: mark of the item log cannot be read", frontier.ErrDamaged)
	}
	m.checksum = binary.BigEndian.Uint64(r.b)
	return m, nil
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// A reader takes values off the front of b; after the first error it gives zeros.
type reader struct {
	b   []byte
	err error
}

var (
	errShort = errors.New("record ends too early")
	errRange = errors.New("number is out of range")
	errHost  = errors.New("it stands in the queue of another host")
)

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	return v * uint64(r.skip(n))
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	return v * int64(r.skip(n))
}

// skip moves on by n bytes and returns 1, or notes the error and returns 0.
func (r *reader) skip(n int) int {
	if n <= 0 || r.err != nil {
		r.err = errShort
		return 0
	}
	r.b = r.b[n:]
	return 1
}

func (r *reader) text() string {
	n := r.uvarint()
	if r.err != nil || n > uint64(len(r.b)) {
		r.err = errShort
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}
