package dom

import "slices"

// An outline makes a tree of bounded depth of tags alone, without the rules for
// implied elements.
type outline struct {
	tree    *Tree
	stack   []nodeID // open elements that may have children
	over    int      // open elements too deep to have elements inside
	leaf    nodeID   // the last of them, which may still have text
	pending []byte   // text that may go on
}

func (o *outline) top() nodeID {
	switch {
	case o.leaf != document:
		return o.leaf
	case len(o.stack) == 0:
		return document
	}
	return o.stack[len(o.stack)-1]
}

func (o *outline) add(n node) nodeID {
	o.flush()
	id := o.tree.add(n)
	o.tree.appendChild(o.top(), id)
	return id
}

// text adds text. Outside the root element there is none.
func (o *outline) text(s string) {
	if len(o.stack) > 0 {
		o.pending = append(o.pending, s...)
	}
}

// flush ends a run of text, which is one node however it was written.
func (o *outline) flush() {
	if len(o.pending) > 0 {
		id := o.tree.add(node{kind: TextNode, data: o.tree.intern(string(o.pending))})
		o.tree.appendChild(o.top(), id)
		o.pending = o.pending[:0]
	}
}

func (o *outline) open(n node) {
	o.flush()
	o.leaf = document
	id := o.add(n)
	if len(o.stack) < maxDepth-2 {
		o.stack = append(o.stack, id)
		return
	}
	o.over++
	o.leaf = id
}

// close ends the innermost open element that is meant and all inside it; one that is
// not open is ignored. Elements too deep are only counted.
func (o *outline) close(meant func(n *node) bool) {
	if o.over > 0 {
		o.flush()
		o.leaf = document
		o.over--
		return
	}
	for i, v := range slices.Backward(o.stack) {
		if meant(&o.tree.nodes[v]) {
			o.flush()
			o.stack = o.stack[:i]
			return
		}
	}
}

// parseDeep reads a page that the standard's rules would nest too deep.
func parseDeep(page string) *Tree {
	t := newTree(page)
	o := outline{tree: t}
	var z tokenizer
	z.init(t)
	var tok token
	meant := func(n *node) bool {
		return n.tag == tok.tag && (tok.tag != Other || t.view(n.data) == t.view(tok.data))
	}
	for {
		z.next(&tok, false)
		switch tok.kind {
		case endOfFile:
			o.flush()
			return t
		case textToken:
			o.text(t.view(tok.data))
		case commentToken:
			o.add(node{kind: CommentNode, data: tok.data})
		case endTag:
			o.close(meant)
		case startTag:
			o.open(node{kind: ElementNode, tag: tok.tag, data: tok.data, attrs: tok.attrs, count: tok.count})
			if tok.tag.Void() {
				o.close(meant)
			}
		case doctypeToken:
		}
	}
}
