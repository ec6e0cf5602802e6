package fetch

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func ExamplePrivateHost() {
	for _, host := range []string{"example.com", "localhost", "192.168.1.1", "0x7f.1", "[fd00::1]", "1.1.1.1"} {
		fmt.Println(host, PrivateHost(host))
	}
	// Output:
	// example.com false
	// localhost true
	// 192.168.1.1 true
	// 0x7f.1 true
	// [fd00::1] true
	// 1.1.1.1 false
}

func TestPrivateHost(t *testing.T) {
	for host, private := range map[string]bool{
		"127.0.0.1": true, "127.0.0.1.": true, "127.1": true, "2130706433": true, "0x7f000001": true, "017700000001": true,
		"0x7f.0.0.1": true, "0177.0.0.01": true, "0xa.0x0.0x0.0x1": true, "10.1": true, "192.168.257": true, "0": true, "0x0": true,
		"0xA9FEA9FE": true, "169.254.169.254": true,
		"::1": true, "[::1]": true, "::ffff:10.0.0.1": true, "[::ffff:7f00:1]": true, "64:ff9b::7f00:1": true, "64:ff9b:1::1": true,
		"2002:7f00:1::": true, "fe80::1%eth0": true, "fd00::1": true, "::127.0.0.1": true,
		"LOCALHOST": true, "localhost.": true, "a.localhost": true,
		"localhost.example": false, "example.com": false, "1.1.1.1": false, "16843009": false, "0x01010101": false, "[2606:4700::1111]": false,
		"127.0.0.1.example": false, "1.2.3.4.5": false, "256.1.1.1": false, "4294967296": false, "1_0.1": false, "": false, "10.": true,
	} {
		if got := PrivateHost(host); got != private {
			t.Errorf("%q: private %v, want %v", host, got, private)
		}
	}
}

// nameServer answers queries for A records over pipes; for all else there are no
// records.
type nameServer struct {
	mu      sync.Mutex
	ended   bool
	serving sync.WaitGroup
	queries atomic.Int64
	answer  func(n int) (dnsmessage.RCode, string) // "" is no address, and RCode 15 no answer at all
}

const noAnswer = dnsmessage.RCode(15)

func (s *nameServer) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, StrictErrors: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.ended || ctx.Err() != nil {
			return nil, net.ErrClosed
		}
		client, server := net.Pipe()
		context.AfterFunc(ctx, func() { _ = server.Close() })
		s.serving.Go(func() {
			_ = s.serve(server)
			_ = server.Close()
		})
		return client, nil
	}}
}

// end waits for lookups that nobody waits for any more.
func (s *nameServer) end() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.serving.Wait()
}

// serve speaks DNS as over TCP: each message with its length in front.
func (s *nameServer) serve(conn net.Conn) error {
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return err
	}
	raw := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, raw); err != nil {
		return err
	}
	var query, reply dnsmessage.Message
	if err := query.Unpack(raw); err != nil {
		return err
	}
	reply.Header = dnsmessage.Header{ID: query.ID, Response: true, RecursionAvailable: true}
	reply.Questions = query.Questions
	if question := query.Questions[0]; question.Type == dnsmessage.TypeA {
		code, address := s.answer(int(s.queries.Add(1)) - 1)
		reply.RCode = code
		if addr, err := netip.ParseAddr(address); err == nil {
			reply.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: question.Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET},
				Body:   &dnsmessage.AResource{A: addr.As4()},
			}}
		}
		if code == noAnswer {
			_, err := io.Copy(io.Discard, conn)
			return err
		}
	} else { // what is wrong with a name is wrong for every kind of address
		reply.RCode, _ = s.answer(max(int(s.queries.Load())-1, 0))
	}
	out, err := reply.Pack()
	if err != nil {
		return err
	}
	_, err = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...))
	return err
}

var errUnplugged = errors.New("unplugged")

// unplugged is a guarded session whose names are resolved by s, and which connects
// to nothing.
func unplugged(t *testing.T, s *nameServer) *HTTP {
	t.Helper()
	t.Cleanup(s.end)
	session := newSession(t, HTTPOptions{DenyPrivateNetworks: true, DialTimeout: 200 * time.Millisecond})
	session.transport.(*http.Transport).DialContext = dialFunc(&net.Dialer{
		Timeout:  session.options.DialTimeout,
		Resolver: s.resolver(),
		Control:  func(string, string, syscall.RawConn) error { return errUnplugged },
	}, true)
	return session
}

// TestRebinding asks twice for a name that is public at first and private then, as
// names do that want to get behind the check of somebody who asks only once.
func TestRebinding(t *testing.T) {
	server := &nameServer{answer: func(n int) (dnsmessage.RCode, string) {
		return dnsmessage.RCodeSuccess, []string{"1.1.1.1", "127.0.0.1", "169.254.169.254"}[n]
	}}
	session := unplugged(t, server)
	req := &Request{URL: "http://rebinding.example/"}
	if fault := failure(t, session, req, KindConnect); !errors.Is(fault, errUnplugged) {
		t.Errorf("public at first: %v", fault)
	}
	fails(t, session, req, KindDenied)
	fails(t, session, req, KindDenied)
}

func TestNamesThatDoNotResolve(t *testing.T) {
	for name, code := range map[string]dnsmessage.RCode{
		"no such name": dnsmessage.RCodeNameError, "server failure": dnsmessage.RCodeServerFailure,
		"refused": dnsmessage.RCodeRefused, "no records": dnsmessage.RCodeSuccess, "no answer": noAnswer,
	} {
		t.Run(name, func(t *testing.T) {
			server := &nameServer{answer: func(int) (dnsmessage.RCode, string) { return code, "" }}
			session := unplugged(t, server)
			fault := failure(t, session, &Request{URL: "http://lost.example/"}, KindDNS)
			if !fault.Retryable() || !fault.HostDown() {
				t.Errorf("retryable %v, host down %v", fault.Retryable(), fault.HostDown())
			}
			if up := fault.NetworkUp(); up != (name == "no such name" || name == "no records") {
				t.Errorf("%v: the network is up: %v", fault, up)
			}
		})
	}
}
