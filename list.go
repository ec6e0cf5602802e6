package clew

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/store/pebblestore"
)

// An Entry is one of the things in a crawl directory. Which fields are set depends
// on its kind; secrets (headers, cookies, what sessions keep, names and passwords
// in URLs) are in none.
type Entry struct {
	Kind        string          `json:"kind"`
	URL         string          `json:"url,omitempty"`
	Method      string          `json:"method,omitempty"` // "" is GET
	Host        string          `json:"host,omitempty"`   // scheme, name, and port if it is not the usual one
	Handler     string          `json:"handler,omitempty"`
	Session     string          `json:"session,omitempty"` // "" is the default one
	Priority    int             `json:"priority,omitempty"`
	Depth       int             `json:"depth,omitempty"`
	Referer     string          `json:"referer,omitempty"`
	Attempts    int             `json:"attempts,omitempty"` // so far
	Due         time.Time       `json:"due,omitzero"`       // delayed: when it is tried again; hosts: may be asked again; robots: expires
	Reason      string          `json:"reason,omitempty"`   // failed: why; robots: why it is unavailable
	Fingerprint string          `json:"fingerprint,omitempty"`
	Key         string          `json:"key,omitempty"`     // of a value of state or of a session
	Pending     int64           `json:"pending,omitempty"` // hosts: requests in the queue
	Bytes       int64           `json:"bytes,omitempty"`   // sessions: size of what is kept
	Value       json.RawMessage `json:"value,omitempty"`   // the item, the state, or the text of robots.txt
}

// List yields what a crawl directory holds of one kind, in constant memory:
//
//   - "pending", "delayed", "failed": requests, in the order of the queues, by due
//     time, in the order in which they failed
//   - "seen": fingerprints of the requests known
//   - "hosts": hosts that have pending requests or a clock
//   - "items", "state": what the crawl has found, and the values of [Update]
//   - "robots": robots.txt files as they are kept
//   - "sessions": what sessions keep, without the values
//
// It changes nothing and works whether a process runs the crawl, which it asks, or
// not; it shows what one commit left, even if others follow meanwhile. A finished
// crawl without failures has items and state only. An error ends the sequence. The
// Value is valid until the next entry.
func List(ctx context.Context, dir, kind string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		err := mustHoldCrawl(dir)
		if err == nil && !slices.Contains(entryKinds(), kind) {
			err = fmt.Errorf("list %s: there is no kind %q but %q", dir, kind, entryKinds())
		}
		if err == nil {
			err = eitherWay(ctx,
				func() error { return listRunning(ctx, dir, kind, yield) },
				func() error { return listStopped(ctx, dir, kind, yield) })
		}
		if err != nil && !errors.Is(err, errEnough) {
			yield(Entry{}, err)
		}
	}
}

// errEnough ends a sequence that the caller has left.
var errEnough = errors.New("no more is wanted")

const (
	kindItems = "items"
	kindState = "state"
)

func entryKinds() []string {
	return []string{"pending", "delayed", "failed", "seen", "hosts", kindItems, kindState, "robots", "sessions"}
}

// A listLine is one line of a list that comes from a running process. Exactly one
// member is set.
type listLine struct {
	Entry *Entry `json:"entry,omitempty"`
	Error string `json:"error,omitempty"`
	End   bool   `json:"end,omitempty"`
}

// listRunning asks the process that runs the crawl.
func listRunning(ctx context.Context, dir, kind string, yield func(Entry, error) bool) (err error) {
	body, err := askStream(ctx, dir, http.MethodGet, "/list?kind="+url.QueryEscape(kind))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	for dec := json.NewDecoder(bufio.NewReaderSize(body, 64<<10)); ; {
		var line listLine
		if err := dec.Decode(&line); err != nil {
			return fmt.Errorf("list %s: its process has ended meanwhile: %w", dir, err)
		}
		switch {
		case line.Error != "":
			return fmt.Errorf("list %s: %s", dir, line.Error)
		case line.End, line.Entry == nil:
			return nil
		case !yield(*line.Entry, nil):
			return errEnough
		}
	}
}

// listStopped reads a directory that nobody runs.
func listStopped(ctx context.Context, dir, kind string, yield func(Entry, error) bool) (err error) {
	l, err := openLook(nil, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	if err := l.openStore(); err != nil {
		return err
	}
	source := entrySource{store: l.store, items: l.items}
	if l.report != nil {
		source.state = l.report.State
	}
	for e, err := range source.entries(ctx, kind) {
		if err != nil {
			return err
		}
		if !yield(e, nil) {
			return errEnough
		}
	}
	return nil
}

// items reads the item log.
func (l *look) items() (io.ReadCloser, error) {
	switch {
	case l.report != nil:
		return l.dir.OpenItems(l.report.Stats.ItemBytes, l.sealed)
	case l.store != nil:
		return l.store.ReadItems(0, l.books.ItemBytes)
	}
	return io.NopCloser(strings.NewReader("")), nil
}

// An entrySource is where entries come from.
type entrySource struct {
	store *pebblestore.Store // nil: the crawl is finished, or nothing was committed yet
	items func() (io.ReadCloser, error)
	state map[string]json.RawMessage // of a crawl without a store
}

// entries yields the entries of a kind that [List] has checked.
func (s *entrySource) entries(ctx context.Context, kind string) iter.Seq2[Entry, error] {
	switch {
	case kind == kindItems:
		return s.listItems(ctx)
	case kind == kindState && s.store == nil:
		return s.listReported()
	case s.store == nil:
		return func(func(Entry, error) bool) {}
	}
	switch kind {
	case "pending":
		return each(ctx, s.store.AllPending(ctx), requestEntry)
	case "delayed":
		return each(ctx, s.store.Tasks(ctx, frontier.Range{State: frontier.Delayed}), requestEntry)
	case "failed":
		return each(ctx, s.store.Tasks(ctx, frontier.Range{State: frontier.Failed}), requestEntry)
	case "seen":
		return each(ctx, s.store.Fingerprints(ctx), func(fp *frontier.Fingerprint) (Entry, error) {
			return Entry{Kind: "seen", Fingerprint: hex.EncodeToString(fp[:])}, nil
		})
	case "hosts":
		return each(ctx, s.store.Hosts(ctx), hostEntry)
	case "robots":
		return each(ctx, s.store.Values(ctx, kindRobots, nil), robotsEntry)
	case "sessions":
		return each(ctx, s.store.Values(ctx, kindSession, nil), sessionEntry)
	}
	return each(ctx, s.store.Values(ctx, frontier.KindState, nil), func(v *frontier.Value) (Entry, error) {
		return Entry{Kind: kindState, Key: v.Key, Value: v.Data}, nil
	})
}

// each turns a sequence into one of entries, which ends with the first error.
func each[T any](ctx context.Context, seq iter.Seq2[T, error], entry func(*T) (Entry, error)) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for v, err := range seq {
			var e Entry
			if err == nil {
				err = context.Cause(ctx)
			}
			if err == nil {
				e, err = entry(&v)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// requestEntry is a stored request. Its header, body, cookies, proxy and meta stay out.
func requestEntry(t *frontier.Task) (Entry, error) {
	_, st, err := decode(t)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{
		Kind: t.State.String(), URL: hideUserinfo(st.URL), Method: st.Method, Host: t.Host,
		Handler: handlerName(t.Handler), Session: t.Session, Priority: int(t.Priority),
		Depth: st.Depth, Referer: hideUserinfo(st.Referer), Attempts: int(t.Attempts) + int(t.Blocked),
		Fingerprint: hex.EncodeToString(t.Fingerprint[:]), Reason: hideUserinfo(t.Failure),
	}
	switch t.State { //nolint:exhaustive // pending ones have nothing to add
	case frontier.Failed:
		e.Attempts = failure(t).Attempts
	case frontier.Delayed:
		e.Due = t.Due.UTC()
	}
	return e, nil
}

func hostEntry(h *frontier.Host) (Entry, error) {
	e := Entry{Kind: "hosts", Host: h.Name}
	if h.NextAt.UnixNano() > 0 {
		e.Due = h.NextAt.UTC()
	}
	for _, q := range h.Queues {
		e.Pending += q.Count
	}
	return e, nil
}

func robotsEntry(v *frontier.Value) (Entry, error) {
	var s storedRobots
	if err := json.Unmarshal(v.Data, &s); err != nil {
		return Entry{}, fmt.Errorf("%w: robots.txt of %s cannot be read: %w", ErrDamaged, v.Key, err)
	}
	text, err := json.Marshal(string(s.Body))
	return Entry{Kind: "robots", Host: v.Key, Due: s.Expires, Reason: hideUserinfo(s.Lost), Value: text}, err
}

func sessionEntry(v *frontier.Value) (Entry, error) {
	e := Entry{Kind: "sessions", Bytes: int64(len(v.Data))}
	e.Session, e.Key = splitSessionKey(v.Key)
	return e, nil
}

func (s *entrySource) listReported() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for _, key := range slices.Sorted(maps.Keys(s.state)) {
			if !yield(Entry{Kind: kindState, Key: key, Value: s.state[key]}, nil) {
				return
			}
		}
	}
}

// listItems reads the committed part of the item log.
func (s *entrySource) listItems(ctx context.Context) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		f, err := s.items()
		if err != nil {
			yield(Entry{}, fmt.Errorf("read items: %w", err))
			return
		}
		more := true
		for line, err := range readLines(f) {
			if err == nil {
				err = context.Cause(ctx)
			}
			if more = yield(Entry{Kind: kindItems, Value: line}, err) && err == nil; !more {
				break
			}
		}
		if err := f.Close(); err != nil && more {
			yield(Entry{}, fmt.Errorf("read items: %w", err))
		}
	}
}
