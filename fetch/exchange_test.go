package fetch

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestHeaderTimeout is about what the wait for the response header is, and what
// is not part of it, on a clock that jumps.
func TestHeaderTimeout(t *testing.T) {
	const answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
	silent := func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }
	once := func(conn net.Conn) {
		requests := bufio.NewReader(conn)
		_, _ = http.ReadRequest(requests)
		_, _ = conn.Write([]byte(answer + "body"))
		_, _ = http.ReadRequest(requests)
	}
	slowReader := func(conn net.Conn) {
		part := make([]byte, 8<<10)
		for range 4 {
			time.Sleep(time.Second)
			_, _ = io.ReadFull(conn, part)
		}
		go silent(conn)
		_, _ = conn.Write([]byte(answer + "body"))
	}
	slowBody := func(conn net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(conn))
		_, _ = conn.Write([]byte(answer))
		for part := range strings.SplitSeq("body", "") {
			time.Sleep(time.Second)
			_, _ = conn.Write([]byte(part))
		}
	}
	tests := []struct {
		name    string
		conns   []func(net.Conn) // each connection takes 3 seconds
		req     Request
		foreign bool
		want    Kind
		after   time.Duration
	}{
		{name: "connecting", conns: []func(net.Conn){once}, after: 3 * time.Second},
		{name: "silence", conns: []func(net.Conn){silent}, want: KindTimeout, after: 5 * time.Second},
		{name: "sending", conns: []func(net.Conn){slowReader}, req: Request{Body: make([]byte, 32<<10)}, after: 7 * time.Second},
		{name: "body", conns: []func(net.Conn){slowBody}, after: 7 * time.Second},
		{name: "foreign transport", conns: []func(net.Conn){silent}, foreign: true, want: KindTimeout, after: 20 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fetchOver(t, test.conns, test.foreign, func(session *HTTP) {
					test.req.URL = "http://a.example/"
					began := time.Now()
					res, err := session.Fetch(t.Context(), &test.req)
					if test.want != 0 {
						_ = wantKind(t, res, err, test.want)
					} else if err != nil || string(res.Body) != "body" {
						t.Errorf("got %+v, %v", res, err)
					}
					if took := time.Since(began); took != test.after {
						t.Errorf("took %v, want %v", took, test.after)
					}
				})
			})
		})
	}
	t.Run("second connection", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			fetchOver(t, []func(net.Conn){once, once}, false, func(session *HTTP) {
				for range 2 { // the second request breaks the first connection
					if body := get(t, session, "http://a.example/").Body; string(body) != "body" {
						t.Errorf("body is %q", body)
					}
				}
			})
		})
	})
}

// A stream of HTTP/2 has the same clock.
func TestHeaderTimeoutOfStream(t *testing.T) {
	over := make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/silent" {
			<-r.Context().Done()
			close(over)
		}
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	session := newSession(t, HTTPOptions{InsecureTLS: true, HeaderTimeout: 100 * time.Millisecond})
	if res := get(t, session, server.URL); res.Proto != "HTTP/2.0" {
		t.Fatalf("the protocol is %s", res.Proto)
	}
	fault := failure(t, session, &Request{URL: server.URL + "/silent"}, KindTimeout)
	if !strings.Contains(fault.Error(), "awaiting response headers") {
		t.Errorf("got %v", fault)
	}
	<-over // the server is told
	get(t, session, server.URL)
}

// fetchOver runs fetch with a session whose connections are served in turn.
func fetchOver(t *testing.T, conns []func(net.Conn), foreign bool, fetch func(*HTTP)) {
	t.Helper()
	var serving sync.WaitGroup
	dial := func(context.Context, string, string) (net.Conn, error) {
		time.Sleep(3 * time.Second)
		client, server := net.Pipe()
		serve := conns[0]
		conns = conns[1:]
		serving.Go(func() {
			serve(server)
			_ = server.Close()
		})
		return client, nil
	}
	options := HTTPOptions{HeaderTimeout: 2 * time.Second, Timeout: 20 * time.Second}
	if foreign {
		options.Transport = &http.Transport{DialContext: dial}
	}
	session, err := NewHTTP(options)
	if err != nil {
		t.Fatal(err)
	}
	if !foreign {
		session.transport.(*http.Transport).DialContext = dial
	}
	fetch(session)
	if err := session.Close(); err != nil {
		t.Error(err)
	}
	serving.Wait()
}
