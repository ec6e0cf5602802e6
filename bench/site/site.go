package site

import (
	"fmt"
	"strconv"
	"strings"
)

// What a page holds.
const (
	Items = 10 // items of two fields
	Links = 40 // links, fresh ones included
	Fresh = 5  // links to pages that no other page links to first

	// Far is how many of the other links lead anywhere when a site has hot pages.
	Far = 5
)

// A Site says where the links of its pages lead. It is safe for concurrent use.
//
// With Seen at 0 the pages form a tree that is crawled from page 0 on: each has
// five children, and its other links lead to pages that were linked before. With
// Seen pages known from the start, the other links lead to them: all but Far of
// them to the Hot ones, as menus and breadcrumbs do, and the rest anywhere.
type Site struct {
	Seen  uint64 // pages that are known from the start; 0 is a tree
	Hot   uint64 // known pages that most links lead to; 0 is none: all lead anywhere, the worst case
	Hosts int    // 0 is one host with relative links
	Pages uint64 // pages of a tree that ends; 0 is one without end
}

// URL returns the address of a page on one of the site's own hosts.
func (s Site) URL(page uint64) string {
	return string(s.appendURL(nil, page))
}

func (s Site) appendURL(b []byte, page uint64) []byte {
	if s.Hosts > 0 {
		b = append(b, "http://host"...)
		b = strconv.AppendUint(b, page%uint64(s.Hosts), 10)
		b = append(b, ".example"...)
	}
	b = append(b, "/catalogue/page/"...)
	b = strconv.AppendUint(b, page, 10)
	return append(b, ".html"...)
}

// Page returns the page that a path or URL names.
func Page(url string) (uint64, error) {
	name := strings.TrimSuffix(url[strings.LastIndexByte(url, '/')+1:], ".html")
	page, err := strconv.ParseUint(name, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no page of the site: %w", url, err)
	}
	return page, nil
}

// Targets returns the pages that a page links to.
func (s Site) Targets(page uint64) []uint64 {
	targets := make([]uint64, Links)
	for n := range targets {
		targets[n] = s.target(page, n)
	}
	return targets
}

// target returns the page that link n of a page leads to.
func (s Site) target(page uint64, n int) uint64 {
	if n < Fresh {
		if fresh := s.Seen + Fresh*page + uint64(n) + 1; s.Pages == 0 || fresh < s.Pages {
			return fresh
		}
	}
	h := mix(page*Links + uint64(n))
	switch {
	case s.Seen == 0:
		return h % (page + 1)
	case s.Hot > 0 && n >= Fresh+Far:
		return h % min(s.Hot, s.Seen)
	}
	return h % s.Seen
}

const lorem = "the thread runs from the door through every turn of the maze and back to the hand that holds it "

// Append renders a page.
func (s Site) Append(b []byte, page uint64) []byte {
	b = append(b, "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>Page "...)
	b = strconv.AppendUint(b, page, 10)
	b = append(b, "</title></head><body><div class=\"container\"><h1>Catalogue</h1>\n"...)
	for n := range Items {
		b = append(b, "<div class=\"quote\"><span class=\"text\">"...)
		b = strconv.AppendUint(b, mix(page+uint64(n)), 16)
		b = append(b, ": "+lorem+"</span> <span>by <small class=\"author\">Author "...)
		b = strconv.AppendInt(b, int64(n), 10)
		b = append(b, "</small></span><p class=\"note\">"+lorem+lorem+lorem+lorem+"</p></div>\n"...)
	}
	b = append(b, "<ul class=\"nav\">\n"...)
	for n := range Links {
		b = append(b, "<li class=\"nav-item\"><a class=\"title\" href=\""...)
		b = s.appendURL(b, s.target(page, n))
		b = append(b, "\">Entry number "...)
		b = strconv.AppendInt(b, int64(n), 10)
		b = append(b, "</a></li>\n"...)
	}
	return append(b, "</ul></div></body></html>\n"...)
}

// mix spreads a number over 64 bits.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
