package clew

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/clew-crawler/clew/fetch"
	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/store/pebblestore"
)

// run is one run of a crawl that is not finished, from its first hook to its last.
func (c *Crawl) run(ctx context.Context) (*Result, error) {
	e, err := c.start(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.engine = e
	c.length = e.frontier.Resumed().ItemBytes
	c.mu.Unlock()
	committing := make(chan error, 1)
	go func() {
		err := e.frontier.Run(ctx)
		if err != nil {
			c.stopper.force("the store failed") // pages in flight may take their time
		}
		committing <- err
	}()
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	e.work = work

	if ctx.Err() != nil {
		c.stopper.stop("context ended: " + context.Cause(ctx).Error()) // before the first fetch
	}
	stopWatching := c.watch(ctx, cancel)
	stopControl := c.serve(e)
	err = c.crawl(ctx, e)
	stopControl()
	cancel(nil)

	// A stop that was asked for when nothing was left has stopped nothing.
	books := e.frontier.Books()
	finished := err == nil && books.Seeded && books.Left() == 0
	err = errors.Join(err, e.close(finished), <-committing)
	result, rerr := c.result(e, finished && err == nil)
	err = dedupe(errors.Join(err, rerr))
	// What the next open would not see is noted; a hook may have met damage elsewhere.
	err = c.noteDamage(err, errors.Join(e.frontier.Err(), rerr))
	err = errors.Join(err, c.conclude(e, result, err), c.onClose(ctx, result))
	stopWatching()
	c.stopper.release()
	return result, errors.Join(err, e.closeSessions(), e.suspects.close(err == nil))
}

// start opens the engine. Damage that it meets, since opening the directory does not
// read all of it, is treated as damage at opening: nothing has been fetched yet.
func (c *Crawl) start(ctx context.Context) (*engine, error) {
	e, err := c.newEngine(ctx)
	if errors.Is(err, ErrDamaged) && c.letGo() {
		if err = c.noteDamage(nil, err); err == nil { // what is noted is set aside
			err = c.on.open(c.spider, c.opts, c.log)
		}
		if err == nil {
			e, err = c.newEngine(ctx)
		}
	}
	return e, c.noteDamage(err, err)
}

// letGo closes a damaged store and reports whether the crawl may begin anew within
// this run. A session of the spider's own may have been given already what it kept.
func (c *Crawl) letGo() bool {
	store, ok := c.on.store.(*pebblestore.Store)
	if !ok || c.on.dir == nil || c.opts.fresh || c.opts.onDamage == Refuse {
		return false
	}
	for _, s := range c.spider.Sessions {
		if _, keeps := s.(fetch.Keeper); keeps {
			return false
		}
	}
	return store.Close() == nil && store.Gone()
}

// noteDamage keeps what a run found damaged for the next open, which might not see it.
func (c *Crawl) noteDamage(err, found error) error {
	if !errors.Is(found, ErrDamaged) || c.on.dir == nil {
		return err
	}
	return errors.Join(err, c.on.dir.NoteDamage(found))
}

// crawl is the part of a run between opening and closing the frontier.
func (c *Crawl) crawl(ctx context.Context, e *engine) error {
	resumed := e.frontier.Resumed()
	info := StartInfo{Log: e.log, Resuming: resumed.Run > 0, Why: c.on.why, Run: int(resumed.Run) + 1, Stats: e.liveStats()}
	e.log.Info("crawl begins", "why", info.Why, "run", info.Run, "pending", resumed.Left(), "pages", info.Stats.Pages, "items", resumed.Items)
	if len(e.carried) > 0 {
		if err := e.admit(ctx, &frontier.Outcome{State: frontier.Done}); err != nil {
			return err
		}
		if err := e.frontier.Flush(); err != nil {
			return err
		}
	}
	if err := e.suspects.begin(resumed.Run + 1); err != nil {
		return fmt.Errorf("begin notes of pages: %w", err)
	}
	if err := c.onStart(ctx, info); err != nil {
		return err
	}
	return e.run(ctx)
}

// watch turns signals, limits and the context into stops until the function that it
// returns is called: to the very end, so that an impatient signal during the last
// commit is one more stop and not the end of the process.
func (c *Crawl) watch(ctx context.Context, cancel context.CancelCauseFunc) func() {
	done := make(chan struct{})
	waits := make(chan struct{}, 2)
	go func() {
		c.stopper.watch(ctx, c.opts, done)
		waits <- struct{}{}
	}()
	go func() {
		select {
		case <-c.stopper.hard:
			cancel(errGivenUp)
		case <-done:
		}
		waits <- struct{}{}
	}()
	return func() {
		close(done)
		<-waits
		<-waits
	}
}

var errGivenUp = errors.New("given up")

func (c *Crawl) onStart(ctx context.Context, info StartInfo) (err error) {
	if c.spider.OnStart == nil {
		return nil
	}
	defer recovered("OnStart", &err)
	if err := c.spider.OnStart(ctx, info); err != nil {
		return fmt.Errorf("OnStart: %w", err)
	}
	return nil
}

func (c *Crawl) onClose(ctx context.Context, r *Result) (err error) {
	if c.spider.OnClose == nil || r == nil {
		return nil
	}
	defer recovered("OnClose", &err)
	if err := c.spider.OnClose(context.WithoutCancel(ctx), r); err != nil {
		return fmt.Errorf("OnClose: %w", err)
	}
	return nil
}

// close commits the rest and ends the frontier.
func (e *engine) close(finished bool) error {
	if e.frontier.Err() == nil {
		if values := e.takeChanges(); len(values) > 0 {
			o := &frontier.Outcome{State: frontier.Done, Values: values}
			return errors.Join(e.frontier.Admit(context.Background(), o), e.frontier.Close(finished))
		}
	}
	return e.frontier.Close(finished)
}

// result gathers what the run came to.
func (c *Crawl) result(e *engine, finished bool) (*Result, error) {
	r := &Result{Spider: c.spider.Name, Status: Paused, Reason: c.stopper.why(), Stats: e.liveStats(), Run: e.stats.run()}
	saved := e.frontier.Saved()
	r.Stats.fill(&saved, 0)
	r.Run.fill(&saved, 0)
	r.Run.ItemBytes = saved.ItemBytes - e.frontier.Resumed().ItemBytes
	switch {
	case finished:
		r.Status, r.Reason = Finished, ""
	case c.on.dir == nil:
		r.Status = Stopped
	}
	if c.on.dir != nil && c.opts.fs == nil {
		r.Dir = c.on.dir.Path()
		r.open = openLogFile(c.on.dir.ItemsPath(), saved.ItemBytes)
	} else if log, ok := c.on.store.(itemLog); ok {
		r.open = func() (io.ReadCloser, error) { return log.ReadItems(0, saved.ItemBytes) }
	}
	c.mu.Lock()
	c.engine, c.last = nil, r.Stats
	c.mu.Unlock()
	if e.frontier.Err() != nil && !errors.Is(e.frontier.Err(), frontier.ErrClosed) {
		// The store can be read no more. What was not committed does not count.
		r.Stats = Stats{}
		if len(saved.Note) > 0 { // something was committed
			if err := json.Unmarshal(saved.Note, &r.Stats); err != nil {
				return r, fmt.Errorf("read last committed stats: %w", err)
			}
		}
		r.Stats.fill(&saved, 0)
		return r, nil
	}
	return r, c.readRest(e, r)
}

// readRest adds to a result what only the store knows.
func (c *Crawl) readRest(e *engine, r *Result) error {
	ctx := context.Background()
	for t, err := range e.frontier.FailedTasks(ctx) {
		if err != nil {
			return err
		}
		if len(r.Failures) == maxFailures {
			break
		}
		r.Failures = append(r.Failures, failure(&t))
	}
	if r.Status != Finished {
		return nil
	}
	for v, err := range e.frontier.Values(ctx, frontier.KindState) {
		if err != nil {
			return err
		}
		if r.State == nil {
			r.State = map[string]json.RawMessage{}
		}
		r.State[v.Key] = v.Data
	}
	return nil
}

func failure(t *frontier.Task) Failure {
	f := Failure{Handler: t.Handler, Reason: t.Failure, Attempts: int(t.Attempts) + int(t.Blocked) + 1}
	if _, st, err := decode(t); err == nil {
		f.URL = st.URL
	}
	return f
}

// conclude makes a finished crawl one on disk, and logs how the run ended.
func (c *Crawl) conclude(e *engine, r *Result, err error) error {
	if err != nil {
		e.log.Error("crawl ended with an error; run it again to go on", "error", err)
		c.lastStatus(r, StateInterrupted)
		return nil
	}
	c.lastStatus(r, CrawlState(r.Status))
	e.log.Info("crawl ended", "status", r.Status, "reason", optional(r.Reason), "pages", r.Stats.Pages, "items", r.Stats.Items,
		"failed", r.Stats.Failed, "pending", r.Stats.Pending+r.Stats.Delayed)
	if r.Status != Finished || c.on.dir == nil {
		return nil
	}
	report, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	if err := c.on.dir.Finish(append(report, '\n')); err != nil {
		return err
	}
	if r.Stats.Failed > 0 {
		return nil // kept, so that they can be looked at and requeued
	}
	if err := c.on.store.Close(); err != nil {
		return err
	}
	return c.on.dir.RemoveFrontier()
}

// dedupe leaves one of several errors that say the same.
func dedupe(err error) error {
	if err == nil {
		return nil
	}
	var kept []error
	seen := map[string]bool{}
	for _, e := range unjoined(err) {
		if !seen[e.Error()] {
			seen[e.Error()] = true
			kept = append(kept, e)
		}
	}
	if len(kept) == 1 {
		return kept[0]
	}
	return errors.Join(kept...)
}

// unjoined takes apart what errors.Join has joined, also one within another.
func unjoined(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || err.Error() != errors.Join(joined.Unwrap()...).Error() {
		return []error{err}
	}
	var parts []error
	for _, e := range joined.Unwrap() {
		parts = append(parts, unjoined(e)...)
	}
	return parts
}

// sessionKey is the key under which a record of a session is stored. The name is
// escaped, so that a slash in it is none.
func sessionKey(session, key string) string { return url.PathEscape(session) + "/" + key }

// splitSessionKey takes such a key apart.
func splitSessionKey(key string) (session, rest string) {
	session, rest, _ = strings.Cut(key, "/")
	if name, err := url.PathUnescape(session); err == nil {
		session = name
	}
	return session, rest
}
