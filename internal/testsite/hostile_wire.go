package testsite

import (
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// The beginning of an answer, and the whole header of one.
const (
	okLine   = "HTTP/1.1 200 OK\r\n"
	okHeader = okLine + "Content-Type: text/html\r\nConnection: close\r\n\r\n"
	chunked  = okLine + "Transfer-Encoding: chunked\r\n\r\n"
)

// dripEvery is the time between two bytes of a server that drips.
const dripEvery = 20 * time.Millisecond

// silentTraps take their time, or leave.
func silentTraps() []Trap {
	listen := func(conn net.Conn, _ string) { _, _ = io.Copy(io.Discard, conn) }
	reset := func(text string) func(net.Conn, string) {
		return func(conn net.Conn, _ string) {
			say(conn, text)
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
		}
	}
	drip := func(text string) func(net.Conn, string) {
		return func(conn net.Conn, _ string) {
			say(conn, text)
			for range time.Tick(dripEvery) {
				if _, err := conn.Write([]byte("x")); err != nil {
					return
				}
			}
		}
	}
	return []Trap{
		{Name: "never answers", spring: listen, early: true, Robots: true},
		{Name: "never answers a page", spring: listen},
		{Name: "closes at once", spring: says(""), early: true, Robots: true},
		{Name: "closes instead of answering", spring: says("")},
		{Name: "resets instead of answering", spring: reset(""), Robots: true},
		{Name: "resets inside the header", spring: reset(okLine + "X-A: b")},
		{Name: "resets inside the body", spring: reset(okLine + "Content-Length: 100\r\n\r\nhalf")},
		{Name: "header drips", spring: drip(okLine + "X-A: ")},
		{Name: "body drips", spring: drip(okHeader)},
		{Name: "stops inside the body", spring: func(conn net.Conn, path string) {
			say(conn, okLine+"Content-Length: 100\r\n\r\nhalf")
			listen(conn, path)
		}},
	}
}

// headerTraps send headers that are too much, or none.
func headerTraps() []Trap {
	var binary strings.Builder
	for i := range 4096 {
		binary.WriteByte(byte(i * 7919 >> 3))
	}
	return []Trap{
		{Name: "endless header", spring: forEver(okLine, "X-Flood: "+strings.Repeat("x", 1000)+"\r\n")},
		{Name: "endless header line", spring: forEver(okLine+"X-Flood: ", "x")},
		{Name: "thousands of fields", spring: forEver(okLine, "a:\r\n")},
		{Name: "endless status line", spring: forEver("HTTP/1.1 200 ", "x")},
		{Name: "status line of a megabyte", spring: says("HTTP/1.1 200 " + strings.Repeat("x", 1<<20) + "\r\n\r\n")},
		{Name: "endless 1xx answers", spring: forEver("", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")},
		{Name: "endless 100 answers", spring: forEver("", "HTTP/1.1 100 Continue\r\n\r\n")},
		{Name: "switches protocols", spring: forEver("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "x")},
		{Name: "HTTP/0.9", spring: says("<html><p>hello</html>")},
		{Name: "another protocol", spring: says("220 mail.example ESMTP\r\n")},
		{Name: "binary", spring: says(binary.String())},
		{Name: "endless NULs", spring: forEver("", "\x00")},
		{Name: "NUL in a field name", spring: says(okLine + "X\x00A: b\r\n\r\n")},
		{Name: "NUL in a field value", spring: page("X-A: b\x00c\r\n", "<p>hello")},
		{Name: "field without a colon", spring: says(okLine + "nothing\r\n\r\n")},
		{Name: "HTTP/9.9", spring: says("HTTP/9.9 200 OK\r\nConnection: close\r\n\r\nhello")},
	}
}

// statusTraps answer with statuses that nobody has heard of.
func statusTraps() []Trap {
	var traps []Trap
	for _, status := range []string{"0", "000", "99", "099", "600", "999", "1000", "-200", "2OO"} {
		traps = append(traps, Trap{
			Name: "status " + status, spring: says("HTTP/1.1 " + status + " Strange\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"),
		})
	}
	return traps
}

// lengthTraps send bodies that end too early, too late or never.
func lengthTraps() []Trap {
	length := func(n string) func(net.Conn, string) {
		return says(okLine + "Connection: close\r\nContent-Length: " + n + "\r\n\r\nhalf")
	}
	return []Trap{
		{Name: "endless body", spring: forEver(okHeader, "<p>hello</p>")},
		{Name: "endless chunks", spring: forEver(chunked, "80\r\n"+strings.Repeat("x", 0x80)+"\r\n")},
		{Name: "body shorter than its length", spring: length("100")},
		{Name: "body longer than its length", spring: length("2")},
		{Name: "length beyond the limit", spring: length("1000000000000")},
		{Name: "length beyond counting", spring: length("99999999999999999999")},
		{Name: "negative length", spring: length("-4")},
		{Name: "length is no number", spring: length("many")},
		{Name: "two lengths", spring: length("3\r\nContent-Length: 4")},
		{Name: "length and chunks", spring: says(okLine + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")},
		{Name: "chunk size is no number", spring: says(chunked + "zz\r\nhalf\r\n0\r\n\r\n")},
		{Name: "chunk size is negative", spring: says(chunked + "-5\r\nhello\r\n0\r\n\r\n")},
		{Name: "chunk size is huge", spring: says(chunked + "fffffffffffffffff\r\nhello\r\n0\r\n\r\n")},
		{Name: "chunk ends early", spring: says(chunked + "400\r\nhalf")},
		{Name: "no last chunk", spring: says(chunked + "4\r\nhalf\r\n")},
		{Name: "endless chunk extension", spring: forEver(chunked+"5;", "x")},
		{Name: "chunk extensions flood", spring: forEver(chunked, fmt.Sprintf("1;%s\r\nx\r\n", strings.Repeat("x", 1000)))},
		{Name: "endless trailer", spring: forEver(chunked+"5\r\nhello\r\n0\r\n", "X-A: b\r\n")},
		{Name: "unknown transfer coding", spring: says(okLine + "Transfer-Encoding: cloth\r\n\r\nhello")},
	}
}
