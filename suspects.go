package clew

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"

	"github.com/clew-crawler/clew/frontier"
)

// kindDeaths is the kind of the values that count how often the process died while
// a page was being handled. The key is the task's sequence number.
const kindDeaths = "deaths"

// handlingName is the file that notes which pages are being handled right now.
const handlingName = "handling"

// Suspects note the pages whose handlers are running, in a file that outlives the
// process but need not outlive the machine. A page that kills the process (by
// memory, by its stack, by a concurrent map write) is found in it, runs alone
// after the next start, and fails when it has done so three times.
type suspects struct {
	mu   sync.Mutex
	file *os.File // nil: nothing is noted
	free []int64  // slots of the file
	next int64
}

// openSuspects reads what the last run was handling when it ended and begins to
// take notes anew.
func openSuspects(path string) (*suspects, []uint64, error) {
	if path == "" {
		return &suspects{}, nil, nil
	}
	data, err := os.ReadFile(path) //nolint:gosec // in the user's crawl directory
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("read %s: %w", path, err)
	}
	var found []uint64
	for ; len(data) >= 8; data = data[8:] {
		if seq := binary.LittleEndian.Uint64(data); seq != 0 {
			found = append(found, seq)
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // likewise
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", path, err)
	}
	return &suspects{file: f}, found, nil
}

// enter notes that a page's handler begins; leave takes the note back. A note that
// cannot be written is none: it only helps against pages that kill the process.
func (s *suspects) enter(seq uint64) int64 {
	if s.file == nil {
		return 0
	}
	s.mu.Lock()
	slot := s.next
	if n := len(s.free); n > 0 {
		slot, s.free = s.free[n-1], s.free[:n-1]
	} else {
		s.next++
	}
	s.mu.Unlock()
	s.write(slot, seq)
	return slot
}

func (s *suspects) leave(slot int64) {
	if s.file == nil {
		return
	}
	s.write(slot, 0)
	s.mu.Lock()
	s.free = append(s.free, slot)
	s.mu.Unlock()
}

func (s *suspects) write(slot int64, seq uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], seq)
	_, _ = s.file.WriteAt(b[:], slot*8) // see enter
}

func (s *suspects) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// deaths adds the pages found in the file to the deaths counted before.
func deaths(ctx context.Context, store frontier.Store, found []uint64) (map[uint64]int, []frontier.Value, error) {
	counts := map[uint64]int{}
	for v, err := range store.Values(ctx, kindDeaths, nil) {
		if err != nil {
			return nil, nil, err
		}
		seq, err1 := strconv.ParseUint(v.Key, 10, 64)
		n, err2 := strconv.Atoi(string(v.Data))
		if err := errors.Join(err1, err2); err != nil {
			return nil, nil, fmt.Errorf("%w: count of deaths: %w", ErrDamaged, err)
		}
		counts[seq] = n
	}
	var values []frontier.Value
	for _, seq := range found {
		counts[seq]++
		values = append(values, frontier.Value{
			Kind: kindDeaths, Key: strconv.FormatUint(seq, 10), Data: []byte(strconv.Itoa(counts[seq])),
		})
	}
	return counts, values, nil
}

func forgetDeaths(seq uint64) frontier.Value {
	return frontier.Value{Kind: kindDeaths, Key: strconv.FormatUint(seq, 10)}
}
