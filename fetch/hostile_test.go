package fetch

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestHostileServers(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	reset := func(text string) func(net.Conn) {
		return func(conn net.Conn) {
			_, _ = conn.Write([]byte(text))
			_ = conn.(*net.TCPConn).SetLinger(0)
		}
	}
	flood := func(conn net.Conn) {
		_, _ = conn.Write([]byte(ok))
		for range 4096 {
			if _, err := conn.Write([]byte("X-Flood: " + strings.Repeat("x", 1000) + "\r\n")); err != nil {
				return
			}
		}
	}
	endless := func(conn net.Conn) {
		_, _ = conn.Write([]byte(ok + "\r\n"))
		for {
			if _, err := conn.Write(page); err != nil {
				return
			}
		}
	}
	tests := []struct {
		name  string
		serve func(net.Conn)
		want  Kind
	}{
		{"closes at once", sends(""), KindReset},
		{"closes inside the header", sends(ok + "X-A: b"), KindReset},
		{"resets at once", reset(""), KindReset},
		{"resets inside the body", reset(ok + "Content-Length: 100\r\n\r\nhalf"), KindReset},
		{"body is short", sends(ok + "Content-Length: 100\r\n\r\nhalf"), KindBody},
		{"length is a lie", sends(ok + "Content-Length: 30000000\r\n\r\nhalf"), KindBody},
		{"length is huge", sends(ok + "Content-Length: 1000000000000\r\n\r\nhalf"), KindTooLarge},
		{"length is no number", sends(ok + "Content-Length: many\r\n\r\nhalf"), KindProtocol},
		{"lengths differ", sends(ok + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nhalf"), KindProtocol},
		{"chunk size is no number", sends(ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\nhalf\r\n0\r\n\r\n"), KindBody},
		{"chunks end early", sends(ok + "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"), KindBody},
		{"not HTTP", sends("220 mail.example ESMTP\r\n"), KindProtocol},
		{"header flood", flood, KindProtocol},
		{"endless body", endless, KindTooLarge},
	}
	session := newSession(t, HTTPOptions{MaxHeaderBytes: 64 << 10})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fault := failure(t, session, &Request{URL: rawServer(t, test.serve)}, test.want)
			if fault.HostDown() {
				t.Error("counts as the host being down")
			}
			if want := test.want == KindReset || test.want == KindBody; fault.Retryable() != want {
				t.Errorf("retryable is %v", fault.Retryable())
			}
		})
	}
}

func TestBodyLongerThanItsLength(t *testing.T) {
	url := rawServer(t, sends("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nhalf and more"))
	if got := string(get(t, newSession(t, HTTPOptions{}), url).Body); got != "half" {
		t.Errorf("body is %q", got)
	}
}

func TestRefusedConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	fault := failure(t, newSession(t, HTTPOptions{}), &Request{URL: url}, KindConnect)
	if !fault.Retryable() || !fault.HostDown() || !fault.NetworkUp() || !errors.Is(fault, syscall.ECONNREFUSED) {
		t.Errorf("got %v", fault)
	}
}

// A host that goes away between two requests is down, although there was a
// connection to it.
func TestGoneBetweenRequests(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		requests := bufio.NewReader(conn)
		_, _ = http.ReadRequest(requests)
		_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
		_, _ = http.ReadRequest(requests)
		_ = listener.Close()
		_ = conn.Close()
	}()
	session := newSession(t, HTTPOptions{})
	url := "http://" + listener.Addr().String()
	get(t, session, url)
	fails(t, session, &Request{URL: url}, KindConnect)
	<-served
}

func TestUnknownName(t *testing.T) {
	session := newSession(t, HTTPOptions{})
	resolver := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server here")
	}}
	session.transport.(*http.Transport).DialContext = dialFunc(&net.Dialer{Resolver: resolver}, false)
	fault := failure(t, session, &Request{URL: "http://does-not-exist.invalid/"}, KindDNS)
	if !fault.Retryable() || !fault.HostDown() {
		t.Errorf("retryable %v, host down %v", fault.Retryable(), fault.HostDown())
	}
}

func TestNotTLS(t *testing.T) {
	url := rawServer(t, sends("HTTP/1.1 400 Bad Request\r\n\r\n"))
	fails(t, newSession(t, HTTPOptions{}), &Request{URL: strings.Replace(url, "http:", "https:", 1)}, KindTLS)
	url = rawServer(t, sends(""))
	fault := failure(t, newSession(t, HTTPOptions{}), &Request{URL: strings.Replace(url, "http:", "https:", 1)}, KindConnect)
	if !fault.Retryable() {
		t.Error("a handshake cut off is not retryable")
	}
}

// TestTimeouts runs each phase against a server that stalls in it, on a clock
// that jumps.
func TestTimeouts(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
	silent := func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }
	stall := func(text string) func(net.Conn) {
		return func(conn net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(conn))
			_, _ = conn.Write([]byte(text))
			silent(conn)
		}
	}
	drip := func(conn net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(conn))
		_, _ = conn.Write([]byte(head))
		for range time.Tick(time.Second) {
			if _, err := conn.Write([]byte(".")); err != nil {
				return
			}
		}
	}
	tests := []struct {
		name    string
		options HTTPOptions
		req     Request
		serve   func(net.Conn) // nil: connecting never ends
		want    Kind
		after   time.Duration
		text    string
	}{
		{"header, by default", HTTPOptions{Timeout: time.Hour}, Request{}, silent, KindTimeout, 30 * time.Second, "awaiting response headers"},
		{"header", HTTPOptions{HeaderTimeout: 3 * time.Second}, Request{}, silent, KindTimeout, 3 * time.Second, "awaiting response headers"},
		{"no answer, whole", HTTPOptions{Timeout: 2 * time.Second}, Request{}, silent, KindTimeout, 2 * time.Second, "within 2s"},
		{"idle body, by default", HTTPOptions{}, Request{}, stall(head + "a"), KindTimeout, 15 * time.Second, "no bytes of the body for 15s"},
		{"idle body", HTTPOptions{IdleTimeout: time.Second}, Request{}, stall(head), KindTimeout, time.Second, "no bytes of the body for 1s"},
		{"drip, by default", HTTPOptions{}, Request{}, drip, KindTimeout, 30 * time.Second, "within 30s"},
		{"drip, request's own", HTTPOptions{}, Request{Timeout: 5 * time.Second}, drip, KindTimeout, 5 * time.Second, "within 5s"},
		{"handshake", HTTPOptions{}, Request{URL: "https://a.example/"}, silent, KindConnect, 10 * time.Second, "handshake timeout"},
		{"connecting, whole", HTTPOptions{Timeout: 4 * time.Second}, Request{}, nil, KindConnect, 4 * time.Second, "within 4s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				session, err := NewHTTP(test.options)
				if err != nil {
					t.Fatal(err)
				}
				var serving sync.WaitGroup
				session.transport.(*http.Transport).DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
					if test.serve == nil {
						<-ctx.Done()
						return nil, ctx.Err()
					}
					client, server := net.Pipe()
					serving.Go(func() {
						test.serve(server)
						_ = server.Close()
					})
					return client, nil
				}
				if test.req.URL == "" {
					test.req.URL = "http://a.example/"
				}
				started := time.Now()
				fault := failure(t, session, &test.req, test.want)
				if took := time.Since(started); took != test.after {
					t.Errorf("took %v, want %v", took, test.after)
				}
				if !strings.Contains(fault.Error(), test.text) {
					t.Errorf("%q does not say %q", fault, test.text)
				}
				if !fault.Retryable() || fault.HostDown() != (test.want == KindConnect) {
					t.Errorf("retryable %v, host down %v", fault.Retryable(), fault.HostDown())
				}
				if err := session.Close(); err != nil {
					t.Error(err)
				}
				serving.Wait()
			})
		})
	}
}

func TestKindNames(t *testing.T) {
	seen := map[string]bool{}
	for kind := KindDNS; kind <= KindInvalid; kind++ {
		name := kind.String()
		if name == "unknown" || seen[name] {
			t.Errorf("kind %d is called %q", kind, name)
		}
		seen[name] = true
	}
	if Kind(0).String() != "unknown" {
		t.Errorf("the zero kind is called %q", Kind(0))
	}
}

func TestRedactURL(t *testing.T) {
	for raw, want := range map[string]string{
		"http://a.example/x@y":             "http://a.example/x@y",
		"http://ann:pw@a.example/":         "http://xxxxx@a.example/",
		"http://ann:p@w@a.example?q=a@b":   "http://xxxxx@a.example?q=a@b",
		"ann:pw@a.example":                 "xxxxx@a.example",
		"//ann:pw@a.example#f":             "//xxxxx@a.example#f",
		"http://ann:p/w@a.example/":        "http://xxxxx@a.example/",
		"":                                 "",
		"http://a.example/?u=http://b:c@d": "http://a.example/?u=http://b:c@d",
	} {
		if got := redactURL(raw); got != want {
			t.Errorf("redactURL(%q) is %q, want %q", raw, got, want)
		}
	}
}
