package links

import (
	"strings"
	"sync"

	whatwg "github.com/nlnwa/whatwg-url/url"
)

// Resolve gives the absolute URL that a browser would request for href found on
// a page whose base URL is base. For many links of one page, make a Base.
//
// It follows the WHATWG URL standard: white space around and tabs and line
// breaks within are dropped, backslashes are slashes, dot segments are
// resolved, the host is in lower case and ASCII, a default port goes, the
// fragment stays, the query stays as written. What differs is what net/http
// refuses: a "%" in the path or the fragment that begins no escape becomes
// "%25", and a host that it cannot ask is ErrInvalid.
//
// What it gives is a copy, which shares no memory with base or href.
//
// The error wraps ErrScheme, ErrInvalid or ErrTooLong.
func Resolve(base, href string) (string, error) {
	b, err := NewBase(base)
	if err != nil {
		return "", err
	}
	return b.Resolve(href)
}

// Base resolves the links of one page. Make one with NewBase.
type Base struct {
	url       string // normal, without fragment
	origin    string // its beginning: scheme, user information and host
	directory string // its beginning up to and with the last slash of the path
	path      string // its beginning up to the query

	once   sync.Once // for what only the parser needs
	parsed *whatwg.Url
	err    error

	mu   sync.Mutex
	made chunk
}

// NewBase prepares to resolve links against an absolute URL: the page's own or,
// where the page has one, that of its <base href>. The error wraps ErrScheme,
// ErrInvalid or ErrTooLong.
func NewBase(raw string) (*Base, error) {
	s, err := normal(raw)
	if err != nil {
		return nil, err
	}
	p := split(s)
	url := s[:len(s)-len(p.fragment)]
	path := url[:len(url)-len(p.query)]
	return &Base{
		url:       url,
		origin:    path[:len(path)-len(p.path)],
		directory: path[:strings.LastIndexByte(path, '/')+1],
		path:      path,
	}, nil
}

// String gives the base URL, normalised and without fragment.
func (b *Base) String() string { return b.url }

// Resolve is the package's Resolve for this base. Short results share memory, at
// most 1 KiB of it: of a few that are kept for long, keep copies.
func (b *Base) Resolve(href string) (string, error) {
	if front, tail, ok := b.simple(trimSpace(href)); ok {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.made.join(front, tail), nil
	}
	return parse(href, b.parse)
}

// Scope returns the beginning of the base URL on which it depends where href leads: on
// all pages with that scope the same URL comes of it, or the same error. It is "" where
// href is absolute; false where nothing less than the whole URL tells.
func (b *Base) Scope(href string) (scope string, ok bool) {
	switch {
	case href == "" || href[0] <= ' ' || href[0] == '?' || href[0] == '#':
		return "", false
	case len(href) > maxAuthority: // may be refused on a page whose URL is long, too
		return "", false
	case strings.HasPrefix(href, "http://") || strings.HasPrefix(href, "https://"):
		return "", true
	case href[0] == '/':
		return b.origin, true
	case strings.IndexByte(href, ':') >= 0: // "http:?a" is relative to the path
		return "", false
	}
	return b.directory, true
}

// parse resolves what is not simple.
func (b *Base) parse(href string) (*whatwg.Url, error) {
	b.once.Do(func() {
		if b.parsed, b.err = whatwg.Parse(b.url); b.err == nil {
			b.parsed.SearchParams() // parsed lazily; from here on the base is only read
		}
	})
	if b.err != nil {
		return nil, b.err
	}
	return b.parsed.Parse(href)
}

// A chunk is memory that short strings share. What is full is left to those that
// have a part of it.
type chunk struct{ strings.Builder }

// join gives a string of two parts. The first has memory of its own, and each chunk
// is larger than the one before, so that what is asked for little takes little.
func (c *chunk) join(front, tail string) string {
	const short, most = 256, 1 << 10
	size := len(front) + len(tail)
	if size > short {
		c = new(chunk)
	}
	if size > c.Cap()-c.Len() {
		room := max(size, min(4*c.Cap(), most))
		c.Reset()
		c.Grow(room)
	}
	begin := c.Len()
	c.WriteString(front)
	c.WriteString(tail)
	return c.String()[begin:]
}

// trimSpace drops the white space around a link, which few have.
func trimSpace(href string) string {
	if href == "" || href[0] > ' ' && href[len(href)-1] > ' ' {
		return href
	}
	return strings.Trim(href, " \t\r\n\f")
}

// simple resolves what needs no parser: clean absolute URLs, and clean relative
// ones without dot segments but those in front. The result comes in two parts.
func (b *Base) simple(href string) (front, tail string, ok bool) {
	if href == "" {
		return b.url, "", true
	}
	if len(href)+len(b.url) > MaxLength {
		return "", "", false
	}
	switch href[0] {
	case '#':
		return b.url, href, isNormalTail(href)
	case '?':
		return b.path, href, isNormalTail(href)
	case '/':
		// After two slashes there is a host.
		return b.origin, href, !strings.HasPrefix(href, "//") && isNormalTail(href)
	}
	if isNormal(href) {
		return "", href, true
	}
	if schemeOf(href) != "" {
		return "", "", false
	}
	directory := b.directory
	for {
		if rest, ok := strings.CutPrefix(href, "./"); ok {
			href = rest
			continue
		}
		rest, ok := strings.CutPrefix(href, "../")
		if !ok {
			break
		}
		href = rest
		if len(directory) > len(b.origin)+1 {
			directory = directory[:strings.LastIndexByte(directory[:len(directory)-1], '/')+1]
		}
	}
	if href != "" && startsDotty(href) {
		return "", "", false
	}
	return directory, href, isNormalTail(href)
}
