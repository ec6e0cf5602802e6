package testsite

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// cookieTraps set more than anybody keeps.
func cookieTraps() []Trap {
	var flood strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&flood, "Set-Cookie: c%d=%d\r\n", i, i)
	}
	return []Trap{
		{Name: "cookie flood", spring: page(flood.String(), "<p>hello")},
		{Name: "cookie of a megabyte", spring: page("Set-Cookie: a="+strings.Repeat("x", 1<<20)+"\r\n", "<p>hello")},
		{Name: "cookie of 32 KB", spring: page("Set-Cookie: a="+strings.Repeat("x", 32<<10)+"\r\n", "<p>hello")},
		{Name: "cookie for everybody", spring: page("Set-Cookie: a=b; Domain=com\r\nSet-Cookie: ;;;=\r\n", "<p>hello")},
	}
}

func redirectTo(location string) func(net.Conn, string) {
	return says("HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 0\r\nLocation: " + location + "\r\n\r\n")
}

// redirectTraps lead nowhere.
func redirectTraps() []Trap {
	return []Trap{
		{Name: "redirect to a malformed URL", spring: redirectTo("http://[::1/%zz")},
		{Name: "redirect to a bad port", spring: redirectTo("http://a.example:99999/")},
		{Name: "redirect to a URL of a megabyte", spring: redirectTo("/" + strings.Repeat("a", 1<<20))},
		{Name: "redirect to a file", spring: redirectTo("file:///etc/passwd")},
		{Name: "redirect to mail", spring: redirectTo("mailto:a@b.example")},
		{Name: "redirect to a script", spring: redirectTo("javascript:alert(1)")},
		{Name: "redirect to data", spring: redirectTo("data:text/html,hello")},
		{Name: "redirect with control characters", spring: redirectTo("http://a.example/\x01\x02")},
		{Name: "redirect with a line break", spring: redirectTo("/a\rSet-Cookie: a=b")},
		{Name: "redirect to nothing", spring: redirectTo("")},
		{Name: "redirect with credentials", spring: func(conn net.Conn, path string) {
			if path == "/in" {
				page("", "<p>hello")(conn, path)
				return
			}
			redirectTo("http://ann:s3cret@"+conn.LocalAddr().String()+"/in")(conn, path)
		}},
		{Name: "redirect loop", spring: func(conn net.Conn, path string) {
			if path == "/a" {
				redirectTo("/b")(conn, path)
				return
			}
			redirectTo("/a")(conn, path)
		}},
		{Name: "endless redirects", spring: func(conn net.Conn, path string) {
			n, _ := strconv.Atoi(strings.Trim(path, "/"))
			redirectTo("/"+strconv.Itoa(n+1))(conn, path)
		}},
	}
}

// robotsTraps have a page that is well and a robots.txt that is not.
func robotsTraps(size int) []Trap {
	trap := func(name string, robots func(net.Conn, string)) Trap {
		return Trap{Name: name, Robots: true, spring: func(conn net.Conn, path string) {
			if strings.HasPrefix(path, "/robots") {
				robots(conn, path)
				return
			}
			page("", "<p>hello")(conn, path)
		}}
	}
	rules := "User-agent: *\nDisallow: /private/\n"
	return []Trap{
		trap("endless robots.txt", forEver(okHeader+rules, "Disallow: /x\n")),
		trap("large robots.txt", says(okHeader+rules+strings.Repeat("Disallow: /x\n", size/10))),
		trap("robots.txt with one long line", says(okHeader+rules+"Disallow: /"+strings.Repeat("*a", size/2)+"\n")),
		trap("robots.txt too long by half a rule", says(okHeader+rules+strings.Repeat("#", 500<<10-len(rules+"\nDisallow: /"))+"\nDisallow: /half\n")),
		trap("robots.txt is a page", page("", "<html><p>Disallow: /</html>")),
		trap("robots.txt is binary", says(okHeader+strings.Repeat("\x00\xff\r", 1000))),
		trap("robots.txt redirects for ever", redirectTo("/robots.txt")),
		trap("robots.txt redirects to a file", redirectTo("file:///etc/passwd")),
		trap("robots.txt speaks no HTTP", says("hello\r\n")),
		trap("robots.txt with absurd delays", says(okHeader+"User-agent: *\nCrawl-delay: -1\nCrawl-delay: nan\nRequest-rate: 0/0\nRequest-rate: 9/0s\n")),
	}
}

// busyTraps are busy at first, and say absurd things about how long.
func busyTraps() []Trap {
	var traps []Trap
	for _, after := range []string{"-5", "soon", "", "0", "1e9", "Thu, 01 Jan 1970 00:00:00 GMT"} {
		name := "Retry-After: " + after
		traps = append(traps, Trap{Name: name, spring: says(
			"HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\nRetry-After: " + after + "\r\n\r\n")})
	}
	return traps
}

// pageTraps are pages that are work to read.
func pageTraps(size int) []Trap {
	var links strings.Builder
	for i := range size {
		fmt.Fprintf(&links, "<a href=http://127.0.0.1:1/%d>", i)
	}
	return []Trap{
		{Name: "page of many links", spring: page("", links.String())},
		{Name: "one link many times", spring: page("", strings.Repeat("<a href=mailto:a@b.example>", size))},
		{Name: "link of a megabyte", spring: page("", `<a href="/`+strings.Repeat("a", 1<<20)+`">x</a>`)},
		{Name: "deeply nested page", spring: page("", strings.Repeat("<div>", size)+"hello")},
		{Name: "deeply nested inline elements", spring: page("", strings.Repeat("<b><i>", size/2)+"hello")},
		{Name: "deeply nested tables", spring: page("", strings.Repeat("<table><tr><td>", size/4)+"hello")},
		{Name: "long attribute", spring: page("", `<p title="`+strings.Repeat("a", size)+`">hello</p>`)},
		{Name: "many attributes", spring: page("", "<p "+strings.Repeat("a ", size/2)+">hello</p>")},
		{Name: "many different attributes", spring: page("", "<p "+different(size/20)+">hello</p>")},
		{Name: "page that never closes anything", spring: page("", strings.Repeat("<!--<![CDATA[<script><title>", size/16))},
		{Name: "NULs in the page", spring: page("", strings.Repeat("\x00", size)+"<p>hello")},
		{Name: "nonsense for a content type", spring: says(okLine + "Content-Type: \xff;;=/charset=\"\r\nConnection: close\r\n\r\n<p>hello")},
		{Name: "unknown charset", spring: says(okLine + "Content-Type: text/html; charset=klingon\r\nConnection: close\r\n\r\n<p>hello")},
		{Name: "base of a megabyte", spring: page("", `<base href="http://`+strings.Repeat("a", 1<<20)+`/"><a href="/">x</a>`)},
	}
}

// different are n attributes, each of another name.
func different(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a%d=b ", i)
	}
	return b.String()
}
