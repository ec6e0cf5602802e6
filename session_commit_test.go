package clew

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clew-crawler/clew/fetch"
	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/store/pebblestore"
)

// keepingSession is changed by its first fetch. The page that comes to collect the
// change is held up until another page is committed, or gave up hope of that.
type keepingSession struct {
	fetched   atomic.Bool
	committed chan struct{}
	collected atomic.Bool
}

func (s *keepingSession) Fetch(_ context.Context, r *fetch.Request) (*fetch.Response, error) {
	s.fetched.Store(true)
	return &fetch.Response{URL: r.URL, Status: http.StatusOK, Header: http.Header{}}, nil
}

func (s *keepingSession) Changed() []fetch.Record {
	// Start requests are admitted before anything is fetched.
	if !s.fetched.Load() || !s.collected.CompareAndSwap(false, true) {
		return nil
	}
	select {
	case <-s.committed:
	case <-time.After(300 * time.Millisecond):
	}
	return []fetch.Record{{Key: "cookie", Value: []byte("login")}}
}

func (s *keepingSession) Restore(iter.Seq2[fetch.Record, error]) error { return nil }
func (s *keepingSession) Close() error                                 { return nil }

// keepingStore looks at what is committed before the session's change is.
type keepingStore struct {
	*pebblestore.Store
	session *keepingSession
	kept    bool
	err     error
}

func (s *keepingStore) Commit(ctx context.Context, b *frontier.Batch) error {
	for _, v := range b.Values {
		s.kept = s.kept || v.Kind == kindSession
	}
	err := s.Store.Commit(ctx, b)
	if b.Books.Done > 0 && !s.kept {
		s.err = errors.New("a page is committed before what its fetch changed in the session")
		close(s.session.committed)
		s.kept = true // said once
	}
	return err
}

// TestSessionChangesTravelWithThePage: whoever collects what sessions changed, it
// is committed no later than the pages that changed it.
func TestSessionChangesTravelWithThePage(t *testing.T) {
	mem, err := pebblestore.NewMem()
	if err != nil {
		t.Fatal(err)
	}
	session := &keepingSession{committed: make(chan struct{})}
	store := &keepingStore{Store: mem, session: session}
	both := make(chan struct{}, 2)
	spider := &Spider{
		Name: "keeping", StartURLs: []string{"http://a.invalid/1", "http://b.invalid/2"}, IgnoreRobots: true,
		Sessions: map[string]fetch.Session{"": session}, Logger: slog.New(slog.DiscardHandler),
		Parse: func(context.Context, *Response, *Output) error {
			both <- struct{}{}
			for len(both) < 2 { // both pages were fetched when the first one is admitted
				<-time.After(time.Millisecond)
			}
			return nil
		},
	}
	memory := func(o *options) { o.store = func() (frontier.Store, error) { return store, nil } }
	if _, err := Run(t.Context(), spider, memory, Interval(10*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if store.err != nil {
		t.Error(store.err)
	}
}
