package links

import (
	"cmp"
	"slices"
	"strings"
)

const upperHex = "0123456789ABCDEF"

// Canonicalizer gives the form in which URLs are compared. The zero value is
// ready to use.
type Canonicalizer struct {
	// KeepFragment keeps what follows "#", for sites that route by it. The
	// server never sees a fragment, so by default it is dropped.
	KeepFragment bool
}

// Canonical gives the canonical form of an absolute http or https URL. It is a
// URL that may be fetched, and its own canonical form.
//
// On top of what Resolve does to a URL without base, percent-encoding gets one
// spelling (escapes of unreserved characters are decoded, the others have
// upper-case digits, what RFC 3986 does not allow is escaped), the query is
// sorted by key, values of one key keeping their order, empty parts of the
// query go, and an empty query or fragment goes with its mark. Blank values
// stay, and "a" is not "a=". Neither are "/a" and "/a/" the same, nor http and
// https, nor "+" and "%20".
//
// The error wraps ErrScheme, ErrInvalid or ErrTooLong.
func (c Canonicalizer) Canonical(raw string) (string, error) {
	canonical, _, err := c.identify(raw)
	return canonical, err
}

// identify gives the canonical form of a URL and its origin. For most URLs both are
// the beginning of what is there.
func (c Canonicalizer) identify(raw string) (canonical, origin string, err error) {
	m, ok := clean(raw)
	if ok && m.legal && isSorted(raw[m.query:m.fragment]) && (!c.KeepFragment || len(raw)-m.fragment <= 1) {
		return raw[:m.fragment], raw[:m.path], nil
	}
	s := raw
	if !ok {
		if s, err = normal(raw); err != nil {
			return "", "", err
		}
	}
	p := split(s)
	canonical = c.canonical(p)
	if len(canonical) > MaxLength {
		return "", "", refuse(raw, ErrTooLong)
	}
	return canonical, p.origin(), nil
}

// canonical gives the canonical form of a normal URL, however long.
func (c Canonicalizer) canonical(p pieces) string {
	fragment := ""
	if c.KeepFragment && len(p.fragment) > 1 {
		fragment = respell(p.fragment, queryLegal)
	}
	return p.scheme + "://" + p.userinfo + p.host + respell(p.path, pathLegal) + sortQuery(p.query) + fragment
}

// respell gives one spelling to the percent-encoding of a part of a URL in
// which the bytes of the class legal may stand. Its first byte is kept: it is
// the mark of the part.
func respell(s string, legal class) string {
	i := min(1, len(s))
	for i < len(s) && is(s[i], legal) {
		i++
	}
	if i == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 8)
	b.WriteString(s[:i])
	for ; i < len(s); i++ {
		c := s[i]
		if c == '%' && isEscape(s, i) {
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
			if is(c, unreserved) {
				b.WriteByte(c)
				continue
			}
		} else if is(c, legal) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(upperHex[c>>4])
		b.WriteByte(upperHex[c&15])
	}
	return b.String()
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

// sortQuery respells a query, "?" included, and sorts it by key.
func sortQuery(query string) string {
	query = respell(query, queryLegal)
	if isSorted(query) {
		return query
	}
	var parts []string
	for part := range strings.SplitSeq(query[1:], "&") {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	slices.SortStableFunc(parts, func(a, b string) int { return cmp.Compare(queryKey(a), queryKey(b)) })
	return "?" + strings.Join(parts, "&")
}

// isSorted reports a query, "?" included, in which sorting would change nothing.
func isSorted(query string) bool {
	if strings.IndexByte(query, '&') < 0 {
		return query != "?"
	}
	before := ""
	for rest, more := query[1:], true; more; {
		var part string
		part, rest, more = strings.Cut(rest, "&")
		key := queryKey(part)
		if part == "" || key < before {
			return false
		}
		before = key
	}
	return true
}

func queryKey(part string) string {
	key, _, _ := strings.Cut(part, "=")
	return key
}
