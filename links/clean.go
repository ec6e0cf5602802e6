package links

import "strings"

// Most links of most pages are written just as the standard would write them.
// What follows recognises such text, so that the whole parser, twenty times
// slower, is needed for the rest only. It may say no to a normal URL; it never
// says yes to another. FuzzNormal and FuzzBase hold it to that.

// What a byte can be; see is.
const (
	hostByte   class = 1 << iota // a lower-case letter or digit
	pathByte                     // stays as it is in a path
	queryByte                    // stays as it is in a query
	fragByte                     // stays as it is in a fragment
	unreserved                   // never needs an escape: RFC 3986 section 2.3
	hexDigit
	pathLegal  // RFC 3986 allows it in a path
	queryLegal // RFC 3986 allows it in a query
	plainByte  // pathLegal, but no dot
)

// A class is a set of bytes, or of what a byte can be.
type class uint16

// bytesAre says what each byte can be.
var bytesAre = classify() //nolint:gochecknoglobals // constant table

func classify() (table [256]class) {
	mark := func(chars string, of class) {
		for i := range len(chars) {
			table[chars[i]] |= of
		}
	}
	for c := byte('!'); c <= '~'; c++ {
		table[c] |= pathByte | queryByte | fragByte
	}
	unmark := func(chars string, of class) {
		for i := range len(chars) {
			table[chars[i]] &^= of
		}
	}
	// The percent-encode sets of the standard, section 1.3, and what ends or
	// changes the part in question.
	unmark("\"#<>?`{}\\^", pathByte)
	unmark("\"#<>'", queryByte)
	unmark("\"<>`", fragByte)

	const lower, upper, digits = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
	const subDelims = "!$&'()*+,;="
	mark(lower+digits, hostByte)
	mark(lower+upper+digits+"-._~", unreserved|pathLegal|queryLegal|plainByte)
	mark(subDelims+"/:@", pathLegal|queryLegal|plainByte)
	unmark(".", plainByte)
	mark("?", queryLegal)
	mark(digits+"abcdefABCDEF", hexDigit)
	return table
}

func is(c byte, of class) bool { return bytesAre[c]&of != 0 }

// isNormal recognises an absolute URL that the standard would leave as it is.
func isNormal(s string) bool {
	_, ok := clean(s)
	return ok
}

// marks say where the parts of a clean URL begin; one that is missing begins
// where the next one does.
type marks struct {
	path, query, fragment int

	legal bool // path and query hold nothing that a canonical URL spells otherwise
}

// clean is isNormal, and finds the parts in passing.
func clean(s string) (marks, bool) {
	if len(s) > MaxLength {
		return marks{}, false
	}
	path, ok := cleanOrigin(s)
	if !ok || path == len(s) {
		return marks{}, false
	}
	m, ok := cleanTail(s[path:])
	return marks{path, path + m.query, path + m.fragment, m.legal}, ok
}

// cleanOrigin recognises what comes before the path, and finds where it ends.
func cleanOrigin(s string) (path int, ok bool) {
	rest, https := strings.CutPrefix(s, "https://")
	if !https {
		if rest, ok = strings.CutPrefix(s, "http://"); !ok {
			return 0, false
		}
	}
	host, ok := cleanHost(rest)
	path = len(s) - len(rest) + host
	if !ok || host == len(rest) || rest[host] == '/' {
		return path, ok
	}
	port, _, _ := strings.Cut(rest[host+1:], "/")
	return path + 1 + len(port), isNormalPort(port, https)
}

// isNormalPort recognises a port that is not the scheme's own.
func isNormalPort(s string, https bool) bool {
	if s == "0" || !https && s == "80" || https && s == "443" {
		return false
	}
	return isDecimal(s, 1<<16-1)
}

// isDecimal recognises a number of at most most, which has five digits at the
// most, as the standard writes it.
func isDecimal(s string, most int) bool {
	if len(s) == 0 || len(s) > 5 || s[0] == '0' && len(s) > 1 {
		return false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		n = 10*n + int(s[i]-'0')
	}
	return n <= most
}

// isNormalIPv4 recognises four decimal numbers.
func isNormalIPv4(s string) bool {
	for range 3 {
		i := strings.IndexByte(s, '.')
		if i < 0 || !isDecimal(s[:i], 255) {
			return false
		}
		s = s[i+1:]
	}
	return isDecimal(s, 255)
}

// cleanHost recognises plain lower-case names and IPv4 addresses, up to a colon or
// a slash, and finds where they end. Other numbers in the last place, which may be
// addresses, too, empty labels and hyphens in odd places, which may be Punycode, are
// left to the parser.
func cleanHost(s string) (end int, ok bool) {
	label := 0 // where the last label begins
	for i := 0; ; i++ {
		begin := i
		for i < len(s) && is(s[i], hostByte) {
			i++
		}
		switch {
		case i == begin:
			return i, false
		case i == len(s), s[i] == '/', s[i] == ':':
			return i, i <= maxHost && (s[label] >= 'a' || isNormalIPv4(s[:i]))
		case s[i] == '.':
			label = i + 1
		case s[i] != '-':
			return i, false
		}
	}
}

// isNormalTail recognises path, query and fragment. The path may be the end of one.
func isNormalTail(s string) bool {
	_, ok := cleanTail(s)
	return ok
}

// cleanTail is isNormalTail, and finds the parts in passing.
func cleanTail(s string) (m marks, ok bool) {
	i := 0
	m.legal = true
	for {
		for i < len(s) && is(s[i], plainByte) {
			i++
		}
		if i == len(s) || !is(s[i], pathByte) {
			break
		}
		switch {
		case i > 0 && s[i-1] == '/' && startsDotty(s[i:]), s[i] == '%' && !isEscape(s, i):
			return m, false
		case s[i] != '.':
			m.legal = false
		}
		i++
	}
	if i > maxSegments && strings.Count(s[:i], "/") > maxSegments {
		return m, false
	}
	m.query = i
	if i < len(s) && s[i] == '?' {
		legal := queryLegal
		for i++; i < len(s) && is(s[i], queryByte); i++ {
			legal &= bytesAre[s[i]]
		}
		m.legal = m.legal && legal != 0
	}
	m.fragment = i
	if i < len(s) && s[i] == '#' {
		for i++; i < len(s) && is(s[i], fragByte) && (s[i] != '%' || isEscape(s, i)); i++ {
		}
	}
	return m, i == len(s)
}

// startsDotty reports a segment that may be "." or "..", plain or escaped.
func startsDotty(s string) bool {
	return s[0] == '.' || len(s) >= 3 && s[0] == '%' && s[1] == '2' && s[2]|0x20 == 'e'
}
