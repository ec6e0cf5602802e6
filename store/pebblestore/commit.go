package pebblestore

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/clew-crawler/clew/frontier"
)

// Commit implements [frontier.Store]. See the package comment for its order.
func (s *Store) Commit(ctx context.Context, b *frontier.Batch) error {
	if err := s.failed(); err != nil {
		return err
	}
	if s.held != nil {
		if err := s.held(); err != nil {
			s.poison(err)
			return err
		}
	}
	if err := s.audited(ctx, b.Books.Finished); err != nil {
		return err
	}
	var m mark
	if len(b.Lines) > 0 {
		err := s.guard(func() (err error) {
			m, err = s.log.append(b.Lines)
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := s.encode(b, m); err != nil {
		s.poison(err)
		return err
	}
	if err := s.guard(func() error { return s.writer.batch.Commit(pebble.Sync) }); err != nil {
		return err // nothing is written any more: Pebble may still be reading the batch
	}
	s.follow(s.log.length, b.Lines)
	s.log.length += m.length
	s.books, s.fresh = b.Books, false
	s.commits++
	return s.guard(func() error { return s.tide.write(s.commits) })
}

// encode turns a batch into one write.
func (s *Store) encode(b *frontier.Batch, m mark) error {
	w := &s.writer
	w.begin(s.db)
	for i := range b.Put {
		if strings.IndexByte(b.Put[i].Host, 0) >= 0 {
			return fmt.Errorf("host %q holds a zero byte", b.Put[i].Host)
		}
		w.key = appendKey(w.key[:0], &b.Put[i].Key)
		w.value = appendTask(w.value[:0], &b.Put[i])
		w.set()
	}
	for i := range b.Remove {
		w.key = appendKey(w.key[:0], &b.Remove[i])
		w.delete()
	}
	for _, fp := range b.Seen {
		w.key, w.value = appendSeen(w.key[:0], fp), w.value[:0]
		w.set()
	}
	for i := range b.Hosts {
		w.key = appendHost(w.key[:0], b.Hosts[i].Name)
		if len(b.Hosts[i].Queues) == 0 && b.Hosts[i].NextAt.IsZero() {
			w.delete()
			continue
		}
		w.value = appendHostRecord(w.value[:0], &b.Hosts[i])
		w.set()
	}
	for _, v := range b.Values {
		w.key = appendValue(w.key[:0], v.Kind, v.Key)
		if v.Data == nil {
			w.delete()
			continue
		}
		w.value = append(w.value[:0], v.Data...)
		w.set()
	}
	if m.length > 0 {
		w.key, w.value = appendGroup(w.key[:0], s.log.length), m.append(w.value[:0])
		w.set()
	}
	w.key, w.value = appendChain(w.key[:0], s.commits+1), w.value[:0]
	w.set()
	if s.commits > 0 {
		w.key = appendChain(w.key[:0], s.commits)
		w.delete()
	}
	books, err := json.Marshal(b.Books)
	if err != nil {
		return fmt.Errorf("encode books: %w", err)
	}
	w.key, w.value = append(w.key[:0], prefixBooks), books
	w.set()
	if w.err != nil {
		return fmt.Errorf("fill batch: %w", w.err)
	}
	return nil
}

// batchKept is the size up to which a batch's memory is used for the next one.
const batchKept = 8 << 20

// writer fills a batch. It uses its memory again.
type writer struct {
	batch      *pebble.Batch
	key, value []byte
	err        error
}

// begin empties the batch.
func (w *writer) begin(db *pebble.DB) {
	if w.batch == nil {
		w.batch = db.NewBatch(pebble.WithMaxRetainedSizeBytes(batchKept))
		return
	}
	w.batch.Reset()
}

func (w *writer) set() {
	if err := w.batch.Set(w.key, w.value, nil); err != nil && w.err == nil {
		w.err = err
	}
}

func (w *writer) delete() {
	if err := w.batch.Delete(w.key, nil); err != nil && w.err == nil {
		w.err = err
	}
}
