package clew

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/zeebo/xxh3"

	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/links"
)

// maxOutput bounds what one page may put out, in bytes as encoded.
const maxOutput = 64 << 20

// An Output takes what a handler finds. Nothing in it is visible to anybody until
// the page is admitted, and nothing is durable until its group is committed. Its
// first error fails the page, whatever the handler returns. It belongs to one call
// of a handler; its methods may be called from several goroutines that end before
// the handler does.
type Output struct {
	spider *prepared
	ctx    context.Context //nolint:containedctx // lives as long as the call of the handler
	page   *Response
	state  func(key string) ([]byte, error)
	log    *slog.Logger
	met    *metLinks

	mu      sync.Mutex
	sealed  bool
	base    *links.Base
	err     error
	size    int
	harvest *harvest
	updates []frontier.Update
	found   found
	custom  map[string]int64
}

// found counts what came to nothing before it reached the frontier.
type found struct {
	dropped, offsite, bad int64
}

// Item puts out an item: anything that [encoding/json] can encode.
func (o *Output) Item(v any) { o.item("", "", v) }

// ItemKind puts out an item of a kind, so that [Items] can tell types apart. The
// item must encode as a JSON object; the kind becomes its first member, "_kind".
func (o *Output) ItemKind(kind string, v any) { o.item(kind, "", v) }

// ItemOnce puts out an item unless the crawl has already kept one with this key,
// on whatever page and in whatever run.
func (o *Output) ItemOnce(key string, v any) { o.item("", key, v) }

func (o *Output) item(kind, once string, v any) {
	v, err := o.filter(v)
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.sealed || o.err != nil:
		return
	case err != nil:
		o.err = err
		return
	case v == nil:
		o.found.dropped++
		return
	}
	var key *frontier.Fingerprint
	if once != "" {
		fp := frontier.Fingerprint(xxh3.HashString128("item\x00" + once).Bytes())
		key = &fp
	}
	size, err := o.gather().items.add(kind, key, v)
	if err != nil {
		o.err = err
		return
	}
	o.grow(size)
}

// gather returns what takes what is put out.
func (o *Output) gather() *harvest {
	if o.harvest == nil {
		o.harvest = o.spider.harvest(o.origin())
	}
	return o.harvest
}

// origin is where the page's requests come from.
func (o *Output) origin() origin { return origin{depth: o.page.Depth + 1, referer: o.page.URL} }

// filter passes an item through the spider's hook.
func (o *Output) filter(v any) (kept any, err error) {
	if v == nil || o.spider.OnItem == nil {
		return v, nil
	}
	defer recovered("OnItem", &err)
	kept, err = o.spider.OnItem(o.ctx, v)
	if err != nil {
		return nil, fmt.Errorf("OnItem: %w", err)
	}
	return kept, nil
}

// Follow fetches a link of the page. href may be relative; "" is nothing. A link
// that is no http or https URL is counted and skipped. The request inherits the
// page's session and nothing else.
func (o *Output) Follow(href string, opts ...RequestOption) {
	if href == "" {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.sealed || o.err != nil {
		return
	}
	if o.base == nil {
		base, err := links.NewBase(o.page.document().Base())
		if err != nil {
			base, err = links.NewBase(o.page.URL)
		}
		if err != nil {
			o.err = fmt.Errorf("follow %q: %w", href, err)
			return
		}
		o.base = base
	}
	if len(opts) == 0 {
		o.follow(href)
		return
	}
	r, err := o.resolved(href)
	if err != nil {
		o.found.bad++
		return
	}
	u := r.URL
	for _, opt := range opts {
		opt(r)
	}
	r.resolved = r.URL == u
	o.request(r)
}

// follow is Follow without options. A link that was met is not even resolved.
func (o *Output) follow(href string) {
	session := o.page.Request.Session
	var key xxh3.Uint128
	if scope, ok := o.base.Scope(href); ok {
		if key = o.met.key(scope, session, href); o.met.contains(key) {
			o.gather().links.addMet(href)
			o.grow(len(scope) + len(href) + len(o.page.URL))
			return
		}
	}
	u, err := o.base.Resolve(href)
	if err != nil {
		o.found.bad++
		return
	}
	if o.request(&Request{URL: u, Session: session, resolved: true}) { // it never leaves the stack
		notes := o.harvest.links.notes
		notes[len(notes)-1].key = key
	}
}

// resolved is the request of a link, before its options.
func (o *Output) resolved(href string) (*Request, error) {
	u, err := o.base.Resolve(href)
	if err != nil {
		return nil, err
	}
	return &Request{URL: u, Session: o.page.Request.Session, resolved: true}, nil
}

// Request fetches something else than a link of the page. Its URL is absolute; one
// that cannot be fetched is counted and skipped. Nothing is inherited.
func (o *Output) Request(r *Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.sealed || o.err != nil || r == nil {
		return
	}
	o.request(r)
}

// request reports whether it has taken a request.
func (o *Output) request(r *Request) bool {
	switch size, err := o.gather().links.add(o.spider, r); {
	case isBadURL(err):
		o.found.bad++
	case err != nil:
		o.err = err
	case size == 0:
		o.found.offsite++
	default:
		o.grow(size)
		return true
	}
	return false
}

// isBadURL tells a URL that the web is full of from a fault of the program.
func isBadURL(err error) bool {
	return errors.Is(err, links.ErrInvalid) || errors.Is(err, links.ErrScheme) || errors.Is(err, links.ErrTooLong)
}

// Log returns the crawl's log, which also goes to the spider's LogFile. Its records
// name the page.
func (o *Output) Log() *slog.Logger { return o.log.With("url", redact(o.page.URL)) }

// Count adds n to a counter of the spider's own, see [Stats.Custom]. What is not UTF-8
// in its name is replaced.
func (o *Output) Count(name string, n int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.sealed {
		return
	}
	if o.custom == nil {
		o.custom = map[string]int64{}
	}
	name = textual(name)
	if _, known := o.custom[name]; !known {
		name = strings.Clone(name) // it may be a part of the page
	}
	o.custom[name] += n
}

// State decodes a value of the crawl's state into v, as admitted so far; pages in
// flight may change it before this one is admitted. It reports whether there is one.
func (o *Output) State(key string, v any) (bool, error) {
	data, err := o.state(textual(key))
	if err != nil || data == nil {
		return false, err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return true, fmt.Errorf("state %q: %w", key, err)
	}
	return true, nil
}

// Update changes a value of the crawl's state when the page is admitted: change
// gets the value as all pages admitted before left it, the zero T if there is
// none, and returns the new one. It runs while nothing else is admitted, so it
// must be quick and may not ask the crawl for anything. If it panics, or the value
// does not decode as T, the page fails. What is not UTF-8 in the key is replaced.
func Update[T any](o *Output, key string, change func(old T) T) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.sealed || o.err != nil {
		return
	}
	key = strings.Clone(textual(key)) // it may be a part of the page
	o.updates = append(o.updates, frontier.Update{Key: key, Apply: func(old []byte) (data []byte, err error) {
		defer recovered("Update", &err)
		var v T
		if old != nil {
			if err := json.Unmarshal(old, &v); err != nil {
				return nil, fmt.Errorf("decode as %T: %w", v, err)
			}
		}
		return json.Marshal(change(v))
	}})
}

// textual makes a name one that JSON keeps as it is, so that it is the same after a stop.
func textual(name string) string { return strings.ToValidUTF8(name, "\uFFFD") }

// grow notes that the output became larger.
func (o *Output) grow(n int) {
	o.size += n
	if o.size > maxOutput {
		o.err = fmt.Errorf("output of %s is larger than %d MB", o.page.URL, maxOutput>>20)
	}
}

// take ends an output whose handler has returned, and takes out what was put out.
func (o *Output) take() *harvest {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sealed = true
	h := o.gather()
	o.harvest = nil
	return h
}

// seal ends an output whose handler was given up: what it still says is ignored.
func (o *Output) seal() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sealed = true
}

// guarded runs f; its panic is an error.
func guarded(where string, f func()) (err error) {
	defer recovered(where, &err)
	f()
	return nil
}

// recovered turns a panic of the user's code into an error. Use it with defer.
func recovered(where string, err *error) {
	if v := recover(); v != nil {
		*err = newPanicError(where, v)
	}
}
