package clew

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/clew-crawler/clew/fetch"
	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/links"
	"github.com/clew-crawler/clew/politeness"
)

// A page is one lease on its way through the engine.
type page struct {
	engine *engine
	lease  *frontier.Lease
	req    *Request
	st     *stored
	out    atomic.Pointer[Output] // read when the page is abandoned
	first  bool                   // that the host answered is news
	ended  bool                   // an outcome was admitted, or could not be
	clear  func()                 // takes back the note that the user's code may be at work on it
	resp   *fetch.Response        // whose memory is given back at the end; nil if it may be held elsewhere
}

// maxDeaths is how often a page may take the process with it.
const maxDeaths = 3

func (p *page) url() string {
	if p.st != nil {
		return redact(p.st.URL)
	}
	return p.lease.Host
}

// process takes the lease to its outcome.
func (p *page) process(ctx context.Context) {
	if p.lease.Robots {
		p.engine.askRobots(ctx, p.lease)
		p.ended = true
		return
	}
	v := p.work(ctx)
	if ctx.Err() != nil {
		// Given up: whatever came of it may owe itself to that.
		v = verdict{state: frontier.Pending}
	}
	p.tell(ctx, &v)
	p.conclude(ctx, &v)
	p.ended = true
	if p.resp != nil {
		p.resp.Release()
	}
}

// conclude admits a verdict. If it cannot be admitted the crawl is ending, and the
// page stays pending.
func (p *page) conclude(ctx context.Context, v *verdict) {
	defer p.clear()
	err := p.admit(ctx, v)
	if _, ok := errors.AsType[*frontier.UpdateError](err); ok {
		*v = failed(err, v.status)
		p.tell(ctx, v)
		err = p.admit(ctx, v)
	}
	if err != nil && !errors.Is(err, frontier.ErrVoid) {
		p.engine.log.Debug("outcome not admitted", "url", p.url(), "error", err)
	}
}

// work does everything up to the verdict. A panic outside the handler, in a
// session of the spider's own for example, fails the page, too.
func (p *page) work(ctx context.Context) (v verdict) {
	var err error
	defer func() {
		if value := recover(); value != nil {
			v = failed(newPanicError("page", value), 0)
		}
	}()
	if p.req, p.st, err = decode(&p.lease.Task); err != nil {
		return failed(err, 0)
	}
	if p.engine.sessions[p.req.Session] == nil {
		p.req.Session = "" // a lenient resume; links of the page inherit it
	}
	if p.lease.Deaths >= maxDeaths {
		return failed(fmt.Errorf("handling this page ended the process %d times", p.lease.Deaths), 0)
	}
	if !p.engine.spider.IgnoreRobots {
		switch allowed, err := p.engine.robots.allowed(ctx, p.lease.Host, p.st.URL); {
		case err != nil:
			return failed(err, 0)
		case !allowed:
			return verdict{state: frontier.Dropped, unfetched: true, robots: true}
		}
	}
	if err := p.engine.hosts.abandoned(p.lease.Host); err != nil && p.st.Proxy == "" {
		v = failed(err, 0)
		v.unfetched = true
		return v
	}
	resp, err := p.fetch(ctx)
	if err != nil {
		return p.judgeError(ctx, err)
	}
	p.clear = p.engine.suspects.enter(p.lease.Fingerprint)
	return p.judge(ctx, resp)
}

func (p *page) fetch(ctx context.Context) (*fetch.Response, error) {
	header := p.st.Header
	if p.st.Referer != "" && header.Get("Referer") == "" {
		header = header.Clone()
		if header == nil {
			header = http.Header{}
		}
		header.Set("Referer", p.st.Referer)
	}
	session := p.engine.sessions[p.req.Session]
	resp, err := session.Fetch(ctx, &fetch.Request{
		Method: p.req.Method, URL: p.st.URL, Header: header, Body: p.st.Body,
		Cookies: p.req.Cookies, Proxy: p.st.Proxy, Timeout: p.st.Timeout,
	})
	if err == nil || ctx.Err() == nil {
		p.engine.stats.fetched(&p.lease.Task, resp)
	}
	if _, ours := session.(*fetch.HTTP); ours && err == nil {
		p.resp = resp
	}
	return resp, err
}

// response is the page as its handler sees it.
func (p *page) response(resp *fetch.Response) *Response {
	return &Response{
		URL: p.st.URL, Status: resp.Status, Header: resp.Header, Body: resp.Body, Request: p.req,
		Depth: p.st.Depth, Redirects: p.st.Chain, Proto: resp.Proto, Elapsed: resp.Elapsed,
		doc: p.engine.spider.compiler.Parse(resp.Body, resp.Header.Get("Content-Type"), p.st.URL),
	}
}

// judge decides what an answer means.
func (p *page) judge(ctx context.Context, resp *fetch.Response) verdict {
	e := p.engine
	p.first = e.hosts.answered(p.lease.Host)
	e.frontier.Answered(p.lease)
	if loc := resp.Header.Get("Location"); loc != "" && isRedirect(resp.Status) {
		return p.redirect(resp.Status, loc)
	}
	r := p.response(resp)
	retryAfter, _ := politeness.ParseRetryAfter(resp.Header.Get("Retry-After"), time.Now())
	// A spider that has a say in blocks is asked before the retries of busy servers.
	if !e.spider.judgesBlocks() && retryable(e.spider.Retry, resp.Status) {
		return p.judgeBusy(resp.Status, retryAfter)
	}
	switch blocked, err := p.blocked(ctx, r); {
	case err != nil:
		return failed(err, resp.Status)
	case blocked:
		return p.judgeBlocked(ctx, r, retryAfter)
	case retryable(e.spider.Retry, resp.Status):
		return p.judgeBusy(resp.Status, retryAfter)
	}
	return p.handle(ctx, r)
}

func (s *Spider) judgesBlocks() bool { return s.IsBlocked != nil || s.OnBlocked != nil }

// judgeBusy tries a page again that a busy or broken server did not give.
func (p *page) judgeBusy(status int, retryAfter time.Duration) verdict {
	cause := politeness.Cause{Status: status, RetryAfter: retryAfter, Seed: p.seed()}
	wait, ok := p.engine.spider.Retry.Next(int(p.lease.Attempts)+1, cause)
	if !ok {
		v := failed(fmt.Errorf("status %d after %d attempts", status, p.lease.Attempts+1), status)
		v.hostWait = min(retryAfter, politeness.MaxRetryAfter)
		return v
	}
	return verdict{
		state: frontier.Delayed, wait: wait, status: status,
		hostWait: min(retryAfter, politeness.MaxRetryAfter),
	}
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// seed makes the jitter of retries differ between requests and repeatable for each.
func (p *page) seed() uint64 {
	var seed uint64
	for _, b := range p.lease.Fingerprint[:8] {
		seed = seed<<8 | uint64(b)
	}
	return seed
}

func (p *page) blocked(ctx context.Context, r *Response) (blocked bool, err error) {
	if p.engine.spider.IsBlocked == nil {
		switch r.Status {
		case 401, 403, 407, 429, 444, 500, 502, 503, 504:
			return true, nil
		}
		return false, nil
	}
	defer recovered("IsBlocked", &err)
	return p.engine.spider.IsBlocked(ctx, r), nil
}

// judgeBlocked tries a blocked page again, a little later each time.
func (p *page) judgeBlocked(ctx context.Context, r *Response, retryAfter time.Duration) verdict {
	s := p.engine.spider
	most := orDefault(s.MaxBlockedRetries, defaultMaxBlockedRetries)
	if s.NoBlockedRetries || int(p.lease.Blocked) >= most {
		v := failed(fmt.Errorf("blocked with status %d", r.Status), r.Status)
		v.blocked, v.hostWait = true, min(retryAfter, politeness.MaxRetryAfter)
		return v
	}
	policy := politeness.Retry{Max: most, Base: s.Retry.Base, Cap: s.Retry.Cap}
	cause := politeness.Cause{Transient: true, RetryAfter: retryAfter, Seed: p.seed()}
	v := verdict{
		state: frontier.Delayed, blocked: true, status: r.Status,
		hostWait: min(retryAfter, politeness.MaxRetryAfter),
	}
	v.wait, _ = policy.Next(int(p.lease.Blocked)+1, cause)
	if s.OnBlocked != nil {
		if err := p.changeRetry(ctx, r, &v); err != nil {
			return failed(err, r.Status)
		}
	}
	return v
}

// retryable reports whether the retry policy, not the block policy, owns a status.
func retryable(r politeness.Retry, status int) bool {
	_, ok := r.Next(1, politeness.Cause{Status: status})
	return ok
}

// changeRetry lets the spider change a blocked request before it is tried again.
func (p *page) changeRetry(ctx context.Context, r *Response, v *verdict) (err error) {
	defer recovered("OnBlocked", &err)
	retry := *p.req
	retry.Header = p.req.Header.Clone()
	p.engine.spider.OnBlocked(ctx, r, &retry)
	from := origin{depth: p.st.Depth, referer: p.st.Referer, chain: p.st.Chain, plain: p.st.Plain}
	t, err := p.engine.spider.encode(&retry, from)
	if err != nil {
		return fmt.Errorf("OnBlocked: %w", err)
	}
	t.Attempts, t.Blocked, t.Fingerprint = p.lease.Attempts, p.lease.Blocked, p.lease.Fingerprint
	v.retry = &t
	return nil
}

// judgeError decides what a failed fetch means.
func (p *page) judgeError(ctx context.Context, err error) verdict {
	e := p.engine
	if ctx.Err() != nil {
		return verdict{state: frontier.Pending} // given up, no attempt lost
	}
	fe, ok := errors.AsType[*fetch.Error](err)
	if !ok {
		return failed(err, 0)
	}
	v, f := verdict{err: err}, unreached{}
	if p.st.Proxy == "" {
		f = e.hostFailed(ctx, p.lease.Host, fe)
		v.hostSilent, v.hostWait = f.down || fe.Kind == fetch.KindTimeout, f.wait
	}
	switch {
	case f.down && !f.counts:
		v.state, v.quiet = frontier.Pending, !f.first
		return v
	case f.lost:
		v.state, v.err, v.hostWait = frontier.Failed, tooLong(err), 0
		return v
	}
	cause := politeness.Cause{Transient: fe.Retryable(), Seed: p.seed()}
	wait, again := e.spider.Retry.Next(int(p.lease.Attempts)+1, cause)
	switch {
	case f.down && (f.tried || !again) && e.hosts.silent():
		e.unreachable(err)
		v.state = frontier.Pending
	case again:
		v.state, v.wait = frontier.Delayed, wait
	default:
		v.state = frontier.Failed
	}
	return v
}

// redirect makes the next hop a request of its own, at the front of its host.
func (p *page) redirect(status int, location string) verdict {
	s := p.engine.spider
	if len(p.st.Chain) >= orDefault(s.MaxRedirects, defaultMaxRedirects) {
		return failed(fmt.Errorf("more than %d redirects", len(p.st.Chain)), status)
	}
	target, err := links.Resolve(p.st.URL, location)
	if err != nil {
		return failed(fmt.Errorf("redirect: %w", err), status)
	}
	v := verdict{state: frontier.Done, status: status, redirect: true}
	if !s.allows(target) {
		v.found.offsite = 1
		return v
	}
	hop, err := p.hop(status, target)
	if err != nil {
		return failed(fmt.Errorf("redirect: %w", err), status)
	}
	v.links = []frontier.Task{hop}
	return v
}

// hop is the request that a redirect leads to. It is dropped as known only if its
// origin was an ordinary filtered GET and the target was not met on the way here,
// so that a login that leads back to the page is not taken for a duplicate.
func (p *page) hop(status int, target string) (frontier.Task, error) {
	st := *p.st
	if len(st.Chain) == 0 {
		st.Plain = st.Method == "" && !p.lease.Unfiltered
	}
	met := target == st.URL
	for _, u := range st.Chain {
		met = met || target == u
	}
	st.Chain = append(append([]string(nil), st.Chain...), st.URL)
	if becomesGet(status, st.Method) {
		st.Method, st.Body = "", nil // as browsers do
		st.Header = st.Header.Clone()
		st.Header.Del("Content-Type")
	}
	from, _ := links.Origin(st.URL)
	if to, err := links.Origin(target); err == nil && to != from {
		st.Header = st.Header.Clone()
		st.Header.Del("Authorization") // credentials are for the host they were given for
		st.Header.Del("Cookie")
		st.Cookies = nil
	}
	st.URL = target
	hop := frontier.Task{
		Priority: p.lease.Priority, Front: true, Unfiltered: met || !st.Plain,
		Handler: p.lease.Handler, Session: p.lease.Session,
	}
	if err := errors.Join(p.engine.spider.identify(&hop, &st), st.pack(&hop)); err != nil {
		return hop, err
	}
	if hop.Mark != (frontier.Fingerprint{}) && !hop.Unfiltered {
		hop.Fingerprint, hop.Mark = hop.Mark, hop.Fingerprint // asks about the target for this handler
	}
	return hop, nil
}

// becomesGet reports whether a redirect changes the method, as browsers have it
// (RFC 9110, 15.4).
func becomesGet(status int, method string) bool {
	switch status {
	case http.StatusSeeOther:
		return method != "" && method != http.MethodHead
	case http.StatusMovedPermanently, http.StatusFound:
		return method == http.MethodPost
	}
	return false
}

// handle runs the page's handler.
func (p *page) handle(ctx context.Context, r *Response) verdict {
	e := p.engine
	handler, ok := e.spider.handler(p.lease.Handler)
	if !ok {
		handler, ok = e.spider.Parse, e.spider.Parse != nil // a lenient resume
	}
	if !ok {
		return failed(fmt.Errorf("handler %q is not registered", p.lease.Handler), r.Status)
	}
	out := &Output{
		spider: e.spider, ctx: ctx, page: r, log: e.log, met: e.met,
		state: func(key string) ([]byte, error) { return e.frontier.Value(ctx, frontier.KindState, key) },
	}
	p.out.Store(out)
	err := runHandler(ctx, handler, r, out)
	r.document().Close()
	if err != nil {
		return p.judgeHandler(ctx, err, r.Status)
	}
	v := verdict{
		state: frontier.Done, status: r.Status, page: true, found: out.found, custom: out.custom,
		harvest: out.take(), updates: out.updates,
	}
	v.links, v.duplicates = v.harvest.links.unknown(ctx, e.frontier, e.met)
	v.items = v.harvest.items.items
	return v
}

// judgeHandler decides what a handler's error means.
func (p *page) judgeHandler(ctx context.Context, err error, status int) verdict {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return verdict{state: frontier.Pending}
	}
	if retry, ok := errors.AsType[*retryError](err); ok {
		cause := politeness.Cause{Transient: true, RetryAfter: retry.wait, Seed: p.seed()}
		if wait, ok := p.engine.spider.Retry.Next(int(p.lease.Attempts)+1, cause); ok {
			return verdict{state: frontier.Delayed, wait: wait, status: status, err: err}
		}
	}
	return failed(fmt.Errorf("handler %s: %w", handlerName(p.lease.Handler), err), status)
}

// stackOf returns the stack of a panic for the log, "" for another error.
func stackOf(err error) optional {
	if pe, ok := errors.AsType[*panicError](err); ok {
		return optional(pe.stack)
	}
	return ""
}
