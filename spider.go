package clew

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/clew-crawler/clew/fetch"
	"github.com/clew-crawler/clew/links"
	"github.com/clew-crawler/clew/politeness"
	"github.com/clew-crawler/clew/selector"
)

// A Handler reads a page and fills an Output. It may be called again for a page
// whose outcome was not committed, so anything it does elsewhere may happen twice.
// An error or a panic fails the page: nothing in out is kept, and the page goes
// to the failed list; see [RetryAfter] for errors that pass. Handlers run
// concurrently; one page's Response and Output belong to its handler and are not
// used after it returned.
type Handler func(ctx context.Context, page *Response, out *Output) error

// A Spider says what to crawl and how to read it. Only Name, a Parse or other
// handlers, and something to start from are needed. A spider is not changed while
// it runs, and may be run again.
type Spider struct {
	// Name tells this spider's crawl directories from those of others.
	Name string

	// StartURLs are fetched first, by Parse.
	StartURLs []string
	// StartRequests, if set, is used instead of StartURLs. It must yield the same
	// requests in the same order on every run: a resumed crawl skips as many as
	// it has taken before. It may yield millions; the crawl does not wait for it.
	StartRequests func(ctx context.Context) iter.Seq2[*Request, error]

	// Parse handles the pages of requests that name no handler.
	Parse Handler
	// Handlers are the others, by the name that requests give. Names are stored
	// with pending requests, so they must survive changes of the program.
	Handlers map[string]Handler
	// Aliases maps former names of handlers to present ones.
	Aliases map[string]string

	// AllowedDomains limits the crawl to these hosts and their subdomains, with a
	// port if only that one is meant. Redirects obey it too. Empty allows all.
	AllowedDomains []string
	// Concurrency is the number of pages in flight. Default 16.
	Concurrency int
	// ConcurrencyPerHost bounds the pages in flight of one host. Default: no bound
	// but Concurrency.
	ConcurrencyPerHost int
	// Delay is the least time between the beginnings of two fetches of one host.
	// robots.txt may ask for more. Default none.
	Delay time.Duration
	// Jitter spreads Delay evenly over half to one and a half times its length.
	Jitter bool
	// IgnoreRobots leaves robots.txt unread.
	IgnoreRobots bool

	// HTTP shapes the default session. Its UserAgent is also the one that
	// robots.txt is read for; the default names Clew.
	HTTP fetch.HTTPOptions
	// Sessions are further sessions, by the name that requests give. The entry ""
	// replaces the default one. They are not closed by the crawl.
	Sessions map[string]fetch.Session

	// Retry says how often and how soon a fetch is tried again that failed or was
	// answered with a busy server's status. Default: 5 times, from 1 s on doubling.
	Retry politeness.Retry
	// GiveUp is how long a host that answered before may be unreachable, or its
	// robots.txt unavailable, until its requests fail. Default 24 h.
	GiveUp time.Duration
	// MaxRedirects bounds the hops of one request. Default 20.
	MaxRedirects int
	// MaxBlockedRetries is how often a blocked page is fetched again. Default 3.
	MaxBlockedRetries int
	// NoBlockedRetries fails a blocked page at once.
	NoBlockedRetries bool
	// KeepFragment makes URLs that differ in their fragment different requests.
	KeepFragment bool
	// FingerprintHeaders are header fields whose values make different requests.
	FingerprintHeaders []string

	// OnStart is called before the first fetch of a run. An error ends the run
	// with nothing changed.
	OnStart func(ctx context.Context, info StartInfo) error
	// OnClose is called at the end of a run, however it ended, when everything is
	// committed.
	OnClose func(ctx context.Context, result *Result) error
	// OnError is told of each request that failed, before that is committed.
	OnError func(ctx context.Context, req *Request, err error)
	// OnItem filters items on their way into the Output: it may return another
	// one, or nil to drop it. An error fails the page.
	OnItem func(ctx context.Context, item any) (any, error)
	// IsBlocked tells pages that are no answer but a block. Default: the statuses
	// 401, 403, 407, 429, 444, 500, 502, 503 and 504.
	IsBlocked func(ctx context.Context, page *Response) bool
	// OnBlocked may change a blocked request before it is tried again, for
	// example to send it through another session.
	OnBlocked func(ctx context.Context, page *Response, retry *Request)

	// Logger receives the log. Default: text on standard error.
	Logger *slog.Logger
	// LogLevel is the least level of the default logger and of LogFile. Default Info.
	LogLevel slog.Level
	// LogFile, if set, gets the log as well, appended. Its folders are made.
	LogFile string
}

// StartInfo says how a run begins.
type StartInfo struct {
	Resuming bool         // an earlier run is continued
	Why      string       // in words: new, resumed after a pause, resumed after a kill, set aside and begun anew
	Run      int          // 1 for the first
	Stats    Stats        // of the crawl so far
	Log      *slog.Logger // the crawl's log, which also goes to LogFile
}

// Bounds that catch a slip of the keyboard rather than limit anybody.
const (
	maxConcurrency = 100_000
	maxDelay       = 24 * time.Hour
)

const (
	defaultConcurrency       = 16
	defaultMaxRedirects      = 20
	defaultMaxBlockedRetries = 3
	defaultGiveUp            = 24 * time.Hour
)

// validate reports every fault at once, each with its field.
func (s *Spider) validate() error {
	var errs []error
	fault := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("spider %q: %s: %w", s.Name, field, fmt.Errorf(format, args...)))
	}
	if s.Name == "" {
		fault("Name", "is empty; it tells crawl directories apart")
	}
	if !utf8.ValidString(s.Name) {
		fault("Name", "is not UTF-8")
	}
	if s.Parse == nil && len(s.Handlers) == 0 {
		fault("Parse", "no handler: set Parse or Handlers")
	}
	if len(s.StartURLs) == 0 && s.StartRequests == nil {
		fault("StartURLs", "nothing to start from: set StartURLs or StartRequests")
	}
	for i, u := range s.StartURLs {
		if _, err := (links.Canonicalizer{}).Canonical(u); err != nil {
			fault(fmt.Sprintf("StartURLs[%d]", i), "%w", err)
		}
	}
	if s.StartRequests == nil && s.Parse == nil && len(s.Handlers) > 0 {
		fault("Parse", "is nil, and StartURLs are handled by it")
	}
	if _, err := links.ParseDomains(s.AllowedDomains); err != nil {
		fault("AllowedDomains", "%w", err)
	}
	for name, h := range s.Handlers {
		if h == nil || name == "" {
			fault("Handlers", "entry %q needs a name and a function", name)
		}
		if !utf8.ValidString(name) {
			fault("Handlers", "the name %q is not UTF-8", name)
		}
	}
	for name, session := range s.Sessions {
		if session == nil {
			fault("Sessions", "entry %q is nil", name)
		}
		if !utf8.ValidString(name) {
			fault("Sessions", "the name %q is not UTF-8", name)
		}
	}
	if _, replaced := s.Sessions[""]; !replaced {
		if session, err := fetch.NewHTTP(s.HTTP); err != nil {
			fault("HTTP", "%w", err)
		} else if err := session.Close(); err != nil {
			fault("HTTP", "%w", err)
		}
	}
	for old, now := range s.Aliases {
		if _, ok := s.handler(now); !ok {
			fault("Aliases", "%q points to %q, which is no handler", old, now)
		}
	}
	for _, n := range []struct {
		field string
		value int
		most  int
	}{
		{"Concurrency", s.Concurrency, maxConcurrency},
		{"ConcurrencyPerHost", s.ConcurrencyPerHost, maxConcurrency},
		{"MaxRedirects", s.MaxRedirects, 1000},
		{"MaxBlockedRetries", s.MaxBlockedRetries, 1000},
	} {
		if n.value < 0 || n.value > n.most {
			fault(n.field, "%d is not between 0 and %d", n.value, n.most)
		}
	}
	for _, d := range []struct {
		field string
		value time.Duration
		most  time.Duration
	}{{"Delay", s.Delay, maxDelay}, {"GiveUp", s.GiveUp, 365 * 24 * time.Hour}} {
		if d.value < 0 || d.value > d.most {
			fault(d.field, "%v is not between 0 and %v", d.value, d.most)
		}
	}
	return errors.Join(errs...)
}

// handler finds a handler by the name that a request gives, aliases included.
func (s *Spider) handler(name string) (Handler, bool) {
	if name = s.present(name); name == "" {
		return s.Parse, s.Parse != nil
	}
	h, ok := s.Handlers[name]
	return h, ok
}

// present is the name that a handler has now.
func (s *Spider) present(name string) string {
	for range s.Aliases { // a handler may have been renamed more than once
		if _, ok := s.Handlers[name]; ok || name == "" {
			break
		}
		now, ok := s.Aliases[name]
		if !ok {
			break
		}
		name = now
	}
	return name
}

// former lists the other names that a handler has had.
func (s *Spider) former(name string) (names []string) {
	for old := range s.Aliases {
		if old != name && s.present(old) == name {
			names = append(names, old)
		}
	}
	return names
}

// handlerNames lists what a request may name, for messages.
func (s *Spider) handlerNames() []string { return slices.Sorted(maps.Keys(s.Handlers)) }

// prepared is a valid spider with what is worked out once for a run.
type prepared struct {
	*Spider
	domains  links.Domains
	compiler *selector.Compiler
	harvests sync.Pool // of *harvest
}

func (s *Spider) prepare() (*prepared, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	domains, err := links.ParseDomains(s.AllowedDomains)
	if err != nil {
		return nil, err
	}
	return &prepared{Spider: s, domains: domains, compiler: new(selector.Compiler)}, nil
}

// allows reports whether AllowedDomains permit a URL.
func (p *prepared) allows(url string) bool {
	return len(p.AllowedDomains) == 0 || p.domains.Contain(url)
}

func (s *Spider) recipe() links.Recipe {
	return links.Recipe{KeepFragment: s.KeepFragment, Headers: s.FingerprintHeaders}
}

func (s *Spider) concurrency() int { return orDefault(s.Concurrency, defaultConcurrency) }

func (s *Spider) perHost() int {
	return min(orDefault(s.ConcurrencyPerHost, s.concurrency()), s.concurrency())
}

func orDefault[T int | time.Duration](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}
