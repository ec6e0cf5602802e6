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
	url    string // normal, without fragment
	origin string // scheme, user information and host
	dir    string // the path up to and with its last slash
	path   string
	parsed func() (*whatwg.Url, error)
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
	return &Base{
		url:    url,
		origin: url[:len(url)-len(p.path)-len(p.query)],
		dir:    p.path[:strings.LastIndexByte(p.path, '/')+1],
		path:   p.path,
		parsed: sync.OnceValues(func() (*whatwg.Url, error) {
			u, err := whatwg.Parse(url)
			if err == nil {
				u.SearchParams() // parsed lazily; from here on the base is only read
			}
			return u, err
		}),
	}, nil
}

// String gives the base URL, normalised and without fragment.
func (b *Base) String() string { return b.url }

// Resolve is the package's Resolve for this base.
func (b *Base) Resolve(href string) (string, error) {
	if s, ok := b.simple(trimSpace(href)); ok {
		return s, nil
	}
	return parse(href, func(s string) (*whatwg.Url, error) {
		u, err := b.parsed()
		if err != nil {
			return nil, err
		}
		return u.Parse(s)
	})
}

// trimSpace drops the white space around a link, which few have.
func trimSpace(href string) string {
	if href == "" || href[0] > ' ' && href[len(href)-1] > ' ' {
		return href
	}
	return strings.Trim(href, " \t\r\n\f")
}

// simple resolves what needs no parser: clean absolute URLs, and clean relative
// ones without dot segments but those in front.
func (b *Base) simple(href string) (string, bool) {
	if href == "" {
		return b.url, true
	}
	if len(href)+len(b.url) > MaxLength {
		return "", false
	}
	switch href[0] {
	case '#':
		return b.url + href, isNormalTail(href)
	case '?':
		return b.origin + b.path + href, isNormalTail(href)
	case '/':
		if strings.HasPrefix(href, "//") {
			return "", false // a host follows
		}
		return b.origin + href, isNormalTail(href)
	}
	if isNormal(href) {
		return href, true
	}
	if schemeOf(href) != "" {
		return "", false
	}
	dir := b.dir
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
		if len(dir) > 1 {
			dir = dir[:strings.LastIndexByte(dir[:len(dir)-1], '/')+1]
		}
	}
	if href != "" && startsDotty(href) {
		return "", false
	}
	return b.origin + dir + href, isNormalTail(href)
}
