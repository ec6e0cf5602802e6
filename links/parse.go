package links

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	whatwgerrors "github.com/nlnwa/whatwg-url/errors"
	whatwg "github.com/nlnwa/whatwg-url/url"
)

// MaxLength is the longest URL that is accepted, in bytes, as written and as
// resolved.
const MaxLength = 64 << 10

// maxHost is the longest name that the domain name system knows (RFC 1035, 2.3.4).
const maxHost = 253

// Two parts of a URL take the parser time that grows with the square of their
// size, ten seconds at MaxLength, so what no site uses is refused unread.
const (
	maxAuthority = 1 << 10 // bytes of user information, host and port
	maxSegments  = 1000    // slashes in front of the query
)

// Why a URL is refused. The errors returned wrap one of these and quote the
// URL.
var (
	// ErrScheme means that the URL is not for the web: mailto:, javascript:,
	// data:, ftp: and the like.
	ErrScheme = errors.New("links: neither http nor https")

	// ErrInvalid means that the text is no absolute URL, nor a relative one
	// where there is a base.
	ErrInvalid = errors.New("links: not a valid URL")

	// ErrTooLong means that the URL is longer than MaxLength, names its host in
	// more than 1 KiB or has more than 1000 path segments.
	ErrTooLong = errors.New("links: URL too long")
)

// refuse wraps one of the errors above. A long URL is quoted in part, and what
// may be a password, all from a ":" to an "@", not at all: errors end up in logs.
func refuse(raw string, cause error) error {
	colon, at := strings.IndexByte(raw, ':'), strings.LastIndexByte(raw, '@')
	if colon >= 0 && colon < at {
		raw = raw[:colon+1] + "***" + raw[at:]
	}
	const enough = 200
	if len(raw) > enough {
		return fmt.Errorf("parse URL %.*q and %d more bytes: %w", enough, raw, len(raw)-enough, cause)
	}
	return fmt.Errorf("parse URL %q: %w", raw, cause)
}

// normal gives the WHATWG serialisation of an absolute http or https URL.
func normal(raw string) (string, error) {
	if isNormal(raw) {
		return raw, nil
	}
	return parse(raw, func(s string) (*whatwg.Url, error) { return whatwg.Parse(s) })
}

// parse takes the slow path: the whole standard, by way of parser, which may
// know a base URL.
func parse(raw string, parser func(string) (*whatwg.Url, error)) (string, error) {
	if scheme := schemeOf(raw); scheme != "" && scheme != "http" && scheme != "https" {
		return "", refuse(raw, ErrScheme)
	}
	if len(raw) > MaxLength || isExcessive(raw) {
		return "", refuse(raw, ErrTooLong)
	}
	u, err := parser(raw)
	if err != nil {
		// Only the rule that was broken: the parser's error quotes the URL too.
		return "", refuse(raw, fmt.Errorf("%w: %s", ErrInvalid, whatwgerrors.Type(err)))
	}
	if u.Scheme() != "http" && u.Scheme() != "https" {
		return "", refuse(raw, ErrScheme)
	}
	s := escapeLonePercents(u.Href(false))
	if len(s) > MaxLength {
		return "", refuse(raw, ErrTooLong)
	}
	if u, err := url.Parse(s); err != nil || len(u.Hostname()) > maxHost {
		// A host such as "`" or "{x}", which the standard allows and no name
		// server knows, or one that is too long for any. It could not be fetched.
		return "", refuse(raw, ErrInvalid)
	}
	return s, nil
}

// isExcessive reports an authority or a path beyond the bounds above. It may
// take the first segment of a path for an authority, and a backslash always
// counts as a slash.
func isExcessive(raw string) bool {
	if i := strings.IndexAny(raw, "?#"); i >= 0 {
		raw = raw[:i]
	}
	if strings.Count(raw, "/")+strings.Count(raw, "\\") > maxSegments {
		return true
	}
	if at := strings.LastIndexByte(raw, '@'); at > maxAuthority {
		_, rest, _ := strings.Cut(raw, ":")
		if schemeOf(raw) == "" {
			rest = raw
		}
		rest = strings.TrimLeft(rest, "/\\\t\r\n ")
		end := strings.IndexAny(rest, "/\\")
		return end > maxAuthority || end < 0 && len(rest) > maxAuthority
	}
	return false
}

// schemeOf gives the lower-case scheme of a URL, "" for a relative one. It is
// looked at before anything else, so that a page full of data: URLs costs
// little.
func schemeOf(raw string) string {
	raw = strings.TrimLeftFunc(raw, func(r rune) bool { return r <= ' ' })
	for i := range len(raw) {
		switch c := raw[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case c == '\t', c == '\n', c == '\r': // the standard removes them anywhere
		case i > 0 && ('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'):
		case i > 0 && c == ':':
			return strings.ToLower(strings.Map(dropBreaks, raw[:i]))
		default:
			return ""
		}
	}
	return ""
}

// dropBreaks removes what the standard removes from a URL wherever it stands.
func dropBreaks(r rune) rune {
	if r == '\t' || r == '\n' || r == '\r' {
		return -1
	}
	return r
}

// escapeLonePercents writes %25 for each % outside the query that begins no
// escape. The standard leaves it alone, but net/url, and with it net/http,
// refuses such a path or fragment.
func escapeLonePercents(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	front, fragment, fragmented := strings.Cut(s, "#")
	path, query, queried := strings.Cut(front, "?")
	var b strings.Builder
	b.Grow(len(s) + 8)
	appendEscapes(&b, path)
	if queried {
		b.WriteString("?" + query)
	}
	if fragmented {
		b.WriteByte('#')
		appendEscapes(&b, fragment)
	}
	return b.String()
}

func appendEscapes(b *strings.Builder, s string) {
	for i := range len(s) {
		b.WriteByte(s[i])
		if s[i] == '%' && !isEscape(s, i) {
			b.WriteString("25")
		}
	}
}

// isEscape reports whether s[i], a %, begins an escape.
func isEscape(s string, i int) bool {
	return i+2 < len(s) && is(s[i+1], hexDigit) && is(s[i+2], hexDigit)
}

// pieces are the parts of a normal URL. Each but the origin comes with what
// sets it off: path "/a", query "?b", fragment "#c".
type pieces struct {
	scheme, userinfo, host, path, query, fragment string
}

// split cuts a normal URL apart without looking into the parts.
func split(s string) pieces {
	var p pieces
	scheme, rest, _ := strings.Cut(s, "://")
	p.scheme = scheme
	if i := strings.IndexByte(rest, '#'); i >= 0 {
		rest, p.fragment = rest[:i], rest[i:]
	}
	if i := strings.IndexByte(rest, '?'); i >= 0 {
		rest, p.query = rest[:i], rest[i:]
	}
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		rest, p.path = rest[:i], rest[i:]
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest, p.userinfo = rest[i+1:], rest[:i+1]
	}
	p.host = rest
	return p
}
