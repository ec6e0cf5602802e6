package dom

import "iter"

// A Node is a node of a tree. It is a small value, to be compared with ==. The zero
// Node is none. Strings that its methods return are views of the tree's memory: good
// until the tree is released, to be copied by whoever keeps them longer.
type Node struct {
	tree *Tree
	id   nodeID
	use  uint32 // of the tree's memory
}

// Root returns the document, which every other node is below.
func (t *Tree) Root() Node { return t.ref(document) }

func (t *Tree) ref(id nodeID) Node { return Node{t, id, t.uses} }

// Len is the number of nodes, those included that are not part of the document any
// more. Every [Node.ID] is less.
func (t *Tree) Len() int { return len(t.nodes) }

// IsZero reports whether there is no node.
func (n Node) IsZero() bool { return n.tree == nil }

// ID is the place of a node in the order in which the tree was built.
func (n Node) ID() int { return int(n.id) }

// Released reports whether the node's tree was released, so that there is nothing in
// the node any more.
func (n Node) Released() bool { return n.tree != nil && n.use != n.tree.uses }

// at is empty for a node of a tree that was released.
func (n Node) at() *node {
	if n.use != n.tree.uses {
		return &node{}
	}
	return &n.tree.nodes[n.id]
}

// other returns a neighbour, the zero Node for document, which is none's.
func (n Node) other(id nodeID) Node {
	if id == document {
		return Node{}
	}
	return Node{n.tree, id, n.use}
}

// Kind says what a node is.
func (n Node) Kind() Kind { return n.at().kind }

// IsElement reports whether a node is an element.
func (n Node) IsElement() bool { return n.at().kind == ElementNode }

// IsText reports whether a node is text.
func (n Node) IsText() bool { return n.at().kind == TextNode }

// Tag is an HTML element's tag, Other for what has none.
func (n Node) Tag() Tag { return n.at().tag }

// Name is an element's name without its namespace.
func (n Node) Name() string {
	e := n.at()
	if !e.data.empty() {
		return n.tree.view(e.data)
	}
	return e.tag.String()
}

// Namespace is an element's namespace: "" for HTML, "svg", "math", or the prefix that
// it has in an XML page.
func (n Node) Namespace() string { return n.tree.space(n.at().space) }

// Data is the text of a text or a comment, or the name of a doctype.
func (n Node) Data() string { return n.tree.view(n.at().data) }

// Parent is the node that a node is a child of, the zero Node for the document.
func (n Node) Parent() Node {
	if n.id == document {
		return Node{}
	}
	return Node{n.tree, n.at().parent, n.use}
}

// FirstChild is the first child, the zero Node if there is none.
func (n Node) FirstChild() Node { return n.other(n.at().first) }

// NextSibling is the node after a node, the zero Node if it is the last.
func (n Node) NextSibling() Node { return n.other(n.at().next) }

// PrevSibling is the node before a node, the zero Node if it is the first.
func (n Node) PrevSibling() Node { return n.other(n.at().prev) }

// Children yields the children in order.
func (n Node) Children() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		for c := n.FirstChild(); !c.IsZero() && yield(c); c = c.NextSibling() {
		}
	}
}

// Descendants yields what is below a node, in document order.
func (n Node) Descendants() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		for c := n.next(n); !c.IsZero() && yield(c); c = c.next(n) {
		}
	}
}

// next is the node after n in document order, below a root.
func (n Node) next(root Node) Node {
	if first := n.FirstChild(); !first.IsZero() {
		return first
	}
	for ; n != root && !n.IsZero(); n = n.Parent() {
		if sibling := n.NextSibling(); !sibling.IsZero() {
			return sibling
		}
	}
	return Node{}
}

// An Attr is an attribute of an element.
type Attr struct {
	Namespace string // "xlink", "xml", "xmlns", or the prefix that it has in an XML page
	Name      string
	Value     string
}

// NumAttr is the number of an element's attributes.
func (n Node) NumAttr() int { return int(n.at().count) }

// Attr returns an element's attribute by its place, from 0 to NumAttr-1.
func (n Node) Attr(i int) Attr {
	e := n.at()
	a := &n.tree.attrs[e.attrs : e.attrs+e.count][i]
	return Attr{n.tree.space(a.space), n.tree.view(a.name), n.tree.view(a.data)}
}

// Lookup returns the value of an element's attribute by its name, by "prefix:name" or,
// if no other has that name, by the name behind a prefix.
func (n Node) Lookup(name string) (value string, ok bool) {
	e := n.at()
	attrs := n.tree.attrs[e.attrs : e.attrs+e.count]
	var behind *attribute
	for i := range attrs {
		a := &attrs[i]
		switch {
		case a.space == noSpace:
			if n.tree.view(a.name) == name {
				return n.tree.view(a.data), true
			}
		case n.tree.space(a.space)+":"+n.tree.view(a.name) == name:
			return n.tree.view(a.data), true
		case behind == nil && n.tree.view(a.name) == name:
			behind = a
		}
	}
	if behind != nil {
		return n.tree.view(behind.data), true
	}
	return "", false
}
