package dom

import (
	"encoding/xml"
	"io"
	"strings"

	"golang.org/x/net/html"
)

// maxFaults bounds how often the reading of a broken XML page starts anew.
const maxFaults = 20

// ParseXML builds the same kind of tree from XML: names keep their case, and a prefix
// is the namespace. It is lenient with what feeds get wrong: what is no markup is text,
// up to the next tag.
func ParseXML(page string) *Tree {
	page = withoutControls(page)
	o := outline{tree: newTree("")}
	for faults := 0; ; faults++ {
		read := o.readXML(page)
		if read == len(page) || faults == maxFaults {
			o.flush()
			return o.tree
		}
		next := len(page)
		if i := strings.IndexByte(page[read+1:], '<'); i >= 0 {
			next = read + 1 + i
		}
		o.text(html.UnescapeString(page[read:next]))
		page = page[next:]
	}
}

// readXML reads until the end or the first fault and returns how far it came.
func (o *outline) readXML(page string) int {
	z := xml.NewDecoder(strings.NewReader(page))
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
			o.open(o.xmlElement(t))
		case xml.EndElement:
			space := o.tree.spaceOf(t.Name.Space)
			o.close(func(n *node) bool { return n.space == space && o.tree.view(n.data) == t.Name.Local })
		case xml.CharData:
			o.text(string(t))
		case xml.Comment:
			o.add(node{kind: CommentNode, data: o.tree.intern(string(t))})
		}
	}
}

func (o *outline) xmlElement(e xml.StartElement) node {
	t := o.tree
	n := node{
		kind: ElementNode, space: t.spaceOf(e.Name.Space), data: t.intern(e.Name.Local),
		attrs: uint32(len(t.attrs)), count: uint32(len(e.Attr)),
	}
	for _, a := range e.Attr {
		t.attrs = append(t.attrs, attribute{t.spaceOf(a.Name.Space), t.intern(a.Name.Local), t.intern(a.Value)})
	}
	return n
}

// withoutControls removes the characters that XML does not allow (XML 1.0, section
// 2.2), at which a decoder would stop.
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
