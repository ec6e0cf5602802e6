package testsite

import (
	"net/url"
	"strconv"
	"strings"
)

// A placeKind is what a URL of a web leads to.
type placeKind int

const (
	nowhere   placeKind = iota
	aPage               // number of the page
	aRedirect           // way and number, and which hop
	aTrap
	aLogin
	aRobots
	aSitemap // number, -1 for the index
)

// A webPlace is what a URL of a web means.
type webPlace struct {
	host   int
	kind   placeKind
	number int
	way    string // of a redirect
	hop    int
	path   string // path and query
}

// The ways in which redirects lead on; the first four to a page of their host.
const (
	wayOnce   = "once"   // 302 to an absolute path
	wayUp     = "up"     // 303 to a relative path
	wayMoved  = "moved"  // 301 to a whole URL
	wayChain  = "chain"  // 307, three times
	wayAway   = "away"   // 302 to another host
	wayLoop   = "loop"   // two that lead to each other
	wayMail   = "mail"   // to a mailto: URL
	wayScript = "script" // to a javascript: URL
	wayFile   = "file"   // to a file: URL
)

//nolint:gochecknoglobals // constant tables
var (
	goodWays = []string{wayOnce, wayUp, wayMoved, wayChain}
	oddWays  = []string{wayAway, wayLoop, wayMail, wayScript, wayFile}
)

const chainHops = 3

// pagePath is the path of page p of host h.
func (w *Web) pagePath(h, p int) string {
	switch {
	case p == 0:
		return "/"
	case w.isPrivate(h, p):
		return "/private/" + strconv.Itoa(p)
	default:
		return "/p/" + strconv.Itoa(p)
	}
}

// URL returns the URL of page p of host h.
func (w *Web) URL(h, p int) string { return "http://" + w.Host(h) + w.pagePath(h, p) }

// find says what a URL means; false if it is none of this web's hosts.
func (w *Web) find(host string, u *url.URL) (webPlace, bool) {
	h, ok := w.hostNumber(host)
	if !ok {
		return webPlace{}, false
	}
	at := webPlace{host: h, path: u.RequestURI()}
	switch first, rest, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/"); {
	case first == "robots.txt" && rest == "":
		at.kind = aRobots
	case first == "login" && rest == "":
		at.kind = aLogin
	case strings.HasPrefix(first, "sitemap") && rest == "":
		at.kind, at.number = w.findSitemap(first)
	case first == "go":
		w.findRedirect(&at, rest)
	case first == "trap" && w.hasTraps(h) && TrapLevel(at.path) > 0:
		at.kind = aTrap
	default:
		w.findPage(&at)
	}
	return at, true
}

func (w *Web) findPage(at *webPlace) {
	last := at.path[strings.LastIndexByte(at.path, '/')+1:]
	p, ok := number(last, w.cfg.PagesPerHost)
	if ok || at.path == "/" {
		if w.pagePath(at.host, p) == at.path {
			at.kind, at.number = aPage, p
		}
	}
}

// findRedirect reads "way/number" or "way/number/hop".
func (w *Web) findRedirect(at *webPlace, rest string) {
	way, rest, _ := strings.Cut(rest, "/")
	digits, hop, more := strings.Cut(rest, "/")
	p, ok := number(digits, w.cfg.PagesPerHost)
	if !ok {
		return
	}
	hops := map[string]int{
		wayOnce: 1, wayUp: 1, wayMoved: 1, wayChain: chainHops,
		wayAway: 1, wayLoop: 2, wayMail: 1, wayScript: 1, wayFile: 1,
	}[way]
	if more {
		at.hop, ok = number(hop, hops)
		ok = ok && at.hop > 0
	}
	if ok && hops > 0 {
		at.kind, at.way, at.number = aRedirect, way, p
	}
}

// leadsTo is the status and the Location of a redirect.
func (w *Web) leadsTo(at webPlace) (status int, location string) {
	page := w.pagePath(at.host, at.number)
	self := "/go/" + at.way + "/" + strconv.Itoa(at.number)
	switch at.way {
	case wayUp:
		return 303, "../.." + page
	case wayMoved:
		return 301, "http://" + w.Host(at.host) + page
	case wayChain:
		if at.hop+1 < chainHops {
			return 307, self + "/" + strconv.Itoa(at.hop+1)
		}
		return 307, page
	case wayAway:
		return 302, w.Front(int(mix(w.cfg.Seed, forRedirect, w.at(at.host, at.number)) % uint64(w.cfg.Hosts)))
	case wayLoop:
		if at.hop == 0 {
			return 302, self + "/1"
		}
		return 302, self
	case wayMail:
		return 302, "mailto:somebody@" + w.Host(at.host)
	case wayScript:
		return 302, "javascript:void(0)"
	case wayFile:
		return 302, "file:///etc/hostname"
	default:
		return 302, page
	}
}

// hrefs are the links of a page, in order. They hold the web together (the pages
// of a host as a tree or a chain, the hosts as a tree from host 0), then come
// others, and what leads into redirects and traps.
func (w *Web) hrefs(h, p int) []string {
	rng := random(w.cfg.Seed, forLinks, w.at(h, p))
	var list []string
	add := func(to, page int) { list = append(list, w.href(h, p, to, page, len(list))) }
	if p == 0 {
		for to := 4*h + 1; to <= 4*h+4 && to < w.cfg.Hosts; to++ {
			add(to, 0)
		}
	}
	if w.cfg.Chain {
		return append(list, w.trapHrefs(h, p)...)
	}
	for page := 3*p + 1; page <= 3*p+3 && page < w.cfg.PagesPerHost; page++ {
		add(h, page)
	}
	for range w.cfg.LinksPerPage {
		to, page := rng.IntN(w.cfg.Hosts), rng.IntN(w.cfg.PagesPerHost)
		if chance(w.cfg.Seed, forCross, rng.Uint64()) >= w.cfg.CrossRate {
			to = h
		}
		add(to, page)
	}
	if chance(w.cfg.Seed, forRedirect, w.at(h, p)) < w.cfg.RedirectRate {
		way := oddWays[mix(w.cfg.Seed, forHop, w.at(h, p))%uint64(len(oddWays))]
		list = append(list, "/go/"+way+"/"+strconv.Itoa(p))
	}
	return append(list, w.trapHrefs(h, p)...)
}

// href spells link number k of page p of host h.
func (w *Web) href(h, p, to, page, k int) string {
	n := w.at(h, p)<<8 + uint64(k)
	path := w.pagePath(to, page)
	if chance(w.cfg.Seed, forHop, n) < w.cfg.RedirectRate {
		path = "/go/" + goodWays[mix(w.cfg.Seed, forRedirect, n)%uint64(len(goodWays))] + "/" + strconv.Itoa(page)
	}
	if to != h || n%3 == 0 {
		return "http://" + w.Host(to) + path
	}
	return path
}

// next is the link to the next page of a host, "" on the last.
func (w *Web) next(h, p int) string {
	if p+1 >= w.cfg.PagesPerHost {
		return ""
	}
	return w.pagePath(h, p+1)
}
