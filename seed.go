package clew

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/clew-crawler/clew/frontier"
)

// seedGroup is how many start requests are admitted at once.
const seedGroup = 256

// seedPatience is how long a start request waits for others to be admitted with.
const seedPatience = 20 * time.Millisecond

// seeding admits start requests beside the crawl. Each group is committed with the
// number of requests taken so far, so that a resumed crawl skips as many.
type seeding struct {
	engine *engine
	first  chan struct{} // closed when the crawl may begin
	done   chan struct{} // closed at the end
	err    error         // valid then

	once    sync.Once
	group   *frontier.Outcome
	skipped found // of the group
}

// beginSeeding starts it. A list of URLs is admitted whole before the first fetch,
// so that the order of a crawl does not depend on how fast it starts; requests
// that a function makes are admitted as they come.
func (e *engine) beginSeeding(ctx context.Context) *seeding {
	s := &seeding{engine: e, first: make(chan struct{}), done: make(chan struct{})}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer e.stopper.nudge() // last: it makes a waiting worker look at done
		defer close(s.done)
		defer s.begin()
		defer cancel()
		if s.err = s.seed(ctx); s.err != nil {
			e.stopper.stop("start requests failed")
		}
	}()
	go func() {
		select {
		case <-e.stopper.soft:
			cancel()
		case <-s.done:
		}
	}()
	return s
}

// wait returns when seeding has ended, or has not though it was given up.
func (s *seeding) wait(hard <-chan struct{}) error {
	select {
	case <-s.done:
		return s.err
	case <-hard:
	}
	select {
	case <-s.done:
		return s.err
	case <-time.After(abandonAfter):
		return errors.New("abandoned StartRequests: it did not end within " + abandonAfter.String() + " of being given up")
	}
}

func (s *seeding) begin() { s.once.Do(func() { close(s.first) }) }

func (s *seeding) seed(ctx context.Context) error {
	resumed := s.engine.frontier.Resumed()
	if resumed.Seeded {
		return nil
	}
	s.group = &frontier.Outcome{State: frontier.Done}
	if s.engine.spider.StartRequests == nil {
		return s.seedURLs(resumed.Seeds)
	}
	return s.seedRequests(ctx, resumed.Seeds)
}

// seedURLs admits the URLs that were not taken before.
func (s *seeding) seedURLs(taken int64) error {
	urls := s.engine.spider.StartURLs
	for _, u := range urls[min(taken, int64(len(urls))):] {
		if s.engine.stopper.stopped() {
			return s.flush()
		}
		if err := s.add(&Request{URL: u}); err != nil {
			return err
		}
	}
	s.group.Seeded = true
	return s.flush()
}

// seedRequests admits what a function yields. It may take its time between two, so
// it runs in a goroutine of its own, and what it has yielded does not wait for more.
func (s *seeding) seedRequests(ctx context.Context, taken int64) error {
	ctx, cancel := context.WithCancel(ctx)
	requests := make(chan *Request)
	yielded := make(chan error, 1)
	go func() {
		err := errors.New("StartRequests ended its goroutine")
		defer func() { // also if it did
			close(requests)
			yielded <- err
		}()
		err = s.pull(ctx, taken, requests)
	}()
	err := s.collect(ctx, requests)
	stopped := ctx.Err() != nil
	cancel()
	for range requests { // until the function has ended
	}
	err = errors.Join(err, <-yielded)
	if err == nil && !stopped {
		s.group.Seeded = true
	}
	return errors.Join(err, s.flush())
}

// pull runs the spider's function.
func (s *seeding) pull(ctx context.Context, taken int64, requests chan<- *Request) (err error) {
	defer recovered("StartRequests", &err)
	var n int64
	for req, err := range s.engine.spider.StartRequests(ctx) {
		if n++; err != nil && ctx.Err() == nil {
			return fmt.Errorf("start request %d: %w", n, err)
		}
		if ctx.Err() != nil {
			return nil
		}
		if n <= taken {
			continue
		}
		select {
		case requests <- req:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// collect groups requests until there are no more or the crawl stops.
func (s *seeding) collect(ctx context.Context, requests <-chan *Request) error {
	timer := time.NewTimer(seedPatience)
	defer timer.Stop()
	for {
		select {
		case req, ok := <-requests:
			if !ok || ctx.Err() != nil {
				return nil
			}
			if err := s.add(req); err != nil {
				return err
			}
			if s.group.Seeds == 1 {
				timer.Reset(seedPatience)
			}
		case <-timer.C:
			if err := s.flush(); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// add takes one start request. A URL that cannot be fetched is skipped with a
// warning; a fault of the program ends seeding.
func (s *seeding) add(req *Request) (err error) {
	defer recovered("start request", &err)
	e := s.engine
	t, err := e.spider.encode(req, origin{})
	switch {
	case isBadURL(err):
		e.log.Warn("start request skipped", "error", err)
		s.skipped.bad++
	case err != nil:
		return fmt.Errorf("start request: %w", err)
	case !e.spider.allows(t.Host):
		e.log.Warn("start request skipped: outside the allowed domains", "url", redact(req.URL))
		s.skipped.offsite++
	default:
		s.group.Links = append(s.group.Links, t)
	}
	s.group.Seeds++
	if s.group.Seeds < seedGroup {
		return nil
	}
	return s.flush()
}

// flush admits the group. In a crawl of start URLs the first fetch waits for the
// last group, otherwise for the first.
func (s *seeding) flush() error {
	o, skipped := s.group, s.skipped
	s.group, s.skipped = &frontier.Outcome{State: frontier.Done}, found{}
	if o.Seeds == 0 && !o.Seeded {
		return nil
	}
	o.Apply = func(kept frontier.Admitted) {
		s.engine.stats.change(func(st *Stats) {
			st.Links += int64(kept.Links)
			st.LinksDuplicate += int64(kept.DuplicateLinks)
			st.LinksBad += skipped.bad
			st.LinksOffsite += skipped.offsite
		})
	}
	err := s.engine.admit(context.Background(), o)
	if s.engine.spider.StartRequests != nil {
		s.begin()
	}
	return err
}
