package fetch

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

func newTransport(options *HTTPOptions) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(!options.NoHTTP2)
	dialer := &net.Dialer{Timeout: options.DialTimeout, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy: func(out *http.Request) (*url.URL, error) {
			if call := exchangeFrom(out.Context()); call != nil {
				return call.proxy, nil
			}
			return nil, nil
		},
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, in *http.Response) error {
			if in.StatusCode != http.StatusOK {
				return kindErrorf(KindProxy, "proxy answered %q to CONNECT", in.Status)
			}
			return nil
		},
		DialContext:            dialFunc(dialer, options.DenyPrivateNetworks),
		TLSClientConfig:        &tls.Config{InsecureSkipVerify: options.InsecureTLS}, //nolint:gosec // the user's choice, off by default
		TLSHandshakeTimeout:    options.TLSTimeout,
		DisableCompression:     true, // the body is decoded here, behind a limit
		MaxConnsPerHost:        options.MaxConnsPerHost,
		MaxIdleConns:           options.MaxIdleConns,
		MaxIdleConnsPerHost:    options.MaxIdleConnsPerHost,
		IdleConnTimeout:        options.IdleConnTimeout,
		MaxResponseHeaderBytes: options.MaxHeaderBytes,
		ReadBufferSize:         16 << 10,
		Protocols:              protocols,
		// Without pings a dead HTTP/2 connection takes every request with it
		// until the kernel gives up, minutes later.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
	}
}

// dialFunc connects, to public addresses only if private ones are denied. A
// proxy is the user's own and may be anywhere.
func dialFunc(open *net.Dialer, denyPrivate bool) func(context.Context, string, string) (net.Conn, error) {
	if !denyPrivate {
		return open.DialContext
	}
	guarded := *open
	guarded.Control = func(network, address string, conn syscall.RawConn) error {
		if err := checkPublic(address); err != nil || open.Control == nil {
			return err
		}
		return open.Control(network, address, conn)
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if call := exchangeFrom(ctx); call != nil && call.proxy != nil {
			return open.DialContext(ctx, network, address)
		}
		return guarded.DialContext(ctx, network, address)
	}
}
