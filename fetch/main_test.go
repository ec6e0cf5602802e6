package fetch

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newSession makes a session that is closed with the test.
func newSession(tb testing.TB, options HTTPOptions) *HTTP {
	tb.Helper()
	session, err := NewHTTP(options)
	if err != nil {
		tb.Fatalf("NewHTTP: %v", err)
	}
	tb.Cleanup(func() {
		if err := session.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return session
}

func newServer(tb testing.TB, handler http.HandlerFunc) *httptest.Server {
	tb.Helper()
	server := httptest.NewServer(handler)
	tb.Cleanup(server.Close)
	return server
}

// rawServer speaks bytes: serve gets each connection once the request's first
// bytes have come, and the connection is closed after it.
func rawServer(tb testing.TB, serve func(net.Conn)) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			var request [4096]byte
			if _, err := conn.Read(request[:]); err == nil {
				serve(conn)
			}
			_ = conn.Close()
		}
	}()
	tb.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return "http://" + listener.Addr().String() + "/"
}

func sends(text string) func(net.Conn) {
	return func(conn net.Conn) { _, _ = conn.Write([]byte(text)) }
}

func get(tb testing.TB, session Session, url string) *Response {
	tb.Helper()
	res, err := session.Fetch(context.Background(), &Request{URL: url})
	if err != nil {
		tb.Fatalf("Fetch: %v", err)
	}
	return res
}

// fails fetches and checks the kind of the error.
func fails(tb testing.TB, session Session, req *Request, want Kind) {
	tb.Helper()
	_ = failure(tb, session, req, want)
}

// failure is fails for those who look closer.
func failure(tb testing.TB, session Session, req *Request, want Kind) *Error {
	tb.Helper()
	res, err := session.Fetch(context.Background(), req)
	return wantKind(tb, res, err, want)
}

func wantKind(tb testing.TB, res *Response, err error, want Kind) *Error {
	tb.Helper()
	fault, ok := errors.AsType[*Error](err)
	if !ok {
		tb.Fatalf("got response %+v and error %v, want an *Error", res, err)
	}
	if fault.Kind != want {
		tb.Fatalf("got kind %v (%v), want %v", fault.Kind, err, want)
	}
	return fault
}
