package testsite

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Limits say which crawl the truth is asked about.
type Limits struct {
	Start        []string              // URLs; default the front page of host 0
	Allow        func(url string) bool // which URLs it may follow; nil allows all
	TrapLevels   int                   // how far it follows each trap; 0 keeps out of them
	IgnoreRobots bool
	Tries        int // how often it asks for a page that fails; default 6
	BlockedTries int // how often for one that is blocked; default 4
}

// Truth is what a crawl that follows every link has to come to. The lists are
// sorted and have no URL twice; together they are all that is to be asked for,
// robots.txt and logins apart.
type Truth struct {
	Items      map[string][]Item // what comes out, by page; nothing from a trap
	Read       []string          // pages that are read in the end, traps included
	Redirects  []string          // URLs that lead on
	Missing    []string          // 404
	Failed     []string          // URLs that cannot be had, or that lead where HTTP does not
	Loops      []string          // redirects that never end
	Disallowed []string          // forbidden by robots.txt, so not asked for at all
}

// AllItems returns every item of the truth, sorted by its text, which differ.
func (t *Truth) AllItems() []Item {
	var all []Item
	for _, items := range t.Items {
		all = append(all, items...)
	}
	slices.SortFunc(all, func(a, b Item) int { return cmp.Compare(a.Text, b.Text) })
	return all
}

// Truth works out what a crawl within limits has to come to, by the plan of the
// web and not by asking it.
func (w *Web) Truth(l Limits) *Truth {
	l.Tries, l.BlockedTries = cmp.Or(l.Tries, 6), cmp.Or(l.BlockedTries, 4)
	if l.Start == nil {
		l.Start = []string{w.Front(0)}
	}
	walk := &walk{web: w, limits: l, known: map[string]bool{}, truth: &Truth{Items: map[string][]Item{}}}
	for _, u := range l.Start {
		walk.meet(nil, u)
	}
	for len(walk.queue) > 0 {
		u := walk.queue[0]
		walk.queue = walk.queue[1:]
		walk.visit(u)
	}
	t := walk.truth
	for _, list := range [][]string{t.Read, t.Redirects, t.Missing, t.Failed, t.Loops, t.Disallowed} {
		slices.Sort(list)
	}
	return t
}

// A walk goes over the plan of a web, link by link.
type walk struct {
	web    *Web
	limits Limits
	known  map[string]bool
	queue  []string
	truth  *Truth
}

// meet queues what a link leads to. It reports a link that HTTP cannot follow.
func (k *walk) meet(base *url.URL, href string) (ok bool) {
	u, err := url.Parse(href)
	if err == nil && base != nil {
		u = base.ResolveReference(u)
	}
	if err != nil || u.Scheme != "http" {
		return false
	}
	u.RawQuery = ordered(u.RawQuery)
	text := u.String()
	follow := k.limits.Allow == nil || k.limits.Allow(text)
	if follow && !k.known[text] && TrapLevel(text) <= k.limits.TrapLevels {
		k.known[text] = true
		k.queue = append(k.queue, text)
	}
	return true
}

// ordered is a query with its keys in order, as a crawler compares URLs.
func ordered(query string) string {
	if query == "" {
		return ""
	}
	parts := strings.Split(query, "&")
	slices.SortStableFunc(parts, func(a, b string) int {
		a, _, _ = strings.Cut(a, "=")
		b, _, _ = strings.Cut(b, "=")
		return cmp.Compare(a, b)
	})
	return strings.Join(parts, "&")
}

// visit decides what becomes of one URL.
func (k *walk) visit(text string) {
	t := k.truth
	u, err := url.Parse(text)
	if err != nil {
		t.Failed = append(t.Failed, text)
		return
	}
	at, ok := k.web.find(u.Host, u)
	switch {
	case !ok || !k.passes(k.web.hostFault(at.host)):
		t.Failed = append(t.Failed, text)
	case !k.limits.IgnoreRobots && k.web.hasRobots(at.host) && strings.HasPrefix(u.Path, "/private/"):
		t.Disallowed = append(t.Disallowed, text)
	case at.kind == aPage:
		k.visitPage(u, at)
	case at.kind == aTrap:
		t.Read = append(t.Read, text)
		k.meetAll(u, k.web.trapNext(at.host, at.path))
	case at.kind == aRedirect:
		k.visitRedirect(u, at)
	case at.kind == aSitemap:
		t.Read = append(t.Read, text)
	default:
		t.Missing = append(t.Missing, text)
	}
}

func (k *walk) meetAll(base *url.URL, hrefs []string) {
	for _, href := range hrefs {
		k.meet(base, href)
	}
}

func (k *walk) visitPage(u *url.URL, at webPlace) {
	t, text := k.truth, u.String()
	fault := k.web.pageFault(at.host, at.number)
	if !k.passes(fault) {
		if fault.Kind == NotFound {
			t.Missing = append(t.Missing, text)
		} else {
			t.Failed = append(t.Failed, text)
		}
		return
	}
	t.Read = append(t.Read, text)
	t.Items[text] = k.web.Items(at.host, at.number)
	if fault.Kind == ShortLength {
		return // its links were beyond the end
	}
	k.meetAll(u, k.web.hrefs(at.host, at.number))
	if next := k.web.next(at.host, at.number); next != "" {
		k.meet(u, next)
	}
}

func (k *walk) visitRedirect(u *url.URL, at webPlace) {
	t, text := k.truth, u.String()
	_, location := k.web.leadsTo(at)
	switch {
	case at.way == wayLoop:
		t.Loops = append(t.Loops, text)
		k.meet(u, location)
	case k.meet(u, location):
		t.Redirects = append(t.Redirects, text)
	default:
		t.Failed = append(t.Failed, text)
	}
}

// passes reports whether a fault is over before the crawl gives up.
func (k *walk) passes(f Fault) bool {
	tries := k.limits.Tries
	if f.Kind.blocks() {
		tries = k.limits.BlockedTries
	}
	return f.Kind.harmless() || f.Times > 0 && f.Times < tries && !f.Kind.lasting()
}

// URLs returns all that a crawl has to ask for, sorted.
func (t *Truth) URLs() []string {
	all := map[string]bool{}
	for _, list := range [][]string{t.Read, t.Redirects, t.Missing, t.Failed, t.Loops} {
		for _, u := range list {
			all[u] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}
