package selector

import (
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/clew-crawler/clew/selector/dom"
)

// render writes a node as markup.
func (d *Document) render(n dom.Node) string {
	var b strings.Builder
	if d.isXML {
		renderXML(&b, n)
		return b.String()
	}
	// Only trees that no page gives are refused, such as a void element with
	// content; what was written until there is the best there is.
	_ = html.Render(&b, htmlNode(n, nil))
	return b.String()
}

// htmlTree is a document's tree as the html package has it.
type htmlTree struct {
	root  *html.Node
	nodes []*html.Node // by the IDs of the nodes that they mirror
}

// mirror returns a node as the html package has it, with all the tree around it.
func (d *Document) mirror(n dom.Node) *html.Node {
	if d.html == nil {
		root := d.tree()
		d.html = &htmlTree{nodes: make([]*html.Node, d.nodes.Len())}
		d.html.root = htmlNode(root, d.html.nodes)
	}
	return d.html.nodes[n.ID()]
}

// htmlNode copies a node with what is below it. The copies are noted in nodes, unless
// that is nil.
func htmlNode(n dom.Node, nodes []*html.Node) *html.Node {
	c := &html.Node{}
	switch n.Kind() {
	case dom.DocumentNode:
		c.Type = html.DocumentNode
	case dom.ElementNode:
		c.Type, c.Namespace, c.Data = html.ElementNode, strings.Clone(n.Namespace()), strings.Clone(n.Name())
		c.DataAtom = atom.Lookup([]byte(c.Data))
	case dom.TextNode:
		c.Type, c.Data = html.TextNode, strings.Clone(n.Data())
	case dom.CommentNode:
		c.Type, c.Data = html.CommentNode, strings.Clone(n.Data())
	case dom.DoctypeNode:
		c.Type, c.Data = html.DoctypeNode, strings.Clone(n.Data())
	}
	for i := range n.NumAttr() {
		a := n.Attr(i)
		c.Attr = append(c.Attr, html.Attribute{
			Namespace: a.Namespace, Key: strings.Clone(a.Name), Val: strings.Clone(a.Value),
		})
	}
	for child := range n.Children() {
		c.AppendChild(htmlNode(child, nodes))
	}
	if nodes != nil {
		nodes[n.ID()] = c
	}
	return c
}

// renderXML writes a node of an XML tree, with prefixes as they were.
func renderXML(b *strings.Builder, n dom.Node) {
	switch n.Kind() { //nolint:exhaustive // the others have content
	case dom.TextNode:
		escapeXML(b, n.Data())
		return
	case dom.CommentNode:
		b.WriteString("<!--" + n.Data() + "-->")
		return
	}
	name := qualified(n.Namespace(), n.Name())
	if n.IsElement() {
		b.WriteString("<" + name)
		for i := range n.NumAttr() {
			a := n.Attr(i)
			b.WriteString(" " + qualified(a.Namespace, a.Name) + `="`)
			escapeXML(b, a.Value)
			b.WriteString(`"`)
		}
		if n.FirstChild().IsZero() {
			b.WriteString("/>")
			return
		}
		b.WriteString(">")
	}
	for c := range n.Children() {
		renderXML(b, c)
	}
	if n.IsElement() {
		b.WriteString("</" + name + ">")
	}
}

func escapeXML(b *strings.Builder, s string) {
	b.WriteString(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;").Replace(s))
}

// qualified is a name with its prefix.
func qualified(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + ":" + name
}

// allText joins all text of n and below it.
func allText(n dom.Node) string {
	if n.IsText() {
		return strings.Clone(n.Data())
	}
	var b strings.Builder
	for c := range n.Descendants() {
		if c.IsText() {
			b.WriteString(c.Data())
		}
	}
	return b.String()
}

// visibleText is allText without scripts and styles below n.
func visibleText(n dom.Node) string {
	if n.IsText() {
		return n.Data()
	}
	if only := n.FirstChild(); !only.IsZero() && only.IsText() && only.NextSibling().IsZero() {
		return only.Data()
	}
	var b strings.Builder
	for c := range n.Descendants() {
		if c.IsText() && (c.Parent() == n || !isCode(c.Parent().Tag())) {
			b.WriteString(c.Data())
		}
	}
	return b.String()
}

func isCode(tag dom.Tag) bool { return tag == dom.Script || tag == dom.Style }

// collapse trims white space and makes each run of it one space. The result is a copy.
func (d *Document) collapse(s string) string {
	if isCollapsed(s) {
		return d.clone(s)
	}
	words := strings.Fields(s)
	if len(words) == 1 {
		return d.clone(words[0])
	}
	return strings.Join(words, " ")
}

// isCollapsed says that collapse would change nothing.
func isCollapsed(s string) bool {
	before := ' '
	for _, c := range s {
		if c == ' ' && before == ' ' || c != ' ' && unicode.IsSpace(c) {
			return false
		}
		before = c
	}
	return s == "" || before != ' '
}
