package fetch

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"
)

// HTTP is the [Session] built on net/http, and a [Keeper] of its cookies. It is
// made by [NewHTTP] and safe for concurrent use.
type HTTP struct {
	options   HTTPOptions
	transport http.RoundTripper
	proxies   []*url.URL
	turn      atomic.Uint64 // of the proxies
	fields    []field       // sent with every request
	plain     http.Header   // what becomes of them when a request adds none
	jar       *jar          // nil when cookies are off
	codecs    codecs
}

// HTTP is both.
var (
	_ Session = (*HTTP)(nil)
	_ Keeper  = (*HTTP)(nil)
)

// NewHTTP makes a session. Its error joins all faults of the options, each
// naming its field.
func NewHTTP(options HTTPOptions) (*HTTP, error) {
	if err := options.validate(); err != nil {
		return nil, err
	}
	proxies, err := parseProxies(options.Proxies)
	if err != nil {
		return nil, err
	}
	options = options.withDefaults()
	session := &HTTP{
		options:   options,
		transport: options.Transport,
		proxies:   proxies,
		fields:    sessionFields(options.UserAgent, options.Header),
	}
	session.plain = plainHeader(session.fields)
	if session.transport == nil {
		session.transport = newTransport(&options)
	}
	if !options.NoCookies {
		session.jar = newJar()
	}
	return session, nil
}

// Fetch makes one exchange. Any status is a Response; redirects are returned,
// not followed. Cookies are stored from every response, redirects included.
// Errors are an [*Error].
func (s *HTTP) Fetch(ctx context.Context, req *Request) (*Response, error) {
	started := time.Now()
	call, out, err := s.prepare(ctx, req, started)
	if err != nil {
		return nil, &Error{Kind: kindOf(err, KindInvalid), URL: redactURL(req.URL), Err: err}
	}
	defer call.end()
	res, err := s.roundTrip(call, out, bodyLimit{s.options.bodyLimit(req), req.Truncate})
	if err != nil {
		kind, cause := call.diagnose(ctx, err)
		return nil, &Error{Kind: kind, URL: redactURL(req.URL), Err: cause}
	}
	res.URL = req.URL
	res.Elapsed = time.Since(started)
	return res, nil
}

// Close closes the idle connections. Fetches under way go on to their end.
func (s *HTTP) Close() error {
	if t, ok := s.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
	return nil
}

// Changed returns one record for each registrable domain (example.co.uk) whose
// cookies changed. The value holds all its cookies in versioned JSON, in clear.
func (s *HTTP) Changed() []Record {
	if s.jar == nil {
		return nil
	}
	return s.jar.drain(time.Now())
}

// Restore replaces the cookies of each record's domain by the record's, leaving
// out what has expired. With NoCookies it does nothing.
func (s *HTTP) Restore(records iter.Seq2[Record, error]) error {
	if s.jar == nil {
		return nil
	}
	return s.jar.restore(records, time.Now())
}

// prepare turns a Request into what net/http sends. On success the caller ends
// the exchange.
func (s *HTTP) prepare(ctx context.Context, req *Request, now time.Time) (*exchange, *http.Request, error) {
	target, err := parseURL(req.URL)
	if err != nil {
		return nil, nil, err
	}
	if target.Scheme != "http" && target.Scheme != "https" {
		return nil, nil, fmt.Errorf("scheme %q is not http or https", target.Scheme)
	}
	method := cmp.Or(req.Method, http.MethodGet)
	if !httpguts.ValidHeaderFieldName(method) || method == http.MethodConnect { // a method is a token, as a field name is
		return nil, nil, fmt.Errorf("method %q cannot be sent", method)
	}
	if req.Timeout < 0 || req.MaxBody < 0 {
		return nil, nil, errors.New("timeout or body limit is negative")
	}
	header, err := s.header(req, target, now)
	if err != nil {
		return nil, nil, err
	}
	proxy, err := s.proxyFor(req)
	if err != nil {
		return nil, nil, err
	}
	if s.options.DenyPrivateNetworks && proxy != nil && PrivateHost(target.Hostname()) {
		return nil, nil, kindErrorf(KindDenied, "%s is not a public address", target.Hostname())
	}

	limits := limits{total: cmp.Or(req.Timeout, s.options.Timeout), header: s.options.HeaderTimeout, idle: s.options.IdleTimeout}
	foreign := s.options.Transport != nil
	if foreign {
		limits.header = limits.total // the header is the transport's own business
	}
	call := beginExchange(ctx, now, limits, proxy, foreign)
	out := &http.Request{
		Method: method, URL: target, Header: header, Host: target.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if host := header["Host"]; len(host) > 0 {
		out.Host = host[0]
	}
	if len(req.Body) > 0 {
		out.ContentLength = int64(len(req.Body))
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(req.Body)), nil }
		out.Body = io.NopCloser(bytes.NewReader(req.Body))
	}
	return call, out.WithContext(call), nil
}

func (s *HTTP) proxyFor(req *Request) (*url.URL, error) {
	if req.Proxy != "" {
		if s.options.Transport != nil {
			return nil, errors.New("a proxy cannot be used with the session's own transport")
		}
		proxy, err := parseProxy(req.Proxy)
		if err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
		return proxy, nil
	}
	if len(s.proxies) == 0 {
		return nil, nil
	}
	return s.proxies[(s.turn.Add(1)-1)%uint64(len(s.proxies))], nil
}

func (s *HTTP) roundTrip(call *exchange, out *http.Request, limit bodyLimit) (*Response, error) {
	// RoundTrip, not Client.Do: redirects and cookies are ours.
	in, err := s.transport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	call.answered.Store(true)
	// A body read to its end has nothing more to say; one that was given up has
	// its error already.
	defer func() { _ = in.Body.Close() }()

	if call.proxy != nil && in.StatusCode == http.StatusProxyAuthRequired {
		return nil, kindErrorf(KindProxy, "proxy answered %s", in.Status)
	}
	if in.StatusCode < http.StatusOK { // 101 unasked, or no status of HTTP at all
		return nil, kindErrorf(KindProtocol, "server answered %q", in.Status)
	}
	if s.jar != nil && len(in.Header["Set-Cookie"]) > 0 {
		s.jar.store(out.URL, in.Cookies(), time.Now())
	}
	res := &Response{
		Status:        in.StatusCode,
		Proto:         in.Proto,
		Header:        in.Header,
		RequestHeader: withoutProxyCredentials(out.Header),
	}
	if err := s.readBody(call, in, res, out.Method, limit); err != nil {
		res.Release()
		return nil, err
	}
	if call.proxy != nil {
		res.Proxy = call.proxy.Redacted()
	}
	return res, nil
}

func withoutProxyCredentials(h http.Header) http.Header {
	for name := range h {
		if strings.EqualFold(name, "Proxy-Authorization") {
			h = h.Clone()
			delete(h, name)
		}
	}
	return h
}
