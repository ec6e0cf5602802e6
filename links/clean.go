package links

import "strings"

// Most links of most pages are written just as the standard would write them.
// What follows recognises such text, so that the whole parser, twenty times
// slower, is needed for the rest only. It may say no to a normal URL; it never
// says yes to another. FuzzNormal and FuzzBase hold it to that.

// What a byte can be; see is.
const (
	hostByte   = 1 << iota // a lower-case letter or digit
	pathByte               // stays as it is in a path
	queryByte              // stays as it is in a query
	fragByte               // stays as it is in a fragment
	unreserved             // never needs an escape: RFC 3986 section 2.3
	hexDigit
	pathLegal  // RFC 3986 allows it in a path
	queryLegal // RFC 3986 allows it in a query
)

// bytesAre says what each byte can be.
var bytesAre = classify() //nolint:gochecknoglobals // constant table

func classify() (table [256]uint8) {
	mark := func(chars string, class uint8) {
		for i := range len(chars) {
			table[chars[i]] |= class
		}
	}
	for c := byte('!'); c <= '~'; c++ {
		table[c] |= pathByte | queryByte | fragByte
	}
	unmark := func(chars string, class uint8) {
		for i := range len(chars) {
			table[chars[i]] &^= class
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
	mark(lower+upper+digits+"-._~", unreserved|pathLegal|queryLegal)
	mark(subDelims+":@/", pathLegal|queryLegal)
	mark("?", queryLegal)
	mark(digits+"abcdefABCDEF", hexDigit)
	return table
}

func is(c byte, class uint8) bool { return bytesAre[c]&class != 0 }

// isNormal recognises an absolute URL that the standard would leave as it is.
func isNormal(s string) bool {
	if len(s) > MaxLength {
		return false
	}
	rest, https := strings.CutPrefix(s, "https://")
	if !https {
		var http bool
		if rest, http = strings.CutPrefix(s, "http://"); !http {
			return false
		}
	}
	slash := strings.IndexByte(rest, '/')
	if slash < 0 {
		return false
	}
	authority := rest[:slash]
	if i := strings.IndexByte(authority, ':'); i >= 0 {
		if !isNormalPort(authority[i+1:], https) {
			return false
		}
		authority = authority[:i]
	}
	return isNormalHost(authority) && isNormalTail(rest[slash:])
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

// isNormalHost recognises plain lower-case names and IPv4 addresses. Other
// numbers in the last place, which may be addresses, too, empty labels and
// hyphens in odd places, which may be Punycode, are left to the parser.
func isNormalHost(s string) bool {
	if len(s) > maxHost {
		return false
	}
	before := byte('.')
	label := 0 // where the last label begins
	for i := range len(s) {
		c := s[i]
		switch {
		case is(c, hostByte):
		case c == '.' && is(before, hostByte):
			label = i + 1
		case c == '-' && is(before, hostByte):
		default:
			return false
		}
		before = c
	}
	return is(before, hostByte) && (s[label] >= 'a' || isNormalIPv4(s))
}

// isNormalTail recognises path, query and fragment. The path begins with "/".
func isNormalTail(s string) bool {
	i, slashes := 0, 0
	for i < len(s) && is(s[i], pathByte) {
		switch s[i] {
		case '/':
			if slashes++; slashes > maxSegments {
				return false
			}
			if i+1 < len(s) && startsDotty(s[i+1:]) {
				return false
			}
		case '%':
			if !isEscape(s, i) {
				return false
			}
		}
		i++
	}
	if i < len(s) && s[i] == '?' {
		for i++; i < len(s) && is(s[i], queryByte); i++ {
		}
	}
	if i < len(s) && s[i] == '#' {
		for i++; i < len(s) && is(s[i], fragByte) && (s[i] != '%' || isEscape(s, i)); i++ {
		}
	}
	return i == len(s)
}

// startsDotty reports a segment that may be "." or "..", plain or escaped.
func startsDotty(s string) bool {
	return s[0] == '.' || len(s) >= 3 && s[0] == '%' && s[1] == '2' && s[2]|0x20 == 'e'
}
