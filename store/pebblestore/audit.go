package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
	"github.com/zeebo/xxh3"

	"github.com/clew-crawler/clew/frontier"
)

// An audit reads the item log from its beginning and compares the lines of every
// commit with their checksum. What earlier runs committed is read beside the crawl,
// so that opening waits for nothing; what this run commits is taken from memory if
// the audit has come that far, and read before the crawl finishes otherwise.
type audit struct {
	cancel context.CancelFunc
	over   chan struct{} // closed when the part beside the crawl is over
	found  error         // what that part found; set before over is closed
	sum    *xxh3.Hasher  // of everything before at
	at     int64         // used beside the crawl until over is closed, then by Commit
}

// auditBuffer is what an audit reads at once.
const auditBuffer = 64 << 10

// beginAudit audits what is committed, beside the crawl. What it finds poisons the
// store at the next commit.
func (s *Store) beginAudit() {
	ctx, cancel := context.WithCancel(context.Background())
	s.audit = audit{cancel: cancel, over: make(chan struct{}), sum: xxh3.New()}
	to := s.log.length
	go func() {
		defer close(s.audit.over)
		if err := s.auditTo(ctx, to); err != nil && ctx.Err() == nil {
			s.audit.found = err
		}
	}()
}

// endAudit stops the part beside the crawl and waits for it.
func (s *Store) endAudit() {
	if s.audit.over == nil {
		return
	}
	s.audit.cancel()
	<-s.audit.over
}

// auditTo goes on with the audit up to a committed length.
func (s *Store) auditTo(ctx context.Context, to int64) error {
	if s.audit.at >= to {
		return nil
	}
	f, err := s.fs.Open(s.log.name)
	if err != nil {
		return fmt.Errorf("read %s: %w", s.log.name, err)
	}
	err = s.auditFile(ctx, f, to)
	return errors.Join(err, f.Close())
}

func (s *Store) auditFile(ctx context.Context, f io.ReaderAt, to int64) error {
	buffer := make([]byte, auditBuffer)
	groups := &pebble.IterOptions{LowerBound: appendGroup(nil, s.audit.at), UpperBound: appendGroup(nil, to)}
	for kv, err := range s.scan(ctx, groups, "marks of the item log") {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		m, err := parseMark(kv[1])
		if err != nil {
			return err
		}
		if at := int64(binary.BigEndian.Uint64(kv[0][1:])); at != s.audit.at {
			return fmt.Errorf("%w: %s: a commit's lines begin at %d where %d was expected", frontier.ErrDamaged, s.log.name, at, s.audit.at)
		}
		h := xxh3.New()
		lines := io.NewSectionReader(f, s.audit.at, m.length)
		n, err := io.CopyBuffer(io.MultiWriter(h, s.audit.sum), lines, buffer)
		if err != nil {
			return fmt.Errorf("read %s: %w", s.log.name, err)
		}
		if n != m.length || h.Sum64() != m.checksum {
			return s.log.mismatch(s.audit.at, m)
		}
		s.audit.at += n
	}
	if s.audit.at != to {
		return fmt.Errorf("%w: %s: commits account for %d bytes of %d", frontier.ErrDamaged, s.log.name, s.audit.at, to)
	}
	return nil
}

// audited returns what the part beside the crawl has found so far. Before a crawl
// finishes it waits for that part, and audits the rest of the log.
func (s *Store) audited(ctx context.Context, whole bool) error {
	if whole {
		select {
		case <-s.audit.over:
		case <-s.poisoned:
			return s.failed()
		}
	}
	select {
	case <-s.audit.over:
	default:
		return nil
	}
	err := s.audit.found
	if err == nil && whole {
		err = s.auditTo(ctx, s.log.length)
	}
	if err != nil {
		s.poison(err)
	}
	return err
}

// follow takes the lines of a commit into the audit if it has come that far.
func (s *Store) follow(at int64, lines []byte) {
	select {
	case <-s.audit.over:
		if s.audit.at == at {
			_, _ = s.audit.sum.Write(lines) // a hash takes everything
			s.audit.at += int64(len(lines))
		}
	default:
	}
}

// logSum is the checksum of the whole item log, "" before the audit has come to its end.
func (s *Store) logSum() string {
	select {
	case <-s.audit.over:
		if s.audit.at == s.log.length {
			return formatSum(s.audit.sum.Sum64())
		}
	default:
	}
	return ""
}

func formatSum(sum uint64) string { return fmt.Sprintf("%016x", sum) }
