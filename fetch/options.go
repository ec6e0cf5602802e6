package fetch

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/http/httpguts"
)

// Defaults of HTTPOptions.
const (
	defaultUserAgent           = "Clew/0.1 (+https://github.com/clew-crawler/clew)"
	defaultAccept              = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	defaultAcceptEncoding      = "gzip, deflate, br, zstd"
	defaultTimeout             = 30 * time.Second
	defaultDialTimeout         = 10 * time.Second
	defaultTLSTimeout          = 10 * time.Second
	defaultHeaderTimeout       = 30 * time.Second
	defaultIdleTimeout         = 15 * time.Second
	defaultMaxBody             = 32 << 20
	defaultMaxHeaderBytes      = 1 << 20
	defaultMaxIdleConns        = 1024
	defaultMaxIdleConnsPerHost = 16
	defaultIdleConnTimeout     = 90 * time.Second
)

// HTTPOptions says how an [HTTP] session behaves. The zero value is ready for a
// crawl. Environment variables (HTTP_PROXY and its kin) are not read: a crawl
// behaves alike wherever it is resumed.
type HTTPOptions struct {
	// UserAgent is sent with every request; "" names Clew. A User-Agent in
	// Header, or in a request's, has precedence.
	UserAgent string
	// Header is sent with every request, over the session's own Accept and
	// Accept-Encoding. It is copied.
	Header http.Header

	// Timeout bounds a whole exchange; 0 is 30 seconds.
	Timeout time.Duration
	// DialTimeout bounds name lookup and connecting together; 0 is 10 seconds.
	DialTimeout time.Duration
	// TLSTimeout bounds the TLS handshake; 0 is 10 seconds.
	TLSTimeout time.Duration
	// HeaderTimeout bounds the wait for the response header once the request
	// is written; 0 is 30 seconds.
	HeaderTimeout time.Duration
	// IdleTimeout bounds the wait for the next bytes of a body; 0 is 15 seconds.
	IdleTimeout time.Duration

	// MaxBody is the largest body accepted, in bytes after decompression; 0 is
	// 32 MiB. What is on the wire may be 64 KiB more.
	MaxBody int64
	// MaxHeaderBytes is the largest response header accepted; 0 is 1 MiB.
	MaxHeaderBytes int64

	// MaxConnsPerHost bounds the connections to one host, busy or idle; 0 is no
	// bound. A request waiting for one spends its Timeout.
	MaxConnsPerHost int
	// MaxIdleConnsPerHost is how many connections to one host are kept for
	// reuse; 0 is 16.
	MaxIdleConnsPerHost int
	// MaxIdleConns is how many connections are kept for reuse; 0 is 1024.
	MaxIdleConns int
	// IdleConnTimeout is how long a connection is kept for reuse; 0 is 90
	// seconds.
	IdleConnTimeout time.Duration

	// Proxies are URLs (http, https, socks5, socks5h), taken in turn by
	// requests that name none of their own.
	Proxies []string

	// NoCookies neither stores nor sends cookies of the session.
	NoCookies bool
	// NoHTTP2 speaks HTTP/1.1 even where the server offers HTTP/2.
	NoHTTP2 bool
	// InsecureTLS accepts any certificate.
	InsecureTLS bool
	// DenyPrivateNetworks refuses to connect to addresses that are not public:
	// loopback, private, link-local, carrier-grade NAT, multicast, reserved. It
	// looks at the address after the name is resolved, so no name gets around
	// it. What a proxy connects to can be judged only where the URL has a
	// literal address or says localhost; the proxy itself may be private.
	DenyPrivateNetworks bool

	// Transport replaces the network, for tests. Dialling, proxies, TLS and the
	// limits on connections and headers are then its own business, and the
	// fields for them must be unset.
	Transport http.RoundTripper
}

// validate reports all faults at once, each naming its field.
func (o *HTTPOptions) validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }

	for _, f := range []struct {
		name  string
		value int64
	}{
		{"Timeout", int64(o.Timeout)},
		{"DialTimeout", int64(o.DialTimeout)},
		{"TLSTimeout", int64(o.TLSTimeout)},
		{"HeaderTimeout", int64(o.HeaderTimeout)},
		{"IdleTimeout", int64(o.IdleTimeout)},
		{"MaxBody", o.MaxBody},
		{"MaxHeaderBytes", o.MaxHeaderBytes},
		{"MaxConnsPerHost", int64(o.MaxConnsPerHost)},
		{"MaxIdleConnsPerHost", int64(o.MaxIdleConnsPerHost)},
		{"MaxIdleConns", int64(o.MaxIdleConns)},
		{"IdleConnTimeout", int64(o.IdleConnTimeout)},
	} {
		if f.value < 0 {
			fault("%s: is negative", f.name)
		}
	}
	if !httpguts.ValidHeaderFieldValue(o.UserAgent) {
		fault("UserAgent: %q cannot be sent in a header", o.UserAgent)
	}
	if err := validHeader(o.Header); err != nil {
		fault("Header: %w", err)
	}
	if _, err := parseProxies(o.Proxies); err != nil {
		fault("Proxies: %w", err)
	}
	if o.Transport != nil {
		if len(o.Proxies) > 0 {
			fault("Proxies: cannot be used with Transport")
		}
		if o.DenyPrivateNetworks {
			fault("DenyPrivateNetworks: cannot be enforced with Transport")
		}
		if o.InsecureTLS {
			fault("InsecureTLS: cannot be used with Transport")
		}
	}
	return errors.Join(faults...)
}

// withDefaults returns a copy with every zero field filled in.
func (o HTTPOptions) withDefaults() HTTPOptions {
	o.UserAgent = cmp.Or(o.UserAgent, defaultUserAgent)
	o.Timeout = cmp.Or(o.Timeout, defaultTimeout)
	o.DialTimeout = cmp.Or(o.DialTimeout, defaultDialTimeout)
	o.TLSTimeout = cmp.Or(o.TLSTimeout, defaultTLSTimeout)
	o.HeaderTimeout = cmp.Or(o.HeaderTimeout, defaultHeaderTimeout)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, defaultIdleTimeout)
	o.MaxBody = cmp.Or(o.MaxBody, defaultMaxBody)
	o.MaxHeaderBytes = cmp.Or(o.MaxHeaderBytes, defaultMaxHeaderBytes)
	o.MaxIdleConnsPerHost = cmp.Or(o.MaxIdleConnsPerHost, defaultMaxIdleConnsPerHost)
	o.MaxIdleConns = cmp.Or(o.MaxIdleConns, defaultMaxIdleConns)
	o.IdleConnTimeout = cmp.Or(o.IdleConnTimeout, defaultIdleConnTimeout)
	return o
}

// bodyLimit is the limit for one request, kept clear of overflow.
func (o *HTTPOptions) bodyLimit(req *Request) int64 {
	return min(cmp.Or(req.MaxBody, o.MaxBody), math.MaxInt-wireSlack-1)
}

func validHeader(h http.Header) error {
	for name, values := range h {
		if !httpguts.ValidHeaderFieldName(name) {
			return fmt.Errorf("%q is not a field name", name)
		}
		for _, value := range values {
			if !httpguts.ValidHeaderFieldValue(value) {
				// The value is not shown: it may be a secret.
				return fmt.Errorf("field %s has a value that cannot be sent", name)
			}
		}
	}
	return nil
}

func parseProxies(raw []string) ([]*url.URL, error) {
	var faults []error
	proxies := make([]*url.URL, 0, len(raw))
	for i, text := range raw {
		u, err := parseProxy(text)
		if err != nil {
			faults = append(faults, fmt.Errorf("number %d: %w", i+1, err))
			continue
		}
		proxies = append(proxies, u)
	}
	return proxies, errors.Join(faults...)
}

func parseProxy(raw string) (*url.URL, error) {
	u, err := parseURL(raw)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
		return u, nil
	default:
		return nil, fmt.Errorf("scheme %q is not http, https, socks5 or socks5h", u.Scheme)
	}
}
