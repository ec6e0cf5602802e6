package clew

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/clew-crawler/clew/fetch"
	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/links"
	"github.com/clew-crawler/clew/politeness"
)

// kindRobots is the kind of the values that keep robots.txt files, by host.
const kindRobots = "robots"

// maxRobotsRedirects is how many redirects of robots.txt are followed (RFC 9309, 2.3.1.2).
const maxRobotsRedirects = 5

// maxRobots is how much of a robots.txt is kept: a byte more than is read, which
// shows that its last line may be half a rule.
const maxRobots = politeness.MaxRobotsBytes + 1

// maxParsedRobots bounds the hosts whose rules are kept parsed.
const maxParsedRobots = 4096

// storedRobots is a robots.txt as it is committed.
type storedRobots struct {
	Expires time.Time `json:"expires"`
	Body    []byte    `json:"body,omitempty"`
	Lost    string    `json:"lost,omitempty"` // why it is unavailable, for so long that requests fail
}

// A robotsKeeper knows what robots.txt files say. The file of a host is fetched
// once, however many of its requests are waiting, and kept with the crawl.
type robotsKeeper struct {
	agent  string
	values func(ctx context.Context, kind, key string) ([]byte, error)

	mu    sync.Mutex
	rules map[string]*hostRules
	since map[string]time.Time // hosts whose robots.txt is unavailable, since when
	fails map[string]int
}

type hostRules struct {
	politeness.Rules
	expires time.Time
	lost    string
}

// holds reports whether the rules need not be asked for again. If they seem to hold
// for longer than any can, they are from before the clock was set back.
func (r *hostRules) holds(now time.Time) bool {
	return r != nil && r.expires.After(now) && !r.expires.After(now.Add(politeness.MaxRobotsAge))
}

func newRobotsKeeper(agent string, values func(context.Context, string, string) ([]byte, error)) *robotsKeeper {
	return &robotsKeeper{
		agent: agent, values: values, rules: map[string]*hostRules{},
		since: map[string]time.Time{}, fails: map[string]int{},
	}
}

// allowed reports whether a URL of a host may be fetched.
func (k *robotsKeeper) allowed(ctx context.Context, host, rawURL string) (bool, error) {
	r, err := k.load(ctx, host)
	switch {
	case err != nil:
		return false, err
	case r == nil:
		return false, fmt.Errorf("robots.txt of %s is not known", host)
	case r.lost != "":
		return false, fmt.Errorf("robots.txt of %s is unavailable: %s", host, r.lost)
	}
	return r.Allowed(rawURL), nil
}

// load returns the rules of a host, nil if they are not known.
func (k *robotsKeeper) load(ctx context.Context, host string) (*hostRules, error) {
	k.mu.Lock()
	r := k.rules[host]
	k.mu.Unlock()
	if r != nil {
		return r, nil
	}
	data, err := k.values(ctx, kindRobots, host)
	if err != nil || data == nil {
		return nil, err
	}
	var s storedRobots
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("%w: robots.txt of %s cannot be read: %w", ErrDamaged, host, err)
	}
	return k.keep(host, &s), nil
}

func (k *robotsKeeper) keep(host string, s *storedRobots) *hostRules {
	r := &hostRules{Rules: politeness.ParseRobots(s.Body).Group(k.agent), expires: s.Expires, lost: s.Lost}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.rules) >= maxParsedRobots {
		clear(k.rules) // they are parsed again from the store
	}
	k.rules[host] = r
	return r
}

// unavailable notes one more failure to get a host's robots.txt, and returns how
// long it has been so.
func (k *robotsKeeper) unavailable(host string, now time.Time) (failures int, since time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.since[host].IsZero() {
		if len(k.since) >= maxKnownHosts {
			clear(k.since) // as in hostHealth
			clear(k.fails)
		}
		k.since[host] = now
	}
	k.fails[host]++
	return k.fails[host], now.Sub(k.since[host])
}

func (k *robotsKeeper) available(host string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.since, host)
	delete(k.fails, host)
}

// askRobots answers a lease for robots.txt: from the store, or over the wire.
func (e *engine) askRobots(ctx context.Context, lease *frontier.Lease) {
	var ttl, delay, wait time.Duration
	var values []frontier.Value
	err := guarded("session", func() { ttl, delay, wait, values = e.findRobots(ctx, lease.Host) })
	if err != nil {
		e.log.Error("robots.txt could not be asked for", "host", lease.Host, "error", err, "stack", stackOf(err))
		wait = politeness.DefaultParkingMax
	}
	if ctx.Err() != nil {
		wait = time.Second // the run is being given up; nothing was learned
	}
	e.admission.Lock()
	defer e.admission.Unlock()
	values = append(values, e.takeChanges()...)
	if err := e.frontier.SetRobots(context.WithoutCancel(ctx), lease, ttl, delay, wait, values); err != nil {
		e.log.Debug("robots.txt not admitted", "host", lease.Host, "error", err)
	}
}

func (e *engine) findRobots(ctx context.Context, host string) (ttl, delay, wait time.Duration, values []frontier.Value) {
	now := time.Now()
	known, err := e.robots.load(ctx, host)
	if err != nil {
		e.log.Warn("stored robots.txt is read again", "host", host, "error", err)
	} else if known.holds(now) {
		return known.expires.Sub(now), known.Delay(), 0, nil
	}
	verdict := e.fetchRobots(ctx, host, now)
	if verdict.first {
		values = []frontier.Value{hasAnswered(host)}
	}
	s := storedRobots{Expires: verdict.Expires}
	switch verdict.State {
	case politeness.RobotsKnown:
		s.Body = verdict.body
	case politeness.RobotsAllowAll:
	case politeness.RobotsUnreachable:
		if ctx.Err() != nil {
			return 0, 0, 0, values
		}
		failures, since := e.robots.unavailable(host, now)
		again := since <= e.hosts.giveUp && !verdict.final && !verdict.never
		if !again && verdict.never && e.hosts.silent() {
			e.unreachable(errors.New(verdict.reason))
			again = true
		}
		if again {
			wait = max(politeness.Parking{}.Until(failures, now).Sub(now), verdict.Expires.Sub(now))
			e.log.Warn("robots.txt unavailable, host is left alone", "host", host, "wait", wait.Round(time.Millisecond), "reason", verdict.reason)
			return 0, 0, wait, values
		}
		s.Lost, s.Expires = verdict.reason, now.Add(time.Hour)
		e.log.Error("robots.txt unavailable, requests of the host fail", "host", host, "reason", verdict.reason)
	}
	e.robots.available(host)
	r := e.robots.keep(host, &s)
	data, err := json.Marshal(s)
	if err == nil {
		values = append(values, frontier.Value{Kind: kindRobots, Key: host, Data: data})
	}
	return s.Expires.Sub(now), r.Delay(), 0, values
}

// robotsAnswer is what came of asking for robots.txt.
type robotsAnswer struct {
	politeness.RobotsVerdict
	body   []byte
	reason string
	never  bool // the host never answered, and was tried often enough
	first  bool // that the host answered is news
	final  bool // asking again would change nothing
}

func (e *engine) fetchRobots(ctx context.Context, host string, now time.Time) *robotsAnswer {
	u := host + "/robots.txt"
	var resp *fetch.Response
	var err error
	for range maxRobotsRedirects + 1 {
		e.stats.change(func(s *Stats) { s.RobotsFetches++ })
		resp, err = e.sessions[""].Fetch(ctx, &fetch.Request{URL: u, MaxBody: maxRobots, Truncate: true})
		if err != nil || !isRedirect(resp.Status) {
			break
		}
		next, rerr := links.Resolve(u, resp.Header.Get("Location"))
		if rerr != nil {
			break
		}
		u = next
	}
	a := &robotsAnswer{}
	if err != nil {
		a.reason = err.Error()
		a.RobotsVerdict = politeness.JudgeRobots(0, nil, nil, err, now)
		if fe, ok := errors.AsType[*fetch.Error](err); ok && ctx.Err() == nil {
			a.final = !fe.Retryable()
			a.never = e.hostFailed(ctx, host, fe).tried
		}
		return a
	}
	a.first = e.hosts.answered(host)
	a.reason = http.StatusText(resp.Status)
	a.body = resp.Body[:min(len(resp.Body), maxRobots)]
	a.RobotsVerdict = politeness.JudgeRobots(resp.Status, resp.Body, resp.Header, nil, now)
	return a
}

// userAgent is the agent that robots.txt is read for.
func userAgent(o *fetch.HTTPOptions) string {
	if o.UserAgent != "" {
		return o.UserAgent
	}
	if ua := o.Header.Get("User-Agent"); ua != "" {
		return ua
	}
	return "Clew"
}
