package fetch

import (
	"cmp"
	"container/list"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

const (
	// maxSiteCookies and maxCookieBytes are what RFC 6265 section 6.1 asks of a
	// client and browsers grant: per registrable domain, and per cookie.
	maxSiteCookies = 180
	maxCookieBytes = 4 << 10
	// maxJarBytes bounds the whole jar; the domains used longest ago go first.
	maxJarBytes = 64 << 20
	// maxCookieAge is the longest a cookie lives, RFC 6265bis section 5.5.
	maxCookieAge = 400 * 24 * time.Hour
)

// jar holds cookies as RFC 6265 has it, by registrable domain. It is not
// net/http/cookiejar because that one cannot be enumerated: a crawl must be
// able to save what is in it, and to bound it.
type jar struct {
	mu      sync.Mutex
	sites   map[string]*site
	recent  *list.List // of *site, last used first
	bytes   int
	limit   int                 // of bytes
	changed map[string]struct{} // keys, since the last drain
}

// site is the cookies of one registrable domain, oldest first.
type site struct {
	key     string
	cookies []*cookie
	place   *list.Element
}

// cookie is identified by domain, path and name.
type cookie struct {
	name, value string
	quoted      bool
	domain      string // without a leading dot
	hostOnly    bool   // domain is the only host that gets it
	path        string
	secure      bool
	expires     time.Time // zero: no end, since a crawl outlives its sessions
	saved       time.Time // expires as last drained
}

func newJar() *jar {
	return &jar{
		sites:   make(map[string]*site),
		recent:  list.New(),
		limit:   maxJarBytes,
		changed: make(map[string]struct{}),
	}
}

// match returns the cookies to send to u, longest path first and then oldest
// first, RFC 6265 section 5.4.
func (j *jar) match(u *url.URL, now time.Time) []*http.Cookie {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.sites) == 0 {
		return nil
	}
	host := cookieHost(u)
	s := j.sites[siteKey(host)]
	if s == nil {
		return nil
	}
	j.recent.MoveToFront(s.place)
	var found []*cookie
	for _, c := range s.cookies {
		if !c.expired(now) && c.matches(u, host) {
			found = append(found, c)
		}
	}
	slices.SortStableFunc(found, func(a, b *cookie) int { return cmp.Compare(len(b.path), len(a.path)) })
	cookies := make([]*http.Cookie, len(found))
	for i, c := range found {
		cookies[i] = &http.Cookie{Name: c.name, Value: c.value, Quoted: c.quoted} //nolint:gosec // to a server, where attributes are not sent
	}
	return cookies
}

// store takes the cookies that a response from u set.
func (j *jar) store(u *url.URL, cookies []*http.Cookie, now time.Time) {
	host := cookieHost(u)
	if host == "" {
		return
	}
	key := siteKey(host)
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, set := range cookies {
		if c := newCookie(set, u, host, now); c != nil && j.put(key, c, now) {
			j.changed[key] = struct{}{}
		}
	}
	j.trim()
}

// put adds, replaces or removes one cookie and reports whether that is worth
// saving.
func (j *jar) put(key string, c *cookie, now time.Time) bool {
	s := j.sites[key]
	if s == nil {
		if c.expired(now) {
			return false
		}
		s = &site{key: key}
		s.place = j.recent.PushFront(s)
		j.sites[key] = s
	}
	i := slices.IndexFunc(s.cookies, c.sameID)
	switch {
	case i < 0 && c.expired(now):
		return false
	case i < 0:
		if len(s.cookies) >= maxSiteCookies {
			j.remove(s, evictable(s.cookies, now))
		}
		s.cookies = append(s.cookies, c)
		j.bytes += c.size()
		return true
	case c.expired(now):
		j.remove(s, i)
		return true
	}
	old := s.cookies[i]
	c.saved = old.saved
	j.bytes += c.size() - old.size()
	s.cookies[i] = c
	return !c.barelyMoved(old, now)
}

// remove takes out one cookie, and its site with the last one.
func (j *jar) remove(s *site, i int) {
	j.bytes -= s.cookies[i].size()
	s.cookies = slices.Delete(s.cookies, i, i+1)
	if len(s.cookies) == 0 {
		j.drop(s)
	}
}

func (j *jar) drop(s *site) {
	for _, c := range s.cookies {
		j.bytes -= c.size()
	}
	j.recent.Remove(s.place)
	delete(j.sites, s.key)
}

// trim drops whole sites until the jar is within its bound.
func (j *jar) trim() {
	for j.bytes > j.limit {
		s, ok := j.recent.Back().Value.(*site)
		if !ok {
			return
		}
		j.drop(s)
		j.changed[s.key] = struct{}{}
	}
}

// evictable is the index of the first expired cookie, or of the oldest.
func evictable(cookies []*cookie, now time.Time) int {
	return max(0, slices.IndexFunc(cookies, func(c *cookie) bool { return c.expired(now) }))
}

// newCookie applies RFC 6265 section 5.3. It returns nil for a cookie that must
// be ignored; one that is to be removed comes back expired.
func newCookie(set *http.Cookie, u *url.URL, host string, now time.Time) *cookie {
	domain, hostOnly, ok := cookieDomain(host, set.Domain)
	if !ok {
		return nil
	}
	c := &cookie{
		name: set.Name, value: set.Value, quoted: set.Quoted,
		domain: domain, hostOnly: hostOnly, path: set.Path, secure: set.Secure,
	}
	if !strings.HasPrefix(c.path, "/") {
		c.path = defaultPath(u.EscapedPath())
	}
	if len(c.name)+len(c.value)+len(c.path)+len(c.domain) > maxCookieBytes {
		return nil
	}
	latest := now.Add(maxCookieAge)
	switch {
	case set.MaxAge < 0:
		c.expires = now
	case set.MaxAge > int(maxCookieAge/time.Second):
		c.expires = latest
	case set.MaxAge > 0:
		c.expires = now.Add(time.Duration(set.MaxAge) * time.Second)
	case set.Expires.After(latest):
		c.expires = latest
	default:
		c.expires = set.Expires
	}
	return c
}

// cookieDomain returns the domain of a cookie that host sets with the given
// Domain attribute, and whether it is for host alone.
func cookieDomain(host, attribute string) (domain string, hostOnly, ok bool) {
	if attribute == "" {
		return host, true, true
	}
	if isAddress(host) {
		return host, true, host == attribute
	}
	domain = strings.ToLower(strings.TrimPrefix(attribute, "."))
	if domain == "" || domain[0] == '.' || domain[len(domain)-1] == '.' {
		return "", false, false
	}
	if domain != host && !strings.HasSuffix(host, "."+domain) {
		return "", false, false
	}
	if suffix, _ := publicsuffix.PublicSuffix(domain); suffix == domain {
		// A public suffix speaks for strangers. Only a host that is one itself
		// may name it, and then means itself.
		return host, true, domain == host
	}
	return domain, false, true
}

// defaultPath is the directory of a URL's path, RFC 6265 section 5.1.4.
func defaultPath(path string) string {
	if i := strings.LastIndexByte(path, '/'); i > 0 && path[0] == '/' {
		return path[:i]
	}
	return "/"
}

func (c *cookie) expired(now time.Time) bool {
	return !c.expires.IsZero() && !c.expires.After(now)
}

func (c *cookie) sameID(other *cookie) bool {
	return c.name == other.name && c.path == other.path && c.domain == other.domain
}

func (c *cookie) matches(u *url.URL, host string) bool {
	if c.domain != host && (c.hostOnly || !strings.HasSuffix(host, "."+c.domain)) {
		return false
	}
	if c.secure && u.Scheme != "https" && !isLoopback(c.domain) {
		return false
	}
	path := cmp.Or(u.EscapedPath(), "/")
	rest, ok := strings.CutPrefix(path, c.path)
	return ok && (rest == "" || rest[0] == '/' || strings.HasSuffix(c.path, "/"))
}

// barelyMoved reports that c differs from the cookie it replaces only by an end
// so little later that saving it again is not worth it. Many servers push the
// end of a cookie with every page.
func (c *cookie) barelyMoved(old *cookie, now time.Time) bool {
	if c.value != old.value || c.quoted != old.quoted || c.hostOnly != old.hostOnly || c.secure != old.secure {
		return false
	}
	if c.expires.IsZero() || c.saved.IsZero() {
		return c.expires.Equal(old.expires)
	}
	later := c.expires.Sub(c.saved)
	return later >= 0 && later < c.expires.Sub(now)/16
}

// size is about what the cookie costs in memory.
func (c *cookie) size() int {
	return len(c.name) + len(c.value) + len(c.domain) + len(c.path) + 160
}

// cookieHost is the host of u as cookies compare it: lower case, ASCII, without
// port and final dot. "" is a host that no cookie is kept for.
func cookieHost(u *url.URL) string {
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	for i := range len(host) {
		if host[i] >= utf8.RuneSelf {
			ascii, err := idna.Lookup.ToASCII(host)
			if err != nil {
				return ""
			}
			return ascii
		}
	}
	return host
}

// siteKey is the registrable domain of host; an address, or a host that is a
// public suffix, is its own.
func siteKey(host string) string {
	if isAddress(host) {
		return host
	}
	if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return domain
	}
	return host // it has no registrable domain
}

// isAddress takes anything with a colon or a zone for an IPv6 address, since no
// name has one.
func isAddress(host string) bool {
	if strings.ContainsAny(host, ":%") {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

// isLoopback reports whether plain HTTP to host counts as secure, as it does in
// browsers.
func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return isLocalhost(host) || err == nil && addr.IsLoopback()
}
