package politeness

import (
	"cmp"
	"math"
	"strconv"
	"strings"
	"time"
)

// Rules is what a robots.txt says to one crawler. The zero value allows
// everything and asks for no delay.
type Rules struct {
	rules []rule // the deciding one first
	delay time.Duration
}

// Allowed says whether the crawler may fetch a URL, an absolute one or a path
// beginning with "/". The rule with the longest pattern that matches path and
// query decides; of an Allow and a Disallow of one length the Allow wins, and
// where no rule matches the answer is yes. "*" stands for any characters, a "$"
// at the end for the end of the URL. Letter case counts, percent-encoding does
// not (RFC 9309 section 2.2.2). /robots.txt itself is always allowed. The time
// taken grows linearly with the URL, whatever the pattern.
func (r Rules) Allowed(rawURL string) bool {
	if len(r.rules) == 0 {
		return true
	}
	target := pathAndQuery(rawURL)
	if target == "/robots.txt" {
		return true
	}
	target = normalise(target, false)
	for _, rule := range r.rules {
		if rule.matches(target) {
			return rule.allow
		}
	}
	return true
}

// Delay is the least time between two fetches that the robots.txt asks for: the
// longest of its Crawl-delay and Request-rate lines, at most MaxCrawlDelay, 0
// when it asks for none. Neither line is part of RFC 9309; both are widely
// used.
func (r Rules) Delay() time.Duration { return r.delay }

// pathAndQuery cuts scheme, authority and fragment off a URL.
func pathAndQuery(rawURL string) string {
	rawURL, _, _ = strings.Cut(rawURL, "#")
	if !strings.HasPrefix(rawURL, "/") {
		if _, after, ok := strings.Cut(rawURL, "://"); ok {
			rawURL = after
			if i := strings.IndexAny(rawURL, "/?"); i >= 0 {
				rawURL = rawURL[i:]
			} else {
				rawURL = ""
			}
		}
	}
	if !strings.HasPrefix(rawURL, "/") {
		return "/" + rawURL
	}
	return rawURL
}

// rule is one Allow or Disallow line. Its pattern is kept cut at the wildcards.
type rule struct {
	allow    bool
	anchored bool     // the pattern ended in "$"
	length   int      // octets of the normalised pattern
	pieces   []string // what must occur, in order; the first one at the start
}

func newRule(allow bool, pattern string) rule {
	pattern = normalise(pattern, true)
	r := rule{allow: allow, length: len(pattern)}
	pattern, r.anchored = strings.CutSuffix(pattern, "$")
	r.pieces = strings.Split(pattern, "*")
	return r
}

// compare puts the longer pattern first and, of two of one length, the Allow.
func (r rule) compare(other rule) int {
	if c := cmp.Compare(other.length, r.length); c != 0 {
		return c
	}
	switch {
	case r.allow == other.allow:
		return 0
	case r.allow:
		return -1
	default:
		return 1
	}
}

// matches takes each piece where it occurs first, which is always good enough:
// a later place never leaves more room for the pieces after it. Only the last
// piece of an anchored pattern has a fixed place, at the end.
func (r rule) matches(target string) bool {
	rest, ok := strings.CutPrefix(target, r.pieces[0])
	if !ok {
		return false
	}
	last := len(r.pieces) - 1
	if last == 0 {
		return !r.anchored || rest == ""
	}
	for _, piece := range r.pieces[1:last] {
		i := strings.Index(rest, piece)
		if i < 0 {
			return false
		}
		rest = rest[i+len(piece):]
	}
	if r.anchored {
		return strings.HasSuffix(rest, r.pieces[last])
	}
	return strings.Contains(rest, r.pieces[last])
}

const upperHex = "0123456789ABCDEF"

// normalise gives a path or pattern one spelling, so that both sides compare as
// octets: bytes that are not printable ASCII and stray "%" are percent-encoded, escapes of
// unreserved characters are decoded (and, in the query, those of ":/?@", which
// separate nothing there), the others get upper-case digits. In a URL "*" and
// "$" are ordinary and are encoded; in a pattern they are special, the "$" only
// at the end, and their escapes stand for the characters themselves.
func normalise(s string, pattern bool) string {
	var b strings.Builder
	b.Grow(len(s))
	query := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
			if isUnreserved(c) || query && strings.IndexByte(":/?@", c) >= 0 {
				b.WriteByte(c)
			} else {
				writeEscape(&b, c)
			}
		case c <= ' ' || c >= 0x7f,
			c == '%', // begins no escape, nor may it together with what follows
			c == '*' && !pattern,
			c == '$' && (!pattern || i < len(s)-1):
			writeEscape(&b, c)
		default:
			query = query || c == '?'
			b.WriteByte(c)
		}
	}
	return b.String()
}

func writeEscape(b *strings.Builder, c byte) {
	b.WriteByte('%')
	b.WriteByte(upperHex[c>>4])
	b.WriteByte(upperHex[c&15])
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

// isUnreserved reports the characters that never need an escape (RFC 3986
// section 2.3).
func isUnreserved(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c == '-' || c == '.' || c == '_' || c == '~'
}

// parseCrawlDelay reads seconds, with or without a fraction; 0 if it cannot.
func parseCrawlDelay(value string) time.Duration {
	seconds, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return 0
	}
	return capDelay(seconds)
}

// parseRequestRate reads "requests/period" with a period of seconds or with a
// unit s, m or h ("1/5", "30/1m"); a time of day after it is ignored. It gives
// the time for one request; 0 if it cannot.
func parseRequestRate(value string) time.Duration {
	value, _, _ = strings.Cut(value, " ")
	requests, period, ok := strings.Cut(value, "/")
	n, err := strconv.ParseFloat(requests, 64)
	if !ok || err != nil || !(n > 0) {
		return 0
	}
	unit := 1.0
	if period != "" {
		switch period[len(period)-1] | 0x20 {
		case 's':
			period = period[:len(period)-1]
		case 'm':
			unit, period = 60, period[:len(period)-1]
		case 'h':
			unit, period = 3600, period[:len(period)-1]
		}
	}
	p := 1.0 // "1/s" is one a second
	if period != "" {
		if p, err = strconv.ParseFloat(period, 64); err != nil {
			return 0
		}
	}
	return capDelay(p * unit / n)
}

// capDelay turns seconds into a delay; what is no finite positive number of
// seconds asks for none.
func capDelay(seconds float64) time.Duration {
	if math.IsNaN(seconds) || math.IsInf(seconds, 0) || seconds <= 0 {
		return 0
	}
	if seconds >= MaxCrawlDelay.Seconds() {
		return MaxCrawlDelay
	}
	return time.Duration(seconds * float64(time.Second))
}
