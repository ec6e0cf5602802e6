package clew

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"github.com/clew-crawler/clew/fetch"
	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/politeness"
)

// A Crawl is one durable piece of work, opened for one run. Its methods may be
// called from several goroutines.
type Crawl struct {
	spider *prepared
	opts   *options
	log    *slog.Logger
	logs   *logCounts
	closer io.Closer // of the log file
	on     *opened
	prior  *Result // of a crawl that was finished already

	mu      sync.Mutex
	state   crawlState
	stopper *stopper
	engine  *engine
	commits chan struct{} // closed and replaced at each commit
	ended   chan struct{} // closed when Run has returned
	length  int64         // committed bytes of the item log
	last    Stats         // once the run has ended
}

type crawlState int

const (
	opening crawlState = iota
	running
	over
)

// Open checks the spider and the options, and opens or creates the crawl. All
// faults are reported at once. The crawl directory stays locked until [Crawl.Run]
// returns or [Crawl.Close] is called.
func Open(spider *Spider, opts ...Option) (*Crawl, error) {
	o, oerr := newOptions(opts)
	p, serr := spider.prepare()
	if err := errors.Join(serr, oerr); err != nil {
		return nil, err
	}
	log, counts, closer, err := spider.openLog()
	if err != nil {
		return nil, err
	}
	c := &Crawl{
		spider: p, opts: o, log: log, logs: counts, closer: closer,
		stopper: newStopper(o.pauseTimeout, log), commits: make(chan struct{}), ended: make(chan struct{}),
	}
	if c.on, err = openCrawl(p, o, log); err != nil {
		return nil, errors.Join(err, closer.Close())
	}
	if c.prior = c.on.prior; c.prior != nil {
		c.last, c.length = c.prior.Stats, c.prior.Stats.ItemBytes
	}
	return c, nil
}

// Run opens a crawl and runs it.
func Run(ctx context.Context, spider *Spider, opts ...Option) (*Result, error) {
	c, err := Open(spider, opts...)
	if err != nil {
		return nil, err
	}
	return c.Run(ctx)
}

// Run crawls until nothing is left to do or a stop is asked for, and closes the
// crawl. Cancelling ctx pauses it. It returns a result also with an error, when
// there is one. A finished crawl is not run again: its result is returned at once.
func (c *Crawl) Run(ctx context.Context) (*Result, error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	if c.prior != nil {
		c.log.Info("crawl is finished already", "pages", c.prior.Stats.Pages, "items", c.prior.Stats.Items)
		return c.prior, c.end()
	}
	result, err := c.run(ctx)
	return result, errors.Join(err, c.end())
}

func (c *Crawl) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != opening {
		return errors.New("crawl has been run or closed: open it again")
	}
	c.state = running
	return nil
}

// end releases what the crawl holds.
func (c *Crawl) end() error {
	c.mu.Lock()
	c.state = over
	c.mu.Unlock()
	close(c.ended)
	return c.release()
}

func (c *Crawl) release() error {
	var errs []error
	if c.on.store != nil {
		errs = append(errs, c.on.store.Close())
	}
	if c.on.dir != nil {
		errs = append(errs, c.on.dir.Close())
	}
	return errors.Join(append(errs, c.closer.Close())...)
}

// Close releases a crawl that is not to be run. After [Crawl.Run] it does nothing.
func (c *Crawl) Close() error {
	if err := c.begin(); err != nil {
		return nil //nolint:nilerr // it has been run or closed, and holds nothing
	}
	return c.end()
}

// Pause asks a running crawl to pause: pages in flight finish, everything is
// committed, and Run returns. A second call gives up what is in flight.
func (c *Crawl) Pause() {
	if !isClosed(c.ended) {
		c.stopper.again("asked to pause")
	}
}

// Stats returns the counters of the whole crawl, live.
func (c *Crawl) Stats() Stats {
	c.mu.Lock()
	e, s := c.engine, c.last
	c.mu.Unlock()
	if e == nil {
		return s
	}
	return e.liveStats()
}

func (e *engine) liveStats() Stats {
	books := e.frontier.Books()
	s := e.stats.crawl()
	s.fill(&books, e.frontier.Leases())
	return s
}

// State decodes a value of the crawl's state, see [Update], as admitted so far. It
// reports whether there is one. It is for a crawl that runs; a finished one has
// its values in [Result.State].
func (c *Crawl) State(ctx context.Context, key string, v any) (bool, error) {
	c.mu.Lock()
	e := c.engine
	c.mu.Unlock()
	if e == nil {
		return false, ErrNotRunning
	}
	data, err := e.frontier.Value(ctx, frontier.KindState, textual(key))
	if err != nil || data == nil {
		return false, err
	}
	return true, json.Unmarshal(data, v)
}

// Items yields the items of the crawl from its first run on, and goes on with new
// ones as they are committed until the run ends or ctx does. It reads the log, so
// a slow consumer holds up nothing and costs no memory.
func (c *Crawl) Items(ctx context.Context) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		var at int64
		for {
			over := isClosed(c.ended) // asked first: the last commit may come in between
			c.mu.Lock()
			length, commits := c.length, c.commits
			c.mu.Unlock()
			if length > at {
				next, ok := c.yieldItems(at, length, yield)
				if !ok {
					return
				}
				at = next
				continue
			}
			if over {
				return
			}
			select {
			case <-commits:
			case <-c.ended:
			case <-ctx.Done():
				return
			}
		}
	}
}

// itemLog is what a store lets its items be read from.
type itemLog interface {
	ReadItems(from, to int64) (io.ReadCloser, error)
}

func (c *Crawl) yieldItems(from, to int64, yield func(json.RawMessage, error) bool) (int64, bool) {
	f, err := c.readItems(from, to)
	if err != nil {
		yield(nil, fmt.Errorf("read items: %w", err))
		return from, false
	}
	more := true
	for line, err := range readLines(f) {
		from += int64(len(line)) + 1
		if more = yield(line, err) && err == nil; !more {
			break
		}
	}
	if err := f.Close(); err != nil && more {
		return from, yield(nil, fmt.Errorf("read items: %w", err))
	}
	return from, more
}

func (c *Crawl) readItems(from, to int64) (io.ReadCloser, error) {
	if c.prior != nil {
		f, err := c.prior.open()
		if err == nil {
			_, err = io.CopyN(io.Discard, f, from)
		}
		return f, err
	}
	return c.on.store.(itemLog).ReadItems(from, to)
}

// committed is told of each commit.
func (c *Crawl) committed(b frontier.Books) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.length = b.ItemBytes
	close(c.commits)
	c.commits = make(chan struct{})
}

// handlingPath is where the pages being handled are noted, "" for nowhere.
func (c *Crawl) handlingPath() string {
	if c.on.dir == nil || c.opts.fs != nil {
		return ""
	}
	return filepath.Join(c.on.dir.Path(), handlingName)
}

// newEngine opens the frontier and everything that a run needs.
func (c *Crawl) newEngine(ctx context.Context) (e *engine, err error) {
	books, err := c.on.store.Load(ctx)
	if err != nil {
		return nil, err
	}
	e = &engine{
		spider: c.spider, opts: c.opts, log: c.log, stopper: c.stopper, met: newMetLinks(),
		slots: c.spider.concurrency(), inFlight: map[*page]struct{}{},
		ended: make(chan struct{}), crew: crew{call: make(chan struct{}, c.spider.concurrency()), timer: time.NewTimer(0)},
	}
	if e.stats, err = newCounters(books.Note, c.logs); err != nil {
		return nil, err
	}
	s := &e.stats.stats
	s.Runs = int(books.Run) + 1
	e.hosts = newHostHealth(orDefault(c.spider.GiveUp, defaultGiveUp), s.Fetches > s.FetchErrors)
	s.Concurrency, s.ConcurrencyPerHost, s.Delay = c.spider.concurrency(), c.spider.perHost(), c.spider.Delay
	var found []frontier.Fingerprint
	if e.suspects, found, err = openSuspects(c.handlingPath(), books.Run); err != nil {
		return nil, err
	}
	suspects := e.suspects // e is nil when an error is returned
	defer func() {
		if err != nil {
			err = errors.Join(err, suspects.close(false))
		}
	}()
	if books.Clean || books.Run == 0 {
		found = nil // whatever was given up did not end the process, or was of a crawl set aside
	}
	counts, died, err := deaths(ctx, c.on.store, found)
	if err != nil {
		return nil, err
	}
	e.carried = died
	if err := e.openSessions(ctx, c.on.store); err != nil {
		return nil, err
	}
	e.frontier, err = frontier.Open(ctx, c.on.store, c.frontierOptions(e, counts))
	if err != nil {
		return nil, err
	}
	e.robots = newRobotsKeeper(userAgent(&c.spider.HTTP), e.frontier.Value)
	return e, nil
}

func (c *Crawl) frontierOptions(e *engine, deaths map[frontier.Fingerprint]int) frontier.Options {
	o := frontier.Options{
		Interval: c.opts.interval, SeenBytes: c.opts.seenBytes, GroupPages: c.opts.groupPages,
		PerHost: c.spider.perHost(), OneFirst: true, Robots: !c.spider.IgnoreRobots, Deaths: deaths,
		Delay: func(robots time.Duration) time.Duration {
			pace := politeness.Pace{Delay: c.spider.Delay, Robots: robots, Jitter: c.spider.Jitter}
			return pace.Wait(rand.Float64()) //nolint:gosec // spreads requests, hides nothing
		},
		Note: e.stats.note, Committed: c.committed,
		ScratchFailed: func(err error) { c.log.Warn("looking up known requests takes longer", "error", err) },
	}
	if c.on.dir != nil {
		o.Scratch = c.on.dir.Scratch
	}
	return o
}

// openSessions makes the default session and gives all of them what they kept.
func (e *engine) openSessions(ctx context.Context, store frontier.Store) error {
	e.sessions = map[string]fetch.Session{}
	maps.Copy(e.sessions, e.spider.Sessions)
	if e.sessions[""] == nil {
		o := e.spider.HTTP
		o.MaxIdleConnsPerHost = orDefault(o.MaxIdleConnsPerHost, e.spider.perHost())
		o.MaxIdleConns = orDefault(o.MaxIdleConns, max(1024, 2*e.spider.concurrency()))
		s, err := fetch.NewHTTP(o)
		if err != nil {
			return fmt.Errorf("spider %q: HTTP: %w", e.spider.Name, err)
		}
		e.sessions[""] = s
	}
	kept := map[string][]fetch.Record{}
	for v, err := range store.Values(ctx, kindSession, nil) {
		if err != nil {
			return err
		}
		name, key := splitSessionKey(v.Key)
		kept[name] = append(kept[name], fetch.Record{Key: key, Value: v.Data})
	}
	for name, records := range kept {
		keeper, ok := e.sessions[name].(fetch.Keeper)
		if !ok {
			continue
		}
		err := keeper.Restore(func(yield func(fetch.Record, error) bool) {
			for _, rec := range records {
				if !yield(rec, nil) {
					return
				}
			}
		})
		if err != nil {
			return fmt.Errorf("restore session %q: %w", name, err) // no damage: that the store would have found
		}
	}
	return nil
}

// closeSessions closes the default session; the others belong to the spider.
func (e *engine) closeSessions() error {
	if e.spider.Sessions[""] != nil {
		return nil
	}
	return e.sessions[""].Close()
}
