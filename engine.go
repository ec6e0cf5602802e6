package clew

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/clew-crawler/clew/fetch"
	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/links"
	"github.com/clew-crawler/clew/politeness"
)

// abandonAfter is how long work that was cancelled may still take.
const abandonAfter = 500 * time.Millisecond

// An engine runs a crawl once: it leases, fetches, handles, judges and admits.
// Its workers do so, a page at a time each; run waits for all of them, but for
// handlers that do not return even when they are given up.
type engine struct {
	spider   *prepared
	opts     *options
	frontier *frontier.Frontier
	sessions map[string]fetch.Session
	stats    *counters
	log      *slog.Logger
	robots   *robotsKeeper
	hosts    *hostHealth
	suspects *suspects
	met      *metLinks
	stopper  *stopper

	work  context.Context //nolint:containedctx // cancelled when what is in flight is given up
	slots int             // as many workers there may be

	seeded <-chan struct{} // closed when there are no more start requests
	ended  chan struct{}   // closed when nothing more is leased

	leasing sync.Mutex // held while a worker asks for a lease
	crew    crew

	// admission is held from collecting what sessions changed until it is admitted,
	// so that no page is committed before its own changes, nor an older one over a newer.
	admission sync.Mutex

	mu        sync.Mutex
	inFlight  map[*page]struct{}
	abandoned []error
	pages     int64            // whose outcome was admitted in this run
	carried   []frontier.Value // changes of sessions that wait for an admission
	wait      sync.WaitGroup
}

// run crawls until nothing is left, a stop is asked for, or the store fails.
func (e *engine) run(ctx context.Context) error {
	seeds := e.beginSeeding(ctx)
	select {
	case <-seeds.first:
	case <-e.stopper.soft:
	}
	e.seeded = seeds.done
	e.leasing.Lock()
	e.callAnother() // the first one
	e.leasing.Unlock()
	select {
	case <-e.ended:
	case <-e.stopper.soft: // there may be no worker that notices: handlers may hold all slots
	}
	e.drain()
	return errors.Join(append(e.abandoned, seeds.wait(e.stopper.hard))...)
}

// giveBack ends a page whose goroutine was ended by code of the user's, with
// [runtime.Goexit] as a failing test does. Nothing of the user's is called again.
func (p *page) giveBack() {
	e := p.engine
	if p.lease.Robots {
		err := e.frontier.SetRobots(context.Background(), p.lease, 0, 0, politeness.DefaultParkingMax, nil)
		e.log.Error("the session ended its goroutine", "host", p.lease.Host, "error", err)
		return
	}
	v := failed(errors.New("the handler or a hook ended its goroutine"), 0)
	e.log.Error("page failed", "url", p.url(), "error", v.err)
	p.conclude(e.work, &v)
}

// drain waits for what is in flight. When it is given up it gets a moment to
// return, and what does not return is abandoned.
func (e *engine) drain() {
	if e.frontier.Err() != nil {
		e.stopper.force("the store failed")
	}
	done := make(chan struct{})
	go func() {
		e.wait.Wait()
		close(done)
	}()
	select {
	case <-done:
		return
	case <-e.stopper.hard:
	}
	select {
	case <-done:
	case <-time.After(abandonAfter):
		e.abandon()
	}
}

// abandon gives up handlers that do not return. Their outputs are sealed and
// their leases void, so that nothing they do later counts.
func (e *engine) abandon() {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	e.mu.Lock()
	left := slices.Collect(maps.Keys(e.inFlight))
	e.mu.Unlock()
	for _, p := range left { // not under e.mu: admissions hold the frontier and take it
		e.frontier.Void(e.work, p.lease)
		where := p.lease.Host
		if out := p.out.Load(); out != nil {
			out.seal()
			where = redact(out.page.URL)
		}
		e.abandoned = append(e.abandoned, fmt.Errorf(
			"abandoned %s: handler %q did not return within %v of being given up:\n%s",
			where, handlerName(p.lease.Handler), abandonAfter, p.stackIn(string(stacks))))
	}
}

func handlerName(name string) string {
	if name == "" {
		return "Parse"
	}
	return name
}

// stackIn finds the page's goroutine in a dump of all stacks.
func (p *page) stackIn(dump string) string {
	self := fmt.Sprintf("%p", p)
	var handling []string
	for block := range strings.SplitSeq(dump, "\n\n") {
		if !strings.Contains(block, "(*page).handle(") {
			continue
		}
		if strings.Contains(block, self) {
			return block
		}
		handling = append(handling, block)
	}
	return strings.Join(handling, "\n\n")
}

// admit gives an outcome its place. Changes of sessions travel with it.
func (e *engine) admit(ctx context.Context, o *frontier.Outcome) error {
	e.admission.Lock()
	defer e.admission.Unlock()
	o.Values = append(o.Values, e.takeChanges()...)
	// A stop must not keep an outcome from being admitted: the work is done.
	err := e.frontier.Admit(context.WithoutCancel(ctx), o)
	if err != nil {
		e.mu.Lock()
		e.carried = append(e.carried, o.Values...)
		e.mu.Unlock()
	}
	return err
}

// kindSession is the kind of the values that sessions keep; the key is the
// session's name, a slash, and the session's own key.
const kindSession = "session"

// takeChanges collects what the sessions want to keep.
func (e *engine) takeChanges() []frontier.Value {
	e.mu.Lock()
	values := e.carried
	e.carried = nil
	e.mu.Unlock()
	for name, s := range e.sessions {
		keeper, ok := s.(fetch.Keeper)
		if !ok {
			continue
		}
		err := guarded("session", func() {
			for _, rec := range keeper.Changed() {
				values = append(values, frontier.Value{Kind: kindSession, Key: sessionKey(name, rec.Key), Data: rec.Value})
			}
		})
		if err != nil {
			e.log.Error("changes of a session are not kept", "session", name, "error", err, "stack", stackOf(err))
		}
	}
	return values
}

// redact hides a password in a URL that goes to the log.
func redact(raw string) string {
	if host, err := links.Origin(raw); err == nil && strings.Contains(raw, "@") {
		return host + "/…"
	}
	return raw
}
