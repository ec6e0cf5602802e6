package selector

import (
	"encoding/xml"
	"io"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxDepth bounds how deep a tree is, and so every recursion over one. It is
// the bound of html.Parse.
const maxDepth = 512

// parseHTML builds the tree of an HTML page by the rules of the standard. What
// html.Parse refuses, elements nested too deep, is read more plainly.
func parseHTML(text string) *html.Node {
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		return parseDeepHTML(text)
	}
	return root
}

// parseDeepHTML builds a tree with bounded depth by tags alone, without the
// rules for implied elements.
func parseDeepHTML(text string) *html.Node {
	b := newBuilder()
	z := html.NewTokenizer(strings.NewReader(text))
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			return b.end()
		}
		t := z.Token()
		switch kind {
		case html.TextToken:
			b.text(t.Data)
		case html.CommentToken:
			b.add(&html.Node{Type: html.CommentNode, Data: t.Data})
		case html.EndTagToken:
			b.close("", t.Data)
		case html.StartTagToken, html.SelfClosingTagToken:
			b.open(&html.Node{Type: html.ElementNode, Data: t.Data, DataAtom: t.DataAtom, Attr: t.Attr})
			if isVoid(t.DataAtom) {
				b.close("", t.Data)
			}
		case html.ErrorToken, html.DoctypeToken:
		}
	}
}

// isVoid says whether an element has no content (HTML, 13.1.2).
func isVoid(a atom.Atom) bool {
	switch a {
	case atom.Area, atom.Base, atom.Br, atom.Col, atom.Embed, atom.Hr, atom.Img, atom.Input,
		atom.Link, atom.Meta, atom.Param, atom.Source, atom.Track, atom.Wbr:
		return true
	}
	return false
}

// maxFaults bounds how often the reading of a broken XML page starts anew.
const maxFaults = 20

// parseXML builds the same kind of tree from XML: names keep their case, a
// prefix is kept in Namespace. It is lenient with what feeds get wrong: what is
// no markup is text, up to the next tag.
func parseXML(text string) *html.Node {
	text = withoutControls(text)
	b := newBuilder()
	for faults := 0; ; faults++ {
		read := readXML(b, text)
		if read == len(text) || faults == maxFaults {
			return b.end()
		}
		next := len(text)
		if i := strings.IndexByte(text[read+1:], '<'); i >= 0 {
			next = read + 1 + i
		}
		b.text(html.UnescapeString(text[read:next]))
		text = text[next:]
	}
}

// readXML reads until the end or the first fault and returns how far it came.
func readXML(b *builder, text string) int {
	z := xml.NewDecoder(strings.NewReader(text))
	z.Strict = false
	z.Entity = xml.HTMLEntity
	z.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) {
		return r, nil // the text is decoded already, whatever the declaration says
	}
	for {
		start := int(z.InputOffset())
		token, err := z.RawToken()
		if err != nil {
			return start // at the end this is all of it
		}
		switch t := token.(type) {
		case xml.StartElement:
			n := &html.Node{Type: html.ElementNode, Data: t.Name.Local, Namespace: t.Name.Space}
			for _, a := range t.Attr {
				n.Attr = append(n.Attr, html.Attribute{Namespace: a.Name.Space, Key: a.Name.Local, Val: a.Value})
			}
			b.open(n)
		case xml.EndElement:
			b.close(t.Name.Space, t.Name.Local)
		case xml.CharData:
			b.text(string(t))
		case xml.Comment:
			b.add(&html.Node{Type: html.CommentNode, Data: string(t)})
		}
	}
}

// withoutControls removes the characters that XML does not allow (XML 1.0,
// section 2.2), at which a decoder would stop.
func withoutControls(text string) string {
	illegal := func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == '\uFFFE' || r == '\uFFFF'
	}
	if strings.IndexFunc(text, illegal) < 0 {
		return text
	}
	return strings.Map(func(r rune) rune {
		if illegal(r) {
			return -1
		}
		return r
	}, text)
}

// builder makes a tree of bounded depth from tags.
type builder struct {
	root    *html.Node
	stack   []*html.Node // open elements that may have children, below the root
	over    int          // open elements too deep to have elements inside
	leaf    *html.Node   // the last of them, which may still have text
	pending strings.Builder
}

func newBuilder() *builder {
	return &builder{root: &html.Node{Type: html.DocumentNode}}
}

func (b *builder) top() *html.Node {
	switch {
	case b.leaf != nil:
		return b.leaf
	case len(b.stack) == 0:
		return b.root
	}
	return b.stack[len(b.stack)-1]
}

func (b *builder) add(n *html.Node) {
	b.flush()
	b.top().AppendChild(n)
}

// text adds text. Outside the root element there is none.
func (b *builder) text(s string) {
	if len(b.stack) > 0 {
		b.pending.WriteString(s)
	}
}

// flush ends a run of text, which is one node however it was written.
func (b *builder) flush() {
	if b.pending.Len() > 0 {
		b.top().AppendChild(&html.Node{Type: html.TextNode, Data: b.pending.String()})
		b.pending.Reset()
	}
}

func (b *builder) open(n *html.Node) {
	b.flush()
	b.leaf = nil
	b.add(n)
	if len(b.stack) < maxDepth-2 {
		b.stack = append(b.stack, n)
		return
	}
	b.over++
	b.leaf = n
}

// close ends the innermost open element of that name and all inside it; a name
// that is not open is ignored. Elements too deep are only counted.
func (b *builder) close(prefix, name string) {
	if b.over > 0 {
		b.flush()
		b.leaf = nil
		b.over--
		return
	}
	for i, n := range slices.Backward(b.stack) {
		if n.Data == name && n.Namespace == prefix {
			b.flush()
			b.stack = b.stack[:i]
			return
		}
	}
}

// end closes all that is open and returns the tree.
func (b *builder) end() *html.Node {
	b.flush()
	return b.root
}
