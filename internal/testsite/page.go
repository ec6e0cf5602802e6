package testsite

import (
	"bytes"
	"html"
	"strconv"
)

// render writes page i. It is built by hand rather than by a template because
// benchmarks measure the crawler, so the server must cost little.
func (s *Site) render(i int) []byte {
	rng := random(s.cfg.Seed, forLinks, uint64(i))
	var b bytes.Buffer
	b.Grow(s.cfg.BodyBytes + 4096)
	b.WriteString("<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>")
	b.WriteString(html.EscapeString(s.Title(i)))
	b.WriteString("</title></head>\n<body>\n")
	for _, item := range s.Items(i) {
		writeItem(&b, item)
	}
	b.WriteString("<ul class=\"links\">\n")
	for k, href := range s.hrefs(i, rng) {
		b.WriteString("<li>")
		writeLink(&b, "", href, "link "+strconv.Itoa(k))
		b.WriteString("</li>\n")
	}
	b.WriteString("</ul>\n<ul class=\"pager\">\n")
	if next, ok := s.next(i); ok {
		b.WriteString("<li class=\"next\">")
		writeLink(&b, "", s.href(i, next, rng), "Next")
		b.WriteString("</li>\n")
	}
	b.WriteString("</ul>\n")
	s.pad(&b, i)
	b.WriteString("</body>\n</html>\n")
	return b.Bytes()
}

func writeItem(b *bytes.Buffer, item Item) {
	b.WriteString("<div class=\"quote\">\n<span class=\"text\">")
	b.WriteString(html.EscapeString(item.Text))
	b.WriteString("</span>\n<span>by <small class=\"author\">")
	b.WriteString(html.EscapeString(item.Author))
	b.WriteString("</small></span>\n<div class=\"tags\">")
	for _, tag := range item.Tags {
		writeLink(b, "tag", "#"+tag, tag)
	}
	b.WriteString("</div>\n</div>\n")
}

func writeLink(b *bytes.Buffer, class, href, text string) {
	b.WriteString("<a")
	if class != "" {
		b.WriteString(" class=\"" + html.EscapeString(class) + "\"")
	}
	b.WriteString(" href=\"")
	b.WriteString(html.EscapeString(href))
	b.WriteString("\">")
	b.WriteString(html.EscapeString(text))
	b.WriteString("</a>")
}

// pad brings the page to about BodyBytes with a piece of the site's filler.
func (s *Site) pad(b *bytes.Buffer, i int) {
	const frame = len("<p class=\"filler\"></p>\n</body>\n</html>\n")
	missing := s.cfg.BodyBytes - b.Len() - frame
	if missing <= 0 {
		return
	}
	start := int(mix(s.cfg.Seed, forFiller, uint64(i)) % fillerSlack)
	b.WriteString("<p class=\"filler\">")
	b.WriteString(s.filler[start : start+missing])
	b.WriteString("</p>\n")
}
