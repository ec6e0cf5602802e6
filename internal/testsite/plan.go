package testsite

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Item is what one div.quote of a page says.
type Item struct {
	Text   string   `json:"text"`
	Author string   `json:"author"`
	Tags   []string `json:"tags"`
}

// Items returns what page i yields, in the order of the page; nil for a broken
// page and for one that does not exist. Texts differ over the whole site.
func (s *Site) Items(i int) []Item {
	if !s.exists(i) || s.broken(i) {
		return nil
	}
	rng := random(s.cfg.Seed, forItems, uint64(i))
	items := make([]Item, s.cfg.ItemsPerPage)
	for k := range items {
		items[k] = Item{
			Text:   fmt.Sprintf("“%s” [%d.%d]", sentence(rng), i, k),
			Author: fullName(rng),
			Tags:   tags(rng),
		}
	}
	return items
}

// Title returns the text of page i's title element.
func (s *Site) Title(i int) string {
	rng := random(s.cfg.Seed, forTitle, uint64(i))
	return fmt.Sprintf("Page %d: the %s & the %s", i, pick(rng, nouns), pick(rng, nouns))
}

// Path returns the path of page i, with its query if it has one: the keys in
// order. Links on the site may permute them.
func (s *Site) Path(i int) string {
	path := pagePath(i)
	if query := s.query(i); query != nil {
		path += "?" + strings.Join(query, "&")
	}
	return path
}

// PagePaths returns the path of every page that yields items, in the order of
// their numbers. All of them can be reached from "/".
func (s *Site) PagePaths() []string {
	return s.paths(false)
}

// BrokenPaths returns the path of every page that always answers 404, 410 or
// 500. All of them are linked from pages that do not.
func (s *Site) BrokenPaths() []string {
	return s.paths(true)
}

func (s *Site) paths(broken bool) []string {
	var list []string
	for i := range s.cfg.Pages {
		if s.broken(i) == broken {
			list = append(list, s.Path(i))
		}
	}
	return list
}

func pagePath(i int) string {
	if i == 0 {
		return "/"
	}
	return "/page/" + strconv.Itoa(i)
}

func (s *Site) exists(i int) bool {
	return i >= 0 && i < s.cfg.Pages
}

// query gives one page in eight a query of its own, without which the page
// does not exist.
func (s *Site) query(i int) []string {
	x := mix(s.cfg.Seed, forQuery, uint64(i))
	if i == 0 || x%8 != 0 {
		return nil
	}
	return []string{
		"lang=" + []string{"da", "en", "pt"}[x>>8%3],
		"sort=" + []string{"new", "old"}[x>>16%2],
		"view=" + strconv.FormatUint(x>>24%100, 10),
	}
}

func (s *Site) broken(i int) bool {
	return i > 0 && chance(s.cfg.Seed, forBroken, uint64(i)) < s.cfg.BrokenRate
}

func (s *Site) brokenStatus(i int) int {
	statuses := []int{http.StatusNotFound, http.StatusGone, http.StatusInternalServerError}
	return statuses[mix(s.cfg.Seed, forFault, uint64(i))%uint64(len(statuses))]
}

// children are the pages below i in the spanning tree, which is laid out as a
// heap. A broken page cannot hand on its children, so they move up to i.
func (s *Site) children(i int) []int {
	width := max(1, s.cfg.LinksPerPage/3)
	if s.cfg.Chain {
		width = 1
	}
	var list []int
	for c := width*i + 1; c <= width*i+width && c < s.cfg.Pages; c++ {
		list = append(list, c)
		if s.broken(c) {
			list = append(list, s.children(c)...)
		}
	}
	return list
}

// next is the page that li.next leads to: the next one that is not broken.
func (s *Site) next(i int) (int, bool) {
	for n := i + 1; n < s.cfg.Pages; n++ {
		if !s.broken(n) {
			return n, true
		}
	}
	return 0, false
}

// targets are the pages that page i links to: its children in the tree, then
// others until there are LinksPerPage.
func (s *Site) targets(i int, rng *rand.Rand) []int {
	list := s.children(i)
	if s.cfg.Chain {
		return list
	}
	want := min(s.cfg.LinksPerPage, s.cfg.Pages-1)
	// Drawing a page again costs a turn, so on tiny sites the list may stay short.
	for turn := 0; len(list) < want && turn < 4*want; turn++ {
		if to := rng.IntN(s.cfg.Pages); to != i && !slices.Contains(list, to) {
			list = append(list, to)
		}
	}
	return list
}

// hrefs are the values of the href attributes of page i's list of links: its
// targets in many spellings, then some that lead nowhere new.
func (s *Site) hrefs(i int, rng *rand.Rand) []string {
	targets := s.targets(i, rng)
	list := make([]string, 0, len(targets)+4)
	for _, to := range targets {
		list = append(list, s.href(i, to, rng))
	}
	if len(targets) > 0 && rng.IntN(2) == 0 {
		list = append(list, s.href(i, pick(rng, targets), rng)) // a target met already
	}
	strays := []string{
		"http://offsite.invalid/", "http://offsite.invalid/page/1?from=" + strconv.Itoa(i),
		"mailto:" + strings.ToLower(pick(rng, tagNames)) + "@offsite.invalid",
		"javascript:void(0)", "http://[broken/", "http://two words.invalid/", "http://offsite.invalid:99999/", "",
	}
	for range rng.IntN(4) {
		list = append(list, pick(rng, strays))
	}
	return list
}

// href spells a link from one page to another.
func (s *Site) href(from, to int, rng *rand.Rand) string {
	if rng.Float64() < s.cfg.RedirectRate {
		return "/r/" + strconv.Itoa(to)
	}
	form := rng.IntN(8)
	path := pagePath(to)
	if form < 3 {
		path = relative(from, to)
	}
	if query := s.query(to); query != nil {
		rng.Shuffle(len(query), func(a, b int) { query[a], query[b] = query[b], query[a] })
		path += "?" + strings.Join(query, "&")
	}
	if form%3 == 0 {
		path += "#" + pick(rng, tagNames)
	}
	return path
}

func relative(from, to int) string {
	switch {
	case to == 0 && from == 0:
		return "."
	case to == 0:
		return "../"
	case from == 0:
		return "page/" + strconv.Itoa(to)
	case to%2 == 0:
		return "../page/" + strconv.Itoa(to)
	default:
		return strconv.Itoa(to)
	}
}
