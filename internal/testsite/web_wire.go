package testsite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"
)

// Start serves the web on one listener of 127.0.0.1 until the test ends. The
// transport that it returns connects there whatever the host, except to hosts that
// refuse or do not exist.
func (w *Web) Start(tb TB) *http.Transport {
	tb.Helper()
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("fake web: %v", err)
	}
	server := &http.Server{Handler: w, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	address := listener.Addr().String()
	transport := wire(w.admit, func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	})
	tb.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close() // cuts off whom the web keeps waiting
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			tb.Errorf("fake web: %v", err)
		}
	})
	return transport
}

// InProcess returns a transport to the web that needs no sockets, see [Pipes].
func (w *Web) InProcess() *http.Transport { return Pipes(w, w.admit) }

// Pipes returns a transport to a handler that needs no sockets: each request has
// a pipe of its own, with net/http at both ends, so that it works in a bubble of
// testing/synctest and nothing has to be closed after it. What is below HTTP can be
// tested as well: handlers may hijack. admit, if not nil, may refuse a connection to
// a host.
func Pipes(handler http.Handler, admit func(host string) error) *http.Transport {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	transport := wire(admit, func(context.Context) (net.Conn, error) {
		near, far := newPipe()
		// It returns when the listener has no more, with the connection served beside it.
		if err := server.Serve(&single{conn: far}); !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("serve pipe: %w", err)
		}
		return near, nil
	})
	transport.DisableKeepAlives = true
	return transport
}

// wire is a transport whose connections are made by dial, TLS or not.
func wire(admit func(host string) error, dial func(context.Context) (net.Conn, error)) *http.Transport {
	connect := func(ctx context.Context, _, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err == nil && admit != nil {
			err = admit(host)
		}
		if err != nil {
			return nil, err
		}
		return dial(ctx)
	}
	return &http.Transport{
		DialContext: connect, DialTLSContext: connect,
		DisableCompression: true, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 1 << 20,
	}
}

// admit lets a connection to a host be made, or not.
func (w *Web) admit(host string) error {
	h, ok := w.hostNumber(host)
	fault := Fault{Kind: NoSuchHost}
	if ok {
		fault = w.hostFault(h)
	}
	if !w.befalls(fault, host) {
		return nil
	}
	now := time.Now()
	w.record(Visit{Host: host, Start: now, End: now, Fault: fault.Kind})
	if fault.Kind == NoSuchHost {
		return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
	}
	return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}

// single is a listener of one connection.
type single struct {
	conn net.Conn
}

// Accept returns the connection, then [io.EOF].
func (s *single) Accept() (net.Conn, error) {
	conn := s.conn
	s.conn = nil
	if conn == nil {
		return nil, io.EOF
	}
	return conn, nil
}

// Close does nothing: the connection outlives the listener.
func (s *single) Close() error { return nil }

// Addr says that there is no address.
func (s *single) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// pipeEnd is one end of a pipe that can be reset as a TCP connection can.
type pipeEnd struct {
	net.Conn
	broken *atomic.Bool // of both ends
}

func newPipe() (near, far net.Conn) {
	a, b := net.Pipe()
	broken := new(atomic.Bool)
	return &pipeEnd{a, broken}, &pipeEnd{b, broken}
}

// Read tells a reset from an end.
func (p *pipeEnd) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if errors.Is(err, io.EOF) && p.broken.Load() {
		err = &net.OpError{Op: "read", Net: "pipe", Err: syscall.ECONNRESET}
	}
	return n, err
}

// reset closes a connection so that the other end sees it break.
func reset(conn net.Conn) {
	switch c := conn.(type) {
	case *pipeEnd:
		c.broken.Store(true)
	case *net.TCPConn:
		_ = c.SetLinger(0) // then Close sends RST
	}
	_ = conn.Close()
}

// breakHTTP takes the connection from the server and breaks the rules on it.
func breakHTTP(rw http.ResponseWriter, visit *Visit, b body) {
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer func() { _ = conn.Close() }()
	visit.Status = http.StatusOK
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: %s\r\nConnection: close\r\n", b.kind)
	sized := func(n int) []byte { return fmt.Appendf(nil, "%sContent-Length: %d\r\n\r\n", head, n) }
	// What a client that left does not take is no loss.
	switch visit.Fault {
	case Reset:
		_, _ = conn.Write(append(sized(len(b.data)), b.data[:len(b.data)/2]...))
		reset(conn)
	case LongLength:
		_, _ = conn.Write(append(sized(len(b.data)+1000), b.data...))
	case ShortLength:
		_, _ = conn.Write(append(sized(b.cut), b.data...))
	case BadChunks:
		_, _ = conn.Write([]byte(head + "Transfer-Encoding: chunked\r\n\r\n5\r\n<html\r\nzz\r\nno chunk\r\n"))
	case HeaderFlood:
		flood(conn, head)
	case Refused, NoSuchHost, NotFound, ServerError, Busy, TooMany, Forbidden, Captcha,
		Drip, Endless, Bomb, BadMarkup, Silence: // need no broken rules
	}
}

// flood sends header fields until the client has enough, 64 MB at most.
func flood(conn net.Conn, head string) {
	field := []byte("X-Flood: " + string(bytes.Repeat([]byte("water "), 100)) + "\r\n")
	piece := append([]byte(head), bytes.Repeat(field, 100)...)
	for range 1000 {
		if _, err := conn.Write(piece); err != nil {
			return
		}
		piece = piece[len(head):]
		head = ""
	}
}
