package selector

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// render writes a node as markup.
func (d *Document) render(n *html.Node) string {
	var b strings.Builder
	if d.isXML {
		renderXML(&b, n)
		return b.String()
	}
	// Only trees that no page gives are refused, such as a void element with
	// content; what was written until there is the best there is.
	_ = html.Render(&b, n)
	return b.String()
}

// renderXML writes a node of an XML tree, with prefixes as they were.
func renderXML(b *strings.Builder, n *html.Node) {
	switch n.Type {
	case html.TextNode:
		escapeXML(b, n.Data)
		return
	case html.CommentNode:
		b.WriteString("<!--" + n.Data + "-->")
		return
	}
	name := n.Data
	if n.Namespace != "" {
		name = n.Namespace + ":" + n.Data
	}
	if n.Type == html.ElementNode {
		b.WriteString("<" + name)
		for _, a := range n.Attr {
			b.WriteString(" " + attrName(a) + `="`)
			escapeXML(b, a.Val)
			b.WriteString(`"`)
		}
		if n.FirstChild == nil {
			b.WriteString("/>")
			return
		}
		b.WriteString(">")
	}
	for c := range n.ChildNodes() {
		renderXML(b, c)
	}
	if n.Type == html.ElementNode {
		b.WriteString("</" + name + ">")
	}
}

func escapeXML(b *strings.Builder, s string) {
	b.WriteString(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;").Replace(s))
}

// attrName is an attribute's name with its prefix.
func attrName(a html.Attribute) string {
	if a.Namespace == "" {
		return a.Key
	}
	return a.Namespace + ":" + a.Key
}

// allText joins all text of n and below it.
func allText(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

// visibleText is allText without scripts and styles below n.
func visibleText(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode && (c.Parent == n || !isCode(c.Parent.DataAtom)) {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

func isCode(a atom.Atom) bool { return a == atom.Script || a == atom.Style }

// collapse trims white space and makes each run of it one space.
func collapse(s string) string { return strings.Join(strings.Fields(s), " ") }
