package clew

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"

	"github.com/clew-crawler/clew/frontier"
)

// Contents is what a handler put into its [Output].
type Contents struct {
	// Items are encoded as the crawl's log keeps them, before the crawl leaves out
	// those of [Output.ItemOnce] that it has.
	Items []json.RawMessage `json:"items,omitempty"`
	// Requests are to be fetched next, as their handlers would see them, before
	// the crawl leaves out those it knows.
	Requests []*Request `json:"requests,omitempty"`
	// Counts are what [Output.Count] added up, by name.
	Counts map[string]int64 `json:"counts,omitempty"`
	// State holds the values that [Update] changed. It is nil until the handler
	// has returned.
	State map[string]json.RawMessage `json:"state,omitempty"`
	// Dropped counts items that the spider's OnItem dropped, Offsite and Bad the
	// links outside its domains and those that cannot be fetched.
	Dropped int64 `json:"dropped,omitempty"`
	Offsite int64 `json:"offsite,omitempty"`
	Bad     int64 `json:"bad,omitempty"`
}

// Handle runs the handler of a page outside of any crawl, as a crawl would: the
// request and everything that the handler says are encoded and read back, OnItem
// and AllowedDomains apply, and a panic, a selector that does not parse, or an
// output that cannot be stored is an error. Nothing is fetched or kept.
//
// The page needs a URL; its Request names the handler and holds the Meta, none is
// a plain one. A status of 0 is 200. state is the crawl's state as the handler
// finds it, nil for none; it is not changed. What is judged before a handler is
// called (redirects, blocks, retries) is not looked at. The Body that the handler
// gets does not stay, as in a crawl.
func (s *Spider) Handle(ctx context.Context, page *Response, state map[string]json.RawMessage) (*Contents, error) {
	p, err := s.prepare()
	if err != nil {
		return nil, err
	}
	r, err := p.received(page)
	if err != nil {
		return nil, err
	}
	defer clear(r.Body) // as a crawl does, so that a test shows who keeps it
	h, ok := p.handler(r.Request.Handler)
	if !ok {
		return nil, fmt.Errorf("handler %q is not registered", r.Request.Handler)
	}
	out := &Output{
		spider: p, ctx: ctx, page: r, log: p.Logger,
		state: func(key string) ([]byte, error) { return state[key], nil },
	}
	if out.log == nil {
		out.log = slog.Default()
	}
	if err := runHandler(ctx, h, r, out); err != nil {
		return nil, fmt.Errorf("handler %s: %w", handlerName(r.Request.Handler), err)
	}
	c, err := out.Contents()
	if err == nil {
		c.State, err = changedState(state, out.updates)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// received brings a page into the form in which a crawl would hand it over.
func (p *prepared) received(page *Response) (*Response, error) {
	if page == nil {
		return nil, errors.New("handle page: there is none")
	}
	r := *page
	req := &Request{URL: r.URL}
	if r.Request != nil {
		req = r.Request
	}
	t, err := p.encode(req, origin{depth: r.Depth, chain: r.Redirects})
	if err != nil {
		return nil, err
	}
	if r.Request, _, err = decode(&t); err != nil {
		return nil, err
	}
	if r.URL == "" {
		r.URL = r.Request.URL
	}
	if r.Status == 0 {
		r.Status = http.StatusOK
	}
	r.Body = bytes.Clone(r.Body)
	r.doc = p.compiler.Parse(r.Body, r.Header.Get("Content-Type"), r.URL)
	return &r, nil
}

// runHandler calls a handler and seals its output. The error is the cause of a failure,
// whatever the handler made of it.
func runHandler(ctx context.Context, h Handler, r *Response, out *Output) error {
	err := callHandler(ctx, h, r, out)
	out.seal() // whatever the handler left running is too late
	if qerr := r.doc.Err(); qerr != nil && stackOf(err) == "" {
		return qerr
	}
	if err == nil {
		err = out.err
	}
	return err
}

// callHandler runs a handler; its panic is an error.
func callHandler(ctx context.Context, h Handler, r *Response, out *Output) (err error) {
	defer recovered("handler", &err)
	return h(ctx, r, out)
}

// Contents returns a copy of what was put out so far, for handlers that wrap
// others. The error is the one that will fail the page, if there is one yet.
func (o *Output) Contents() (*Contents, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return nil, o.err
	}
	c := &Contents{
		Counts: maps.Clone(o.custom), Dropped: o.found.dropped, Offsite: o.found.offsite, Bad: o.found.bad,
	}
	h := o.gather()
	for _, it := range h.items.items {
		c.Items = append(c.Items, append(json.RawMessage(nil), it.Line...))
	}
	tasks, err := h.links.packed(o.spider, o.resolved)
	if err != nil {
		return nil, err
	}
	for _, t := range tasks {
		r, _, err := decode(&t)
		if err != nil {
			return nil, err
		}
		c.Requests = append(c.Requests, r)
	}
	return c, nil
}

// changedState applies updates in their order and returns the values they changed.
func changedState(state map[string]json.RawMessage, updates []frontier.Update) (map[string]json.RawMessage, error) {
	var changed map[string]json.RawMessage
	for _, u := range updates {
		old, ok := changed[u.Key]
		if !ok {
			old = state[u.Key]
		}
		data, err := u.Apply(old)
		if err != nil {
			return nil, fmt.Errorf("update state %q: %w", u.Key, err)
		}
		if changed == nil {
			changed = map[string]json.RawMessage{}
		}
		changed[u.Key] = data
	}
	return changed, nil
}
