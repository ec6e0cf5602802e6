package clew

import (
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/clew-crawler/clew/fetch"
	"github.com/clew-crawler/clew/frontier"
)

// Stats are the counters of a crawl. Book counters are part of every commit, so
// they agree with the pages and items that are kept, whatever stops there were.
// Wire counters tell what was really sent; pages that a stop cost count twice there.
type Stats struct {
	// Book counters.

	Pages            int64            `json:"pages"`             // pages whose handler succeeded
	Items            int64            `json:"items"`             // kept in the item log
	ItemsDropped     int64            `json:"items_dropped"`     // by OnItem
	ItemsDuplicate   int64            `json:"items_duplicate"`   // by ItemOnce
	Links            int64            `json:"links"`             // new requests, start requests included
	LinksDuplicate   int64            `json:"links_duplicate"`   // known already
	LinksOffsite     int64            `json:"links_offsite"`     // outside AllowedDomains, redirects included
	LinksBad         int64            `json:"links_bad"`         // no http or https URL
	Redirects        int64            `json:"redirects"`         // hops followed
	RobotsDisallowed int64            `json:"robots_disallowed"` // requests dropped for robots.txt
	Failed           int64            `json:"failed"`            // requests that failed for good
	Statuses         map[int]int64    `json:"statuses,omitempty"`
	Custom           map[string]int64 `json:"custom,omitempty"` // of Output.Count; from the 1,001st name on as "other"

	// Wire counters.

	Fetches        int64                `json:"fetches"` // answers and errors, robots.txt not included
	RobotsFetches  int64                `json:"robots_fetches"`
	FetchErrors    int64                `json:"fetch_errors"`    // without an answer
	Retries        int64                `json:"retries"`         // after errors and busy servers
	Blocked        int64                `json:"blocked"`         // answers that were blocks
	ResponseBytes  int64                `json:"response_bytes"`  // after decompression
	WireBytes      int64                `json:"wire_bytes"`      // before
	SessionFetches map[string]int64     `json:"session_fetches"` // by session; the default one is ""
	Proxies        map[string]int64     `json:"proxies,omitempty"`
	Hosts          map[string]HostStats `json:"hosts"`      // the first 200 hosts; further ones as "other"
	LogLevels      map[string]int64     `json:"log_levels"` // log records by level
	Elapsed        time.Duration        `json:"elapsed_ns"` // running time
	StartedAt      time.Time            `json:"started_at"` // first run
	EndedAt        time.Time            `json:"ended_at"`   // last commit so far
	Runs           int                  `json:"runs"`
	PagesPerSecond float64              `json:"pages_per_second"`
	ItemBytes      int64                `json:"item_bytes"`

	// What is left to do, and the settings.

	Pending            int64         `json:"pending"` // in flight included
	Delayed            int64         `json:"delayed"` // waiting to be tried again
	InFlight           int           `json:"in_flight"`
	Seen               int64         `json:"seen"` // known fingerprints
	Concurrency        int           `json:"concurrency"`
	ConcurrencyPerHost int           `json:"concurrency_per_host"`
	Delay              time.Duration `json:"delay_ns"`
}

// HostStats are the wire counters of one host.
type HostStats struct {
	Fetches int64 `json:"fetches"`
	Bytes   int64 `json:"bytes"` // after decompression
}

// Bounds of what is counted by name, since the counters are part of every commit.
// Further names are counted together.
const (
	maxHostStats   = 200
	maxCustomStats = 1000
	otherStats     = "other"
)

// counters hold the stats of a crawl while it runs.
type counters struct {
	mu    sync.Mutex
	stats Stats // of the crawl
	prior Stats // as it was when this run began
	began time.Time
	logs  *logCounts
}

// newCounters goes on from what the last commit of an earlier run noted.
func newCounters(note json.RawMessage, logs *logCounts) (*counters, error) {
	c := &counters{began: time.Now(), logs: logs}
	if len(note) > 0 {
		if err := json.Unmarshal(note, &c.stats); err != nil {
			return nil, fmt.Errorf("%w: stats cannot be read: %w", ErrDamaged, err)
		}
	}
	s := &c.stats
	if s.StartedAt.IsZero() {
		s.StartedAt = c.began.UTC()
	}
	s.Statuses, s.Custom = ensure(s.Statuses), ensure(s.Custom)
	s.SessionFetches, s.Proxies = ensure(s.SessionFetches), ensure(s.Proxies)
	s.LogLevels, s.Hosts = ensure(s.LogLevels), ensure(s.Hosts)
	c.prior = s.clone()
	return c, nil
}

func ensure[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return m
}

func (s *Stats) clone() Stats {
	c := *s
	c.Statuses, c.Custom = maps.Clone(s.Statuses), maps.Clone(s.Custom)
	c.SessionFetches, c.Proxies = maps.Clone(s.SessionFetches), maps.Clone(s.Proxies)
	c.LogLevels, c.Hosts = maps.Clone(s.LogLevels), maps.Clone(s.Hosts)
	return c
}

// change runs f on the stats.
func (c *counters) change(f func(s *Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.stats)
}

// fetched counts an answer, or an error when resp is nil.
func (c *counters) fetched(t *frontier.Task, resp *fetch.Response) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.stats
	s.Fetches++
	s.SessionFetches[t.Session]++
	name := t.Host
	if _, ok := s.Hosts[name]; !ok && len(s.Hosts) >= maxHostStats {
		name = otherStats
	}
	h := s.Hosts[name]
	h.Fetches++
	if resp == nil {
		s.FetchErrors++
	} else {
		h.Bytes += int64(len(resp.Body))
		s.ResponseBytes += int64(len(resp.Body))
		s.WireBytes += resp.WireBytes
		if proxy := resp.Proxy; proxy != "" {
			if _, ok := s.Proxies[proxy]; !ok && len(s.Proxies) >= maxCustomStats {
				proxy = otherStats
			}
			s.Proxies[proxy]++
		}
	}
	s.Hosts[name] = h
}

// note is the stats as they are committed.
func (c *counters) note() json.RawMessage {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tick()
	data, err := json.Marshal(&c.stats)
	if err != nil {
		return nil // numbers and strings always encode
	}
	return data
}

// crawl returns the stats of the whole crawl.
func (c *counters) crawl() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tick()
	return c.stats.clone()
}

// tick brings what depends on the clock and the log up to date.
func (c *counters) tick() {
	s := &c.stats
	s.Elapsed = c.prior.Elapsed + time.Since(c.began)
	s.EndedAt = time.Now().UTC()
	s.rate()
	for level, n := range c.logs.counts() {
		s.LogLevels[level] = c.prior.LogLevels[level] + n
	}
}

// run returns the stats of this run only.
func (c *counters) run() Stats {
	s := c.crawl()
	p := &c.prior
	for _, d := range []struct{ now, before *int64 }{
		{&s.Pages, &p.Pages},
		{&s.Items, &p.Items},
		{&s.ItemsDropped, &p.ItemsDropped},
		{&s.ItemsDuplicate, &p.ItemsDuplicate},
		{&s.Links, &p.Links},
		{&s.LinksDuplicate, &p.LinksDuplicate},
		{&s.LinksOffsite, &p.LinksOffsite},
		{&s.LinksBad, &p.LinksBad},
		{&s.Redirects, &p.Redirects},
		{&s.RobotsDisallowed, &p.RobotsDisallowed},
		{&s.Failed, &p.Failed},
		{&s.Fetches, &p.Fetches},
		{&s.RobotsFetches, &p.RobotsFetches},
		{&s.FetchErrors, &p.FetchErrors},
		{&s.Retries, &p.Retries},
		{&s.Blocked, &p.Blocked},
		{&s.ResponseBytes, &p.ResponseBytes},
		{&s.WireBytes, &p.WireBytes},
		{&s.ItemBytes, &p.ItemBytes},
	} {
		*d.now -= *d.before
	}
	subtract(s.Statuses, p.Statuses)
	subtract(s.Custom, p.Custom)
	subtract(s.SessionFetches, p.SessionFetches)
	subtract(s.Proxies, p.Proxies)
	subtract(s.LogLevels, p.LogLevels)
	for name, h := range p.Hosts {
		n := s.Hosts[name]
		s.Hosts[name] = HostStats{Fetches: n.Fetches - h.Fetches, Bytes: n.Bytes - h.Bytes}
	}
	s.Elapsed -= p.Elapsed
	s.StartedAt, s.Runs = c.began.UTC(), 1
	s.rate()
	return s
}

func subtract[K comparable](from, what map[K]int64) {
	for k, n := range what {
		if from[k] -= n; from[k] == 0 {
			delete(from, k)
		}
	}
}

// rate works out the pages per second.
func (s *Stats) rate() {
	s.PagesPerSecond = 0
	if s.Elapsed > 0 {
		s.PagesPerSecond = float64(s.Pages) / s.Elapsed.Seconds()
	}
}

// fill adds what the frontier counts.
func (s *Stats) fill(b *frontier.Books, inFlight int) {
	s.Pending, s.Delayed, s.Seen, s.InFlight = b.Pending, b.Delayed, b.Seen, inFlight
	s.ItemBytes = b.ItemBytes
}
