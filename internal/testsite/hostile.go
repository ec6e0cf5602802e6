package testsite

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
)

// A Trap is one way for a web server to misbehave. Its host has one page, "/",
// and what that leads to.
type Trap struct {
	// Name says what the server does, in few words.
	Name string
	// Robots says that asking for robots.txt is enough to meet the trap. Other
	// hosts answer that with 404.
	Robots bool

	scheme string                           // "" is http
	early  bool                             // the request is not waited for
	spring func(conn net.Conn, path string) // the connection is closed after it
}

// Traps are all of them. What is large without being endless has about size
// bytes, links or levels.
func Traps(size int) []Trap {
	var all []Trap
	for _, group := range [][]Trap{
		silentTraps(), headerTraps(), statusTraps(), lengthTraps(), bombs(size),
		cookieTraps(), redirectTraps(), robotsTraps(size), busyTraps(), pageTraps(size), tlsTraps(),
	} {
		all = append(all, group...)
	}
	return all
}

// Start serves the trap on 127.0.0.1 until the test ends and returns its base
// URL, which has no slash at its end.
func (t *Trap) Start(tb TB) (baseURL string) {
	tb.Helper()
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("hostile server: %v", err)
	}
	server := &trapServer{trap: t, conns: map[net.Conn]struct{}{}}
	server.serving.Go(func() { server.accept(listener) })
	tb.Cleanup(func() {
		_ = listener.Close()
		server.end()
	})
	scheme := "http"
	if t.scheme != "" {
		scheme = t.scheme
	}
	return scheme + "://" + listener.Addr().String()
}

// A trapServer keeps its connections, so that the end of a test ends them.
type trapServer struct {
	trap    *Trap
	serving sync.WaitGroup

	mu    sync.Mutex
	ended bool
	conns map[net.Conn]struct{}
}

func (s *trapServer) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		if !s.keep(conn) {
			_ = conn.Close()
			return
		}
		s.serving.Go(func() {
			defer s.drop(conn)
			s.serve(conn)
		})
	}
}

func (s *trapServer) serve(conn net.Conn) {
	if s.trap.early {
		s.trap.spring(conn, "")
		return
	}
	req, err := http.ReadRequest(bufio.NewReader(conn))
	switch {
	case err != nil:
	case req.URL.Path == "/robots.txt" && !s.trap.Robots:
		say(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	default:
		s.trap.spring(conn, req.URL.Path)
	}
}

func (s *trapServer) keep(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.conns[conn] = struct{}{}
	return true
}

func (s *trapServer) drop(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
	_ = conn.Close()
}

func (s *trapServer) end() {
	s.mu.Lock()
	s.ended = true
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.serving.Wait()
}

// say writes; whoever has hung up is not missed.
func say(conn net.Conn, text string) { _, _ = conn.Write([]byte(text)) }

// says is a trap that says one thing, whatever it is asked.
func says(text string) func(net.Conn, string) {
	return func(conn net.Conn, _ string) { say(conn, text) }
}

// forEver says something, and then something else until nobody listens. What is
// repeated is gathered, so that it is the reader that has the work.
func forEver(first, again string) func(net.Conn, string) {
	again = strings.Repeat(again, max(1, 32<<10/len(again)))
	return func(conn net.Conn, _ string) {
		say(conn, first)
		for {
			if _, err := conn.Write([]byte(again)); err != nil {
				return
			}
		}
	}
}

// page is a whole answer with a body of HTML.
func page(header, body string) func(net.Conn, string) {
	return says("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n" + header + "\r\n" + body)
}
