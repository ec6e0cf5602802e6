package fetch

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"syscall"
)

// Kind says what went wrong with a fetch.
type Kind int

// The kinds of failure. The zero Kind is none of them.
const (
	// KindDNS: the host's name could not be resolved.
	KindDNS Kind = iota + 1
	// KindConnect: no connection: refused, unreachable, or not made in time.
	KindConnect
	// KindTLS: the server's certificate or its side of the handshake was not
	// acceptable.
	KindTLS
	// KindTimeout: a connection was there, but the exchange took too long.
	KindTimeout
	// KindReset: the connection broke before the response or inside it.
	KindReset
	// KindBody: the body ended early or did not decompress.
	KindBody
	// KindTooLarge: the body is beyond its limit.
	KindTooLarge
	// KindProtocol: the answer was not HTTP, or beyond HTTP's own limits.
	KindProtocol
	// KindDenied: the address is private and private networks are denied.
	KindDenied
	// KindProxy: the proxy could not be reached or would not do its part.
	KindProxy
	// KindCanceled: the caller's context ended. Nothing is known of the page.
	KindCanceled
	// KindInvalid: the request could not be sent as it is.
	KindInvalid
)

// String returns the kind's name in lower case, a stable word for logs and
// counters.
func (k Kind) String() string {
	switch k {
	case KindDNS:
		return "dns"
	case KindConnect:
		return "connect"
	case KindTLS:
		return "tls"
	case KindTimeout:
		return "timeout"
	case KindReset:
		return "reset"
	case KindBody:
		return "body"
	case KindTooLarge:
		return "too large"
	case KindProtocol:
		return "protocol"
	case KindDenied:
		return "denied"
	case KindProxy:
		return "proxy"
	case KindCanceled:
		return "canceled"
	case KindInvalid:
		return "invalid"
	default:
		return "unknown"
	}
}

// Error is the failure of one fetch. Neither it nor anything it prints carries
// the password of a URL or of a proxy.
type Error struct {
	Kind Kind
	// URL is the one asked for, without user and password.
	URL string
	// Err is the cause.
	Err error
}

// Error says what was fetched, the kind of failure, and its cause.
func (e *Error) Error() string {
	return fmt.Sprintf("fetch %s: %s: %v", e.URL, e.Kind, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Retryable reports whether the same request may succeed later. A canceled
// fetch is not: it was not the request that failed.
func (e *Error) Retryable() bool {
	switch e.Kind {
	case KindDNS, KindConnect, KindTimeout, KindReset, KindBody, KindProxy:
		return true
	case KindTLS, KindTooLarge, KindProtocol, KindDenied, KindCanceled, KindInvalid:
		return false
	default:
		return false
	}
}

// HostDown reports whether the host or the network, not the page, is at fault,
// so that other requests to the host would most likely fail too.
func (e *Error) HostDown() bool {
	return e.Kind == KindDNS || e.Kind == KindConnect
}

// NetworkUp reports whether a host that is down, see HostDown, is so by itself:
// that it refuses connections, or that there is no such name. When it is false,
// nobody answered, and the network may be gone.
func (e *Error) NetworkUp() bool {
	if e.Kind == KindDNS {
		cause, ok := errors.AsType[*net.DNSError](e.Err)
		return ok && cause.IsNotFound
	}
	return e.Kind == KindConnect && errors.Is(e.Err, syscall.ECONNREFUSED)
}

// kindError is a cause that knows its kind.
type kindError struct {
	kind Kind
	err  error
}

func (e *kindError) Error() string { return e.err.Error() }
func (e *kindError) Unwrap() error { return e.err }

func kindErrorf(kind Kind, format string, args ...any) error {
	return &kindError{kind: kind, err: fmt.Errorf(format, args...)}
}

// redactURL replaces user and password in the text of a URL. It reads the text
// rather than a parsed URL because what cannot be parsed must not leak either.
func redactURL(raw string) string {
	start := 0
	if i := strings.Index(raw, "//"); i >= 0 {
		start = i + len("//")
	}
	end := len(raw)
	if _, err := url.Parse(raw); err == nil { // else a slash may be part of a password
		if i := strings.IndexAny(raw[start:], "/?#"); i >= 0 {
			end = start + i
		}
	}
	at := strings.LastIndexByte(raw[start:end], '@')
	if at < 0 {
		return raw
	}
	return raw[:start] + "xxxxx@" + raw[start+at+1:]
}

// parseURL parses without ever repeating raw in its error. The parser's own
// reason quotes pieces of its input, so it is passed on only when there can be
// no password in it.
func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		var parse *url.Error
		if errors.As(err, &parse) && !strings.Contains(raw, "@") {
			return nil, fmt.Errorf("parse URL: %w", parse.Err)
		}
		return nil, errors.New("parse URL: malformed")
	}
	if u.Hostname() == "" {
		return nil, errors.New("parse URL: no host")
	}
	return u, nil
}
