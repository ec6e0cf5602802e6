package fetch

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// proxyServer is a forward proxy that asks for ann's password, both for plain
// requests and for tunnels. It adds a Via field to plain responses.
type proxyServer struct {
	*httptest.Server
	name string
	mu   sync.Mutex
	used int
}

func newProxy(t *testing.T, name string) *proxyServer {
	t.Helper()
	proxy := &proxyServer{name: name}
	proxy.Server = newServer(t, proxy.serve)
	return proxy
}

func (p *proxyServer) serve(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Proxy-Authorization") != "Basic YW5uOnMzY3JldA==" {
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	p.mu.Lock()
	p.used++
	p.mu.Unlock()
	if r.Method == http.MethodConnect {
		p.tunnel(w, r)
		return
	}
	r.Header.Del("Proxy-Authorization")
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer func() { _ = res.Body.Close() }()
	w.Header().Set("Via", p.name)
	w.WriteHeader(res.StatusCode)
	_, _ = io.Copy(w, res.Body)
}

func (p *proxyServer) tunnel(w http.ResponseWriter, r *http.Request) {
	up, err := net.Dial("tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer func() { _ = up.Close() }()
	down, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(down, "HTTP/1.1 200 OK\r\n\r\n")
	pipe(down, up)
}

// pipe copies both ways until either side ends.
func pipe(a, b net.Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(a, b)
		_ = a.Close()
	}()
	_, _ = io.Copy(b, a)
	_ = b.Close()
	<-done
}

func (p *proxyServer) url(user string) string {
	return strings.Replace(p.URL, "://", "://"+user, 1)
}

func TestProxy(t *testing.T) {
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	hello := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "" {
			t.Error("the target sees the proxy's credentials")
		}
		_, _ = io.WriteString(w, "hello")
	}
	plain := newServer(t, hello)
	secure := httptest.NewTLSServer(http.HandlerFunc(hello))
	t.Cleanup(secure.Close)
	proxy := newProxy(t, "one")
	session := newSession(t, HTTPOptions{InsecureTLS: true, Proxies: []string{proxy.url("ann:s3cret@")}})

	for i, target := range []string{plain.URL, secure.URL} {
		res := get(t, session, target)
		if string(res.Body) != "hello" || proxy.used != i+1 {
			t.Errorf("%s: body %q, proxy used %d times", target, res.Body, proxy.used)
		}
		if want := proxy.url("ann:xxxxx@"); res.Proxy != want {
			t.Errorf("Proxy is %q, want %q", res.Proxy, want)
		}
		if told := fmt.Sprint(res); strings.Contains(told, "s3cret") || strings.Contains(told, "YW5uOnMzY3JldA") {
			t.Errorf("the response tells the password: %s", told)
		}
	}

	for _, target := range []string{plain.URL, secure.URL} {
		fault := failure(t, session, &Request{URL: target, Proxy: proxy.url("ann:wr0ng@")}, KindProxy)
		if !fault.Retryable() || fault.HostDown() || strings.Contains(fault.Error(), "wr0ng") {
			t.Errorf("got %v", fault)
		}
		closed := "http://ann:wr0ng@127.0.0.1:1"
		if fault := failure(t, session, &Request{URL: target, Proxy: closed}, KindProxy); strings.Contains(fault.Error(), "wr0ng") {
			t.Errorf("got %v", fault)
		}
		notProxy := strings.Replace(rawServer(t, sends("")), "http:", "https:", 1)
		fails(t, session, &Request{URL: target, Proxy: notProxy}, KindProxy)
	}
	// A tunnel to nowhere is the proxy's word against the host's.
	fails(t, session, &Request{URL: "https://127.0.0.1:1/", Proxy: proxy.url("ann:s3cret@")}, KindProxy)
	// What is wrong behind a tunnel is not the proxy's fault.
	strict := newSession(t, HTTPOptions{Proxies: []string{proxy.url("ann:s3cret@")}})
	fails(t, strict, &Request{URL: secure.URL}, KindTLS)
}

func TestProxyRotation(t *testing.T) {
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	server := newServer(t, func(http.ResponseWriter, *http.Request) {})
	one, two, three := newProxy(t, "one"), newProxy(t, "two"), newProxy(t, "three")
	session := newSession(t, HTTPOptions{Proxies: []string{one.url("ann:s3cret@"), two.url("ann:s3cret@")}})
	var via []string
	for i := range 5 {
		req := &Request{URL: server.URL}
		if i == 2 {
			req.Proxy = three.url("ann:s3cret@")
		}
		res, err := session.Fetch(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		via = append(via, res.Header.Get("Via"))
	}
	if got := strings.Join(via, " "); got != "one two three one two" {
		t.Errorf("went by %s", got)
	}
}

// A SOCKS5 server (RFC 1928) without authentication, as far as one CONNECT.
func serveSOCKS(conn net.Conn, allow bool) {
	if _, err := conn.Write([]byte{5, 0}); err != nil { // the greeting was read
		return
	}
	head := make([]byte, 5)
	if _, err := io.ReadFull(conn, head); err != nil || head[1] != 1 {
		return
	}
	var host string
	rest := make([]byte, 4+2-1)
	if head[3] == 3 { // a name: its length is head[4]
		rest = make([]byte, int(head[4])+2)
	}
	if _, err := io.ReadFull(conn, rest); err != nil {
		return
	}
	if host = string(rest[:len(rest)-2]); head[3] == 1 {
		host = net.IP(append([]byte{head[4]}, rest[:3]...)).String()
	}
	port := binary.BigEndian.Uint16(rest[len(rest)-2:])
	if !allow {
		_, _ = conn.Write([]byte{5, 2, 0, 1, 0, 0, 0, 0, 0, 0})
		return
	}
	up, err := net.Dial("tcp", net.JoinHostPort(host, fmt.Sprint(port)))
	if err != nil {
		return
	}
	_, _ = conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	pipe(conn, up)
}

func TestSOCKS(t *testing.T) {
	server := newServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	session := newSession(t, HTTPOptions{})
	proxyURL := func(allow bool) string {
		url := rawServer(t, func(conn net.Conn) { serveSOCKS(conn, allow) })
		return strings.Replace(url, "http:", "socks5:", 1)
	}
	res, err := session.Fetch(t.Context(), &Request{URL: server.URL, Proxy: proxyURL(true)})
	if err != nil || string(res.Body) != "hello" {
		t.Errorf("got %+v, %v", res, err)
	}
	session.transport.(*http.Transport).CloseIdleConnections()
	fails(t, session, &Request{URL: server.URL, Proxy: proxyURL(false)}, KindProxy)
}

func TestProxyNeedsOurTransport(t *testing.T) {
	session := newSession(t, HTTPOptions{Transport: http.DefaultTransport})
	fails(t, session, &Request{URL: "http://a.example/", Proxy: "http://p.example"}, KindInvalid)
}

func TestDenyPrivateNetworks(t *testing.T) {
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1/", http.StatusFound)
	})
	session := newSession(t, HTTPOptions{DenyPrivateNetworks: true})
	port := server.URL[strings.LastIndexByte(server.URL, ':'):]
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "10.0.0.1", "169.254.169.254"} {
		fault := failure(t, session, &Request{URL: "http://" + host + port}, KindDenied)
		if fault.Retryable() || fault.HostDown() {
			t.Errorf("%s: retryable %v, host down %v", host, fault.Retryable(), fault.HostDown())
		}
	}
	// The proxy may be private, what is behind it may not, as far as can be seen.
	proxy := newProxy(t, "one")
	for _, target := range []string{server.URL, "http://localhost" + port, "http://foo.localhost./", "http://[fd00::1]/"} {
		fails(t, session, &Request{URL: target, Proxy: proxy.url("ann:s3cret@")}, KindDenied)
	}
	if proxy.used != 0 {
		t.Errorf("the proxy was asked %d times", proxy.used)
	}
	res, err := session.Fetch(t.Context(), &Request{URL: "http://does-not-exist.invalid/", Proxy: proxy.url("ann:s3cret@")})
	if err != nil || res.Status != http.StatusBadGateway || proxy.used != 1 {
		t.Errorf("a name behind the proxy: %+v, %v", res, err)
	}
}

// A redirect into a private network is denied where the crawl follows it: the
// hop is a request like any other.
func TestDenyPrivateRedirectTarget(t *testing.T) {
	open := newSession(t, HTTPOptions{})
	guarded := newSession(t, HTTPOptions{DenyPrivateNetworks: true})
	inner := newServer(t, func(http.ResponseWriter, *http.Request) { t.Error("reached") })
	outer := newServer(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, inner.URL, http.StatusFound) })
	res, err := open.Fetch(context.Background(), &Request{URL: outer.URL})
	if err != nil {
		t.Fatal(err)
	}
	fails(t, guarded, &Request{URL: res.Header.Get("Location")}, KindDenied)
}

func TestCheckPublic(t *testing.T) {
	for address, public := range map[string]bool{
		"1.1.1.1:80": true, "93.184.216.34:443": true, "[2606:4700::1111]:443": true, "172.32.0.1:80": true,
		"100.128.0.1:80": true, "[::ffff:1.1.1.1]:80": true,
		"127.0.0.1:80": false, "127.9.9.9:80": false, "[::1]:80": false, "0.0.0.0:80": false, "0.1.2.3:80": false, "[::]:80": false,
		"10.1.2.3:80": false, "172.16.0.1:80": false, "172.31.255.255:80": false, "192.168.1.1:80": false,
		"169.254.169.254:80": false, "[fe80::1%eth0]:80": false, "[fe80::1]:80": false,
		"100.64.0.1:80": false, "100.127.255.255:80": false,
		"[fc00::1]:80": false, "[fd12::1]:80": false, "[fec0::1]:80": false,
		"224.0.0.1:80": false, "239.1.1.1:80": false, "[ff02::1]:80": false, "255.255.255.255:80": false, "240.0.0.1:80": false,
		"[::ffff:10.0.0.1]:80": false, "[::ffff:169.254.169.254]:80": false, "[::10.0.0.1]:80": false,
		"[64:ff9b::a00:1]:80": false, "[2002:a00:1::]:80": false, "192.0.0.170:80": false, "198.18.0.1:80": false,
		"no address": false,
	} {
		if err := checkPublic(address); (err == nil) != public {
			t.Errorf("%s: %v, want public %v", address, err, public)
		}
	}
}
