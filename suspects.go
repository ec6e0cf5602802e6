package clew

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"

	"github.com/clew-crawler/clew/frontier"
)

// kindDeaths is the kind of the values that count how often the process died while
// a page was being handled. The key is the request's fingerprint, since the place
// in the order of a request that was found a moment before may be lost with the process.
const kindDeaths = "deaths"

// handlingName is the file that notes which pages are being handled right now.
const handlingName = "handling"

// Suspects note the pages that the user's code is at work on, from the answer to
// the admission of the outcome, in a file that outlives the process but need not
// outlive the machine. A page that kills the process (by memory, by its stack, by
// a concurrent map write) is found in it, runs alone after the next start, and
// fails when it has done so three times.
type suspects struct {
	mu   sync.Mutex
	file *os.File // nil: nothing is noted
	free []int64  // slots of the file
	next int64
}

// openSuspects reads what a run was handling when it ended. Notes of any run but the
// last one have been counted. They stay until begin, which is called when the deaths
// are committed.
func openSuspects(path string, run uint64) (*suspects, []frontier.Fingerprint, error) {
	if path == "" {
		return &suspects{}, nil, nil
	}
	data, err := os.ReadFile(path) //nolint:gosec // in the user's crawl directory
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("read %s: %w", path, err)
	}
	head := runMark(run)
	data, own := bytes.CutPrefix(data, head[:])
	if !own {
		data = nil
	}
	var found []frontier.Fingerprint
	for fp := range slices.Chunk(data, len(frontier.Fingerprint{})) {
		if len(fp) == len(frontier.Fingerprint{}) && !bytes.Equal(fp, make([]byte, len(fp))) {
			found = append(found, frontier.Fingerprint(fp))
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // likewise
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", path, err)
	}
	return &suspects{file: f}, found, nil
}

// begin begins to take the notes of a run.
func (s *suspects) begin(run uint64) error {
	if s.file == nil {
		return nil
	}
	head := runMark(run)
	if err := s.file.Truncate(0); err != nil {
		return err
	}
	_, err := s.file.WriteAt(head[:], 0)
	s.next = 1 // the slot behind it
	return err
}

// runMark is what stands in the first slot of the file: whose notes they are.
func runMark(run uint64) (head frontier.Fingerprint) {
	copy(head[:], "notes of")
	binary.BigEndian.PutUint64(head[8:], run)
	return head
}

// enter notes a page; leave takes the note back. A note that cannot be written is
// none: it only helps against pages that kill the process.
func (s *suspects) enter(fp frontier.Fingerprint) (leave func()) {
	if s.file == nil {
		return func() {}
	}
	s.mu.Lock()
	slot := s.next
	if n := len(s.free); n > 0 {
		slot, s.free = s.free[n-1], s.free[:n-1]
	} else {
		s.next++
	}
	s.mu.Unlock()
	s.write(slot, fp)
	return func() {
		s.write(slot, frontier.Fingerprint{})
		s.mu.Lock()
		s.free = append(s.free, slot)
		s.mu.Unlock()
	}
}

func (s *suspects) write(slot int64, fp frontier.Fingerprint) {
	_, _ = s.file.WriteAt(fp[:], slot*int64(len(fp))) // see enter
}

// close ends the notes. After an orderly end of the run they tell nothing.
func (s *suspects) close(orderly bool) error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if orderly {
		err = errors.Join(err, os.Remove(s.file.Name()))
	}
	return err
}

// deaths adds the pages found in the file to the deaths counted before.
func deaths(ctx context.Context, store frontier.Store, found []frontier.Fingerprint) (map[frontier.Fingerprint]int, []frontier.Value, error) {
	counts := map[frontier.Fingerprint]int{}
	for v, err := range store.Values(ctx, kindDeaths, nil) {
		if err != nil {
			return nil, nil, err
		}
		n, err := strconv.Atoi(string(v.Data))
		if len(v.Key) != len(frontier.Fingerprint{}) || err != nil {
			return nil, nil, fmt.Errorf("%w: count of deaths %q of %x", ErrDamaged, v.Data, v.Key)
		}
		counts[frontier.Fingerprint([]byte(v.Key))] = n
	}
	var values []frontier.Value
	for _, fp := range found {
		counts[fp]++
		values = append(values, frontier.Value{
			Kind: kindDeaths, Key: string(fp[:]), Data: []byte(strconv.Itoa(counts[fp])),
		})
	}
	return counts, values, nil
}

func forgetDeaths(fp frontier.Fingerprint) frontier.Value {
	return frontier.Value{Kind: kindDeaths, Key: string(fp[:])}
}
