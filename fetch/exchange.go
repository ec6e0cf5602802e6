package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// exchange is what is known of one fetch while it runs: how it may end, and how
// far it came, which is what tells a host that is down from a page that is slow.
// It is the context of its request as well: there the functions of the transport
// find it, and it is over when the exchange is.
type exchange struct {
	context.Context

	proxy  *url.URL
	cancel context.CancelCauseFunc
	trace  httptrace.ClientTrace
	began  time.Time
	limits limits
	body   wireReader

	mu    sync.Mutex
	clock *time.Timer // looks at the limits; most exchanges are over before it does
	over  bool

	connected       atomic.Bool // a connection is in hand
	handshakeFailed atomic.Bool // TLS was refused
	asked           instant     // the request is written
	answered        atomic.Bool // the response header is here
	quiet           instant     // bytes of the body are waited for
}

// limits are how long an exchange may take, its response header be awaited, and
// its body be silent.
type limits struct{ total, header, idle time.Duration }

// instant is when a wait began, 0 if there is none: 1 more than the time since
// the exchange began.
type instant struct{ atomic.Int64 }

func (i *instant) set(now time.Duration) { i.Store(int64(now) + 1) }

// ago is for how long there has been a wait.
func (i *instant) ago(now time.Duration) time.Duration {
	if since := i.Load(); since > 0 {
		return now - time.Duration(since-1)
	}
	return 0
}

// exchangeKey finds the exchange in the context, where the transport's proxy
// and dial functions look for it.
type exchangeKey struct{}

// Value finds the exchange itself, and all that its context has.
func (x *exchange) Value(key any) any {
	if key == (exchangeKey{}) {
		return x
	}
	return x.Context.Value(key)
}

func exchangeFrom(ctx context.Context) *exchange {
	call, _ := ctx.Value(exchangeKey{}).(*exchange)
	return call
}

// beginExchange starts the clock. A foreign transport need not report its
// connections, so one is taken for granted until it does.
func beginExchange(ctx context.Context, began time.Time, limits limits, proxy *url.URL, foreign bool) *exchange {
	call := &exchange{proxy: proxy, began: began, limits: limits}
	call.connected.Store(foreign)
	call.trace = httptrace.ClientTrace{
		// A broken idle connection makes net/http look for another.
		GetConn: func(string) {
			call.connected.Store(false)
			call.asked.Store(0)
		},
		GotConn: func(httptrace.GotConnInfo) { call.connected.Store(true) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err != nil {
				call.handshakeFailed.Store(true)
			}
		},
		WroteRequest: func(httptrace.WroteRequestInfo) { call.asked.set(time.Since(call.began)) },
	}
	ctx, call.cancel = context.WithCancelCause(ctx)
	call.Context = httptrace.WithClientTrace(ctx, &call.trace)
	call.mu.Lock()
	call.clock = time.AfterFunc(min(limits.total, limits.header, limits.idle), call.look)
	call.mu.Unlock()
	return call
}

// look ends an exchange that has reached a limit, or looks again when it may have.
// One clock for all: setting one for each wait would cost more than the wait.
func (x *exchange) look() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over {
		return
	}
	now := time.Since(x.began)
	silent := x.quiet.ago(now)
	var unanswered time.Duration
	if !x.answered.Load() {
		unanswered = x.asked.ago(now)
	}
	switch {
	case now >= x.limits.total:
		x.cancel(timeoutError(fmt.Sprintf("not done within %v", x.limits.total)))
	case unanswered >= x.limits.header:
		x.cancel(timeoutError(fmt.Sprintf("still awaiting response headers after %v", x.limits.header)))
	case silent >= x.limits.idle:
		x.cancel(timeoutError(fmt.Sprintf("no bytes of the body for %v", x.limits.idle)))
	default:
		x.clock.Reset(min(x.limits.total-now, x.limits.header-unanswered, x.limits.idle-silent))
	}
}

// await and arrived enclose a wait for bytes of the body.
func (x *exchange) await()   { x.quiet.set(time.Since(x.began)) }
func (x *exchange) arrived() { x.quiet.Store(0) }

func (x *exchange) end() {
	x.mu.Lock()
	x.over = true
	x.clock.Stop()
	x.mu.Unlock()
	x.cancel(nil)
}

// timeoutError is the cause of a context that one of our clocks ended.
type timeoutError string

func (e timeoutError) Error() string { return string(e) }

// Timeout makes it a net.Error in spirit: callers may ask any cause.
func (e timeoutError) Timeout() bool { return true }

// kindOf returns the kind that err carries, or other.
func kindOf(err error, other Kind) Kind {
	if k, ok := errors.AsType[*kindError](err); ok {
		return k.kind
	}
	return other
}

// diagnose finds the kind of failure and the cause to show. caller is the
// context of the one who fetches; the exchange's own is the one that its clock ends.
func (x *exchange) diagnose(caller context.Context, err error) (Kind, error) {
	if ended := caller.Err(); ended != nil {
		if cause := context.Cause(caller); !errors.Is(cause, ended) {
			return KindCanceled, fmt.Errorf("%w: %w", ended, cause)
		}
		return KindCanceled, ended
	}
	if k := kindOf(err, 0); k != 0 {
		return k, err
	}
	cause, late := errors.AsType[timeoutError](context.Cause(x))
	if late {
		err = cause
	}
	switch {
	case x.answered.Load():
		return bodyKind(err, late), err
	case x.connected.Load():
		return responseKind(err, late), err
	default:
		return x.connectKind(err), err
	}
}

// connectKind judges a failure before there was a connection.
func (x *exchange) connectKind(err error) Kind {
	op, isOp := errors.AsType[*net.OpError](err)
	handshake := x.handshakeFailed.Load() && !isTimeout(err) && !isBroken(err)
	switch {
	case x.proxy != nil && (!handshake || isOp && op.Op == "proxyconnect"):
		return KindProxy
	case handshake:
		return KindTLS
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return KindDNS
	}
	return KindConnect
}

// responseKind judges a failure between the connection and the body.
func responseKind(err error, late bool) Kind {
	switch {
	case late || isTimeout(err):
		return KindTimeout
	case isBroken(err):
		return KindReset
	default:
		return KindProtocol
	}
}

func bodyKind(err error, late bool) Kind {
	switch {
	case late || isTimeout(err):
		return KindTimeout
	case isReset(err):
		return KindReset
	default:
		return KindBody
	}
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// isReset reports that the connection was torn down.
func isReset(err error) bool {
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) {
		return true
	}
	if _, ok := errors.AsType[streamError](err); ok {
		return true
	}
	// net/http has no types for these.
	text := err.Error()
	return strings.Contains(text, "server closed idle connection") ||
		strings.Contains(text, "http2: client conn") ||
		strings.Contains(text, "GOAWAY")
}

// isBroken reports that the connection was torn down or just ended.
func isBroken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isReset(err)
}

// streamError receives the HTTP/2 stream error of net/http, which offers itself
// by errors.As to any struct of this shape.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamError) Error() string {
	return fmt.Sprintf("HTTP/2 stream %d reset, code %d", e.StreamID, e.Code)
}
