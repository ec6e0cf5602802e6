package dom

import (
	"bytes"
	"slices"
)

// A Mark tells the nodes of an [Order] apart: the [Tag] of an element, or one of these.
type Mark = uint8

// Marks that are no tags.
const (
	Silent Mark = 0   // the document, a comment or a doctype
	Text   Mark = 254 // a text
	Named  Mark = 255 // an element without a tag, known by its name alone
)

// An Order is the nodes of a tree in document order, in columns: what is below a node
// stands behind it without a gap, and a tag is found as fast as a byte in a string. It
// is good until the tree is released, and may then be used for another one. The zero
// Order is of no tree.
type Order struct {
	tree   *Tree
	use    uint32
	marks  []Mark
	ends   []int32  // the place behind the last node below
	ids    []nodeID // empty if they are the places
	places []int32  // by the IDs; likewise
}

// Read makes an Order that of a tree.
func (o *Order) Read(t *Tree) {
	n := len(t.nodes)
	o.tree, o.use = t, t.uses
	o.marks, o.ends = slices.Grow(o.marks[:0], n)[:n], slices.Grow(o.ends[:0], n)[:n]
	clear(o.ends)
	if o.ids, o.places = o.ids[:0], o.places[:0]; !o.readBack() {
		o.ids, o.places = slices.Grow(o.ids, n)[:n], slices.Grow(o.places, n)[:n]
		o.walk()
	}
}

// readBack reads a tree that was built in document order, as nearly all are: from the last
// node to the first, without following links. It reports whether the tree is such a one.
func (o *Order) readBack() bool {
	nodes := o.tree.nodes
	for id := len(nodes) - 1; id >= 0; id-- {
		n := &nodes[id]
		end := max(o.ends[id], int32(id)+1)
		o.marks[id], o.ends[id] = n.mark(), end
		if n.first != document && n.first != nodeID(id)+1 || n.next != document && n.next != nodeID(end) {
			return false
		}
		o.ends[n.parent] = max(o.ends[n.parent], end)
	}
	last := nodes[document].last
	return o.ends[last] == o.ends[document] && (last != document || len(nodes) == 1) // else nodes were taken out
}

// walk reads any tree.
func (o *Order) walk() {
	t, id, place := o.tree, document, int32(0)
	for {
		n := &t.nodes[id]
		o.marks[place], o.ids[place], o.places[id] = n.mark(), id, place
		place++
		if n.first != document {
			id = n.first
			continue
		}
		for o.ends[o.places[id]] = place; n.next == document; o.ends[o.places[id]] = place {
			if id == document {
				o.marks, o.ends, o.ids = o.marks[:place], o.ends[:place], o.ids[:place]
				return
			}
			id = n.parent
			n = &t.nodes[id]
		}
		id = n.next
	}
}

func (n *node) mark() Mark {
	switch {
	case n.tag != Other:
		return Mark(n.tag)
	case n.kind == ElementNode:
		return Named
	case n.kind == TextNode:
		return Text
	}
	return Silent
}

// IsOf reports whether the order is that of a tree as it is now.
func (o *Order) IsOf(t *Tree) bool { return o.tree == t && o.use == t.uses }

// Len is how many nodes there are.
func (o *Order) Len() int { return len(o.marks) }

// Place is where a node stands, 0 for the document.
func (o *Order) Place(n Node) int {
	if len(o.places) == 0 {
		return int(n.id)
	}
	return int(o.places[n.id])
}

// At is the node at a place.
func (o *Order) At(place int) Node {
	if len(o.ids) == 0 {
		return Node{o.tree, nodeID(place), o.use}
	}
	return Node{o.tree, o.ids[place], o.use}
}

// Mark is the mark of the node at a place.
func (o *Order) Mark(place int) Mark { return o.marks[place] }

// End is the place behind the last node below the one at a place.
func (o *Order) End(place int) int { return int(o.ends[place]) }

// Next is the first place from one on, and before an end, that has a mark; the end if none has.
func (o *Order) Next(mark Mark, from, end int) int {
	if i := bytes.IndexByte(o.marks[from:end], mark); i >= 0 {
		return from + i
	}
	return end
}
