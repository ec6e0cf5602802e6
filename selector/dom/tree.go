package dom

import (
	"slices"
	"strings"
	"sync"
	"unsafe"
)

// A Kind says what a node is.
type Kind uint8

// The kinds of nodes.
const (
	DocumentNode Kind = iota // the root of every tree, and no other node
	ElementNode
	TextNode
	CommentNode
	DoctypeNode
)

// A nodeID is the place of a node among the tree's.
type nodeID int32

// document is the root of every tree. It also stands for no child and no sibling, and
// for the parent of a node that has none.
const document nodeID = 0

// Namespaces of elements and attributes. XML trees add the prefixes that they use.
const (
	noSpace uint16 = iota
	mathSpace
	svgSpace
	xlinkSpace
	xmlSpace
	xmlnsSpace
	fixedSpaces
)

// A ref is a piece of the tree's text.
type ref struct{ start, end uint32 }

func (r ref) empty() bool { return r.start == r.end }

type node struct {
	kind  Kind
	tag   Tag
	space uint16

	parent, first, last, prev, next nodeID

	data  ref    // text, comment, or the name of an element that has no tag
	attrs uint32 // the first of its attributes
	count uint32 // of its attributes
}

type attribute struct {
	space      uint16
	name, data ref
}

// A Tree is the tree of one page: nodes and attributes in two slices, and one text
// that they refer to. It is for one goroutine at a time while it is built, and safe
// for concurrent use by readers after that.
type Tree struct {
	text   []byte // the page, and behind it what does not stand there as it is needed
	nodes  []node
	attrs  []attribute
	spaces []string // namespaces by number, from fixedSpaces on
	uses   uint32   // how often the memory was released
}

//nolint:gochecknoglobals // memory of trees that were released
var trees = sync.Pool{New: func() any { return new(Tree) }}

// Release gives the tree's memory to trees that are built later. Its nodes are empty
// from then on, and strings that they returned may not be used any more.
func (t *Tree) Release() {
	t.uses++
	if t.isGiant() {
		*t = Tree{uses: t.uses} // whoever still has a node keeps none of its memory
		return
	}
	t.reset()
	trees.Put(t)
}

// isGiant reports whether a tree has more memory than should be kept for others.
func (t *Tree) isGiant() bool {
	const most = 8 << 20
	return cap(t.text) > most || cap(t.nodes)*int(unsafe.Sizeof(node{})) > most ||
		cap(t.attrs)*int(unsafe.Sizeof(attribute{})) > most
}

func (t *Tree) reset() {
	t.text, t.nodes, t.attrs, t.spaces = t.text[:0], append(t.nodes[:0], node{}), t.attrs[:0], t.spaces[:0]
}

// maxPage bounds a page, so that places in its text and numbers of nodes fit in 32 bits.
const maxPage = 1 << 30

// newTree returns a tree of a document with a text and no nodes but the document.
func newTree(text string) *Tree {
	text = text[:min(len(text), maxPage)]
	t := trees.Get().(*Tree)
	t.reset()
	t.text = append(t.text, text...)
	return t
}

// view returns a piece of the text without copying it. It is good until the tree is released.
func (t *Tree) view(r ref) string {
	if r.empty() {
		return ""
	}
	return unsafe.String(&t.text[r.start], r.end-r.start) //nolint:gosec // the text is only ever appended to
}

func (t *Tree) bytes(r ref) []byte { return t.text[r.start:r.end] }

// intern adds a string to the text.
func (t *Tree) intern(s string) ref {
	start := len(t.text)
	t.text = append(t.text, s...)
	return t.since(start)
}

// since is what was added to the text from a place on.
func (t *Tree) since(start int) ref {
	return ref{uint32(start), uint32(len(t.text))}
}

func (t *Tree) add(n node) nodeID {
	n.parent = document
	t.nodes = append(t.nodes, n)
	return nodeID(len(t.nodes) - 1)
}

// appendChild makes a node without a parent the last child of another.
func (t *Tree) appendChild(parent, child nodeID) { t.insertBefore(parent, child, document) }

// insertBefore puts a node without a parent before a child of another, or after the
// last if there is no such.
func (t *Tree) insertBefore(parent, child, before nodeID) {
	p, c := &t.nodes[parent], &t.nodes[child]
	c.parent, c.next = parent, before
	if before == document {
		c.prev, p.last = p.last, child
	} else {
		c.prev, t.nodes[before].prev = t.nodes[before].prev, child
	}
	if c.prev == document {
		p.first = child
	} else {
		t.nodes[c.prev].next = child
	}
}

// detach takes a node from its parent.
func (t *Tree) detach(id nodeID) {
	n := &t.nodes[id]
	p := &t.nodes[n.parent]
	if n.prev != document {
		t.nodes[n.prev].next = n.next
	} else if p.first == id {
		p.first = n.next
	}
	if n.next != document {
		t.nodes[n.next].prev = n.prev
	} else if p.last == id {
		p.last = n.prev
	}
	n.parent, n.prev, n.next = document, document, document
}

func (t *Tree) space(number uint16) string {
	switch number {
	case noSpace:
		return ""
	case mathSpace:
		return "math"
	case svgSpace:
		return "svg"
	case xlinkSpace:
		return "xlink"
	case xmlSpace:
		return "xml"
	case xmlnsSpace:
		return "xmlns"
	}
	return t.spaces[number-fixedSpaces]
}

// spaceOf returns the number of a namespace, a new one if need be. When there are
// more than can be numbered, the rest have none.
func (t *Tree) spaceOf(name string) uint16 {
	for n := range fixedSpaces {
		if t.space(n) == name {
			return n
		}
	}
	i := slices.Index(t.spaces, name)
	if i < 0 {
		if len(t.spaces) > 1000 {
			return noSpace
		}
		i = len(t.spaces)
		t.spaces = append(t.spaces, strings.Clone(name))
	}
	return fixedSpaces + uint16(i)
}
