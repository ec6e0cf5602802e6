package frontiertest

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"sync"

	"github.com/clew-crawler/clew/frontier"
)

// scratch is a file in memory. Now and then it fails, and gives back other bytes than
// were written, which must never make a difference.
type scratch struct {
	mu     sync.Mutex
	rng    *rand.Rand
	data   []byte
	closed bool
}

var errScratch = errors.New("the file failed")

func newScratch(rng *rand.Rand) (frontier.Scratch, error) {
	if rng.IntN(10) == 0 {
		return nil, errScratch
	}
	return &scratch{rng: rng}, nil
}

func (s *scratch) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.rng.IntN(10) == 0 {
		return 0, errScratch
	}
	s.data = append(s.data, p...)
	return len(p), nil
}

func (s *scratch) ReadAt(p []byte, at int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.rng.IntN(200) == 0 {
		return 0, errScratch
	}
	n, err := bytes.NewReader(s.data).ReadAt(p, at)
	if s.rng.IntN(4) == 0 {
		for i := range p[:n] {
			p[i] ^= byte(s.rng.Uint32())
		}
	}
	return n, err
}

func (s *scratch) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("the file was closed twice")
	}
	s.closed = true
	s.data = nil
	return nil
}
