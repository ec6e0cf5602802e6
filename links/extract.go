package links

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/clew-crawler/clew/selector"
	"github.com/clew-crawler/clew/selector/dom"
)

// Link is one link of a page.
type Link struct {
	// URL is what a browser would request, see Resolve, without fragment unless
	// the Extractor keeps it.
	URL string

	// Text is the text inside the element, its white space collapsed.
	Text string

	// NoFollow says that the page's author does not vouch for the link:
	// rel="nofollow".
	NoFollow bool
}

// Extractor finds the links of a page. The zero value finds those of <a> and
// <area> to other pages. It is only read, so it may be shared once it is set up.
type Extractor struct {
	// Allow keeps only URLs in which one of the expressions is found. Empty
	// allows all.
	Allow []*regexp.Regexp

	// Deny drops URLs in which one of the expressions is found, allowed or not.
	Deny []*regexp.Regexp

	// AllowDomains keeps only URLs of these domains and their subdomains,
	// written as for ParseDomains. Empty allows all.
	AllowDomains []string

	// DenyDomains drops URLs of these domains and their subdomains, allowed or
	// not.
	DenyDomains []string

	// RestrictCSS and RestrictXPath keep only links inside the parts of the
	// page that one of these selectors selects. Selectors that select nothing
	// leave no links. Both empty is the whole page.
	RestrictCSS   []string
	RestrictXPath []string

	// Tags are the elements that are links; empty is "a" and "area".
	Tags []string

	// Attrs are the attributes that hold their URLs; empty is "href".
	Attrs []string

	// DenyExtensions drops URLs whose path ends in one of these file name
	// extensions, in any case, with or without a leading dot, compound ones
	// such as "tar.gz" included. Empty is a list of over 120: archives, images,
	// sound, film, office documents, programs, fonts, style sheets, scripts.
	DenyExtensions []string

	// AllExtensions drops no URL for its extension.
	AllExtensions bool

	// KeepFragment keeps the fragment: URLs that differ in it are two links.
	KeepFragment bool

	// Process, if not nil, changes each URL before it is filtered; "" drops it.
	// What it returns may be relative to the page.
	Process func(url string) string
}

// Validate reports the entries of AllowDomains and DenyDomains that are no
// domains, all at once. Extract and Matches ignore those.
func (e Extractor) Validate() error {
	var faults []error
	if _, err := ParseDomains(e.AllowDomains); err != nil {
		faults = append(faults, fmt.Errorf("check AllowDomains: %w", err))
	}
	if _, err := ParseDomains(e.DenyDomains); err != nil {
		faults = append(faults, fmt.Errorf("check DenyDomains: %w", err))
	}
	return errors.Join(faults...)
}

// Matches reports whether the filters let an absolute URL pass: schemes,
// domains, expressions and extensions. It does not call Process.
func (e Extractor) Matches(url string) bool {
	return e.filter().passes(url)
}

// Extract gives the links of a page in document order, each canonical URL once.
// URLs are resolved against the page's <base href> if it has one. What cannot
// be resolved or is neither http nor https is skipped. A selector that does not
// parse selects nothing and is reported by doc.Err.
func (e Extractor) Extract(doc *selector.Document) []Link {
	tags := orDefault(e.Tags, "a", "area")
	elements := doc.CSS(strings.Join(tags, ", "))
	var (
		found   []Link
		seen    = make(map[string]bool, elements.Len())
		inside  = e.scope(doc)
		filter  = e.filter()
		resolve = resolver(doc)
		same    = Canonicalizer{KeepFragment: e.KeepFragment}
	)
	for element := range elements.All() {
		if !inside(element.Node()) {
			continue
		}
		for _, attr := range orDefault(e.Attrs, "href") {
			href, ok := attribute(element.Node(), attr)
			if !ok {
				continue
			}
			url, ok := e.target(href, resolve)
			if !ok || !filter.passesNormal(url, url) {
				continue
			}
			canonical, err := same.Canonical(url)
			if err != nil || seen[canonical] {
				continue
			}
			seen[canonical] = true
			if found == nil {
				found = make([]Link, 0, elements.Len())
			}
			found = append(found, Link{
				URL:      url,
				Text:     textOf(element.Node()),
				NoFollow: isNoFollow(element.Node()),
			})
		}
	}
	return found
}

func orDefault(list []string, fallback ...string) []string {
	if len(list) == 0 {
		return fallback
	}
	return list
}

// target gives the URL that an attribute's value stands for.
func (e Extractor) target(href string, resolve func(string) (string, error)) (string, bool) {
	url, err := resolve(href)
	if err != nil {
		return "", false // a page's mistake, or a scheme that is not the web's
	}
	if e.Process != nil {
		changed := e.Process(url)
		if changed == "" {
			return "", false
		}
		if url, err = resolve(changed); err != nil {
			return "", false
		}
	}
	if !e.KeepFragment {
		url, _, _ = strings.Cut(url, "#")
	}
	return url, true
}

// resolver resolves against the page's base; where that is no web address, only
// absolute URLs mean something.
func resolver(doc *selector.Document) func(string) (string, error) {
	base, err := NewBase(doc.Base())
	if err == nil {
		return base.Resolve
	}
	return func(href string) (string, error) {
		url, err := normal(href)
		return strings.Clone(url), err // it may be a part of the page, whose memory is used again
	}
}

// scope gives a function that tells whether a node lies in the part of the page
// that links are taken from.
func (e Extractor) scope(doc *selector.Document) func(dom.Node) bool {
	if len(e.RestrictCSS)+len(e.RestrictXPath) == 0 {
		return func(dom.Node) bool { return true }
	}
	parts := make(map[dom.Node]bool)
	for _, query := range e.RestrictCSS {
		for part := range doc.CSS(query).All() {
			parts[part.Node()] = true
		}
	}
	for _, query := range e.RestrictXPath {
		for part := range doc.XPath(query).All() {
			parts[part.Node()] = true
		}
	}
	return func(n dom.Node) bool {
		for ; !n.IsZero(); n = n.Parent() {
			if parts[n] {
				return true
			}
		}
		return false
	}
}

// filter is an Extractor's filters with the domains parsed.
type filter struct {
	Extractor
	allowed, denied Domains
}

func (e Extractor) filter() filter {
	// Faulty entries are for Validate to report.
	allowed, _ := ParseDomains(e.AllowDomains)
	denied, _ := ParseDomains(e.DenyDomains)
	return filter{e, allowed, denied}
}

func (f filter) passes(url string) bool {
	s, err := normal(url)
	return err == nil && f.passesNormal(url, s)
}

// passesNormal is passes for a URL whose normal form is at hand.
func (f filter) passesNormal(url, s string) bool {
	found := func(re *regexp.Regexp) bool { return re.MatchString(url) }
	switch {
	case len(f.AllowDomains) > 0 && !f.allowed.Contain(s),
		f.denied.Contain(s),
		len(f.Allow) > 0 && !slices.ContainsFunc(f.Allow, found),
		slices.ContainsFunc(f.Deny, found):
		return false
	}
	return f.AllExtensions || !hasDeniedExtension(split(s).path, f.DenyExtensions)
}

func attribute(n dom.Node, name string) (string, bool) {
	for i := range n.NumAttr() {
		if a := n.Attr(i); a.Namespace == "" && strings.EqualFold(a.Name, name) {
			return a.Value, true
		}
	}
	return "", false
}

func isNoFollow(n dom.Node) bool {
	rel, _ := attribute(n, "rel")
	return slices.ContainsFunc(strings.Fields(rel), func(word string) bool {
		return strings.EqualFold(word, "nofollow")
	})
}

func textOf(n dom.Node) string {
	var text strings.Builder
	space := false
	for d := range n.Descendants() {
		if !d.IsText() {
			continue
		}
		text.Grow(len(d.Data()))
		for _, c := range d.Data() {
			if unicode.IsSpace(c) {
				space = text.Len() > 0
				continue
			}
			if space {
				text.WriteByte(' ')
				space = false
			}
			text.WriteRune(c)
		}
	}
	return text.String()
}
