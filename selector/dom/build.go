package dom

import (
	"bytes"
	"slices"
	"sync"
)

// maxDepth bounds how deep a tree is, and so every recursion over one.
const maxDepth = 512

// maxActive bounds the list of active formatting elements. It grows with the page only
// where cells and objects are never closed.
const maxActive = 4 * maxDepth

// moreCopies is how many elements and attributes may be copied beyond one for each
// byte of a page. The rules open formatting elements again in every paragraph, so that
// three bytes can ask for 500 elements.
const moreCopies = 1 << 16

// A mode is an insertion mode: it says what a token means where it stands
// (13.2.4.1). A mode returns false if the token is to be looked at again.
type mode uint8

const (
	initial mode = iota
	beforeHTML
	beforeHead
	inHead
	afterHead
	inBody
	inText
	inTable
	inCaption
	inColumnGroup
	inTableBody
	inRow
	inCell
	inTemplate
	afterBody
	inFrameset
	afterFrameset
	afterAfterBody
	afterAfterFrameset
	ignoreRest
)

// A builder makes a tree of tokens (13.2.6).
type builder struct {
	tree *Tree
	tokenizer
	tok token

	open   []nodeID // the stack of open elements (13.2.4.2)
	active []nodeID // the list of active formatting elements (13.2.4.3), with markers
	head   nodeID
	form   nodeID

	mode      mode
	original  mode   // to go back to after text
	templates []mode // the stack of template insertion modes

	quirks          bool
	framesetOK      bool
	fosterParenting bool // where a table does not take it, put it before the table
	tooDeep         bool // or otherwise too much: the page is to be read more plainly
	copied          int  // elements that were copied, and their attributes

	annotations map[nodeID]bool // the annotation-xml elements that take HTML

	pieces map[nodeID][]byte     // texts that are still put together
	late   map[nodeID]*lateAttrs // of html and body
}

// marker separates active formatting elements of cells, captions, objects and templates.
const marker = document

//nolint:gochecknoglobals // memory of builders that are done
var builders = sync.Pool{New: func() any { return new(builder) }}

// ParseHTML builds the tree of an HTML page by the rules of the standard, with
// scripting. A page that they would nest too deep, or make far larger than it is, is
// read more plainly. Release the tree when it is not needed any more.
func ParseHTML(page string) *Tree {
	if t := parseHTML(page); t != nil {
		return t
	}
	return parseDeep(page)
}

// parseHTML returns nil for a page that is nested too deep, or for which the rules want
// far more elements than it has.
func parseHTML(page string) *Tree {
	b := builders.Get().(*builder)
	t := newTree(page)
	b.init(t)
	b.framesetOK = true
	b.run()
	tooDeep := b.tooDeep
	*b = builder{open: b.open[:0], active: b.active[:0], templates: b.templates[:0]} // nothing else is kept
	builders.Put(b)
	if tooDeep {
		t.Release()
		return nil
	}
	return t
}

func (b *builder) init(t *Tree) {
	b.tree = t
	b.tokenizer.init(t)
}

func (b *builder) run() {
	for !b.tooDeep {
		b.next(&b.tok, len(b.open) > 0 && b.node(b.top()).space != noSpace)
		last := b.tok.kind == endOfFile
		b.process()
		if last {
			break
		}
	}
	b.complete()
}

// process hands the token to the mode until it is used up (13.2.6, tree construction dispatcher).
func (b *builder) process() {
	for done := false; !done && !b.tooDeep; {
		if b.inForeignContent() {
			done = b.foreign()
		} else {
			done = b.inMode(b.mode)
		}
	}
}

// inMode processes the token by the rules of a mode.
func (b *builder) inMode(m mode) (done bool) {
	switch m {
	case initial:
		return b.initial()
	case beforeHTML:
		return b.beforeHTML()
	case beforeHead:
		return b.beforeHead()
	case inHead:
		return b.inHead()
	case afterHead:
		return b.afterHead()
	case inBody:
		return b.inBody()
	case inText:
		return b.inText()
	case inTable:
		return b.inTable()
	case inCaption:
		return b.inCaption()
	case inColumnGroup:
		return b.inColumnGroup()
	case inTableBody:
		return b.inTableBody()
	case inRow:
		return b.inRow()
	case inCell:
		return b.inCell()
	case inTemplate:
		return b.inTemplate()
	case afterBody:
		return b.afterBody()
	case inFrameset:
		return b.inFrameset()
	case afterFrameset:
		return b.afterFrameset()
	case afterAfterBody:
		return b.afterAfterBody()
	case afterAfterFrameset:
		return b.afterAfterFrameset()
	case ignoreRest:
	}
	return true
}

// imply processes a tag that the page leaves out.
func (b *builder) imply(kind tokenKind, tag Tag) {
	tok := b.tok
	b.tok = token{kind: kind, tag: tag}
	b.process()
	b.tok = tok
}

func (b *builder) node(id nodeID) *node { return &b.tree.nodes[id] }

// top is the current node: the innermost open element, or the document.
func (b *builder) top() nodeID {
	if len(b.open) == 0 {
		return document
	}
	return b.open[len(b.open)-1]
}

func (b *builder) topTag() Tag { return b.node(b.top()).tag }

// insert adds a node where the next one belongs.
func (b *builder) insert(id nodeID) {
	if b.shouldFoster() {
		b.foster(id)
		return
	}
	b.tree.appendChild(b.top(), id)
}

func (b *builder) push(id nodeID) {
	b.open = append(b.open, id)
	b.tooDeep = b.tooDeep || len(b.open) > maxDepth
}

func (b *builder) pop() { b.open = b.open[:max(0, len(b.open)-1)] }

// element adds the element of the token and opens it.
func (b *builder) element() nodeID { return b.elementIn(noSpace) }

func (b *builder) elementIn(space uint16) nodeID {
	tok := &b.tok
	id := b.tree.add(node{
		kind: ElementNode, tag: tok.tag, space: space, data: tok.data, attrs: tok.attrs, count: tok.count,
	})
	b.insert(id)
	b.push(id)
	return id
}

// leaf adds the element of the token, which has no content.
func (b *builder) leaf() {
	b.element()
	b.pop()
}

// comment adds the comment of the token to a node.
func (b *builder) comment(parent nodeID) {
	b.tree.appendChild(parent, b.tree.add(node{kind: CommentNode, data: b.tok.data}))
}

// commentHere adds the comment of the token where the next node belongs.
func (b *builder) commentHere() { b.insert(b.tree.add(node{kind: CommentNode, data: b.tok.data})) }

// text adds text where the next node belongs, to the text before it if there is one.
func (b *builder) text(data ref) {
	if data.empty() {
		return
	}
	if b.shouldFoster() {
		b.foster(b.tree.add(node{kind: TextNode, data: data}))
		return
	}
	top := b.top()
	if last := b.node(top).last; last != document && b.node(last).kind == TextNode {
		b.appendText(last, data)
		return
	}
	b.tree.appendChild(top, b.tree.add(node{kind: TextNode, data: data}))
}

// appendText adds text to a text. What stands side by side in the page stays there;
// other texts are put together at the end of the page, so that none is copied often.
func (b *builder) appendText(id nodeID, data ref) {
	n := b.node(id)
	pieces, ok := b.pieces[id]
	if !ok && n.data.end == data.start {
		n.data.end = data.end
		return
	}
	if !ok {
		if b.pieces == nil {
			b.pieces = make(map[nodeID][]byte)
		}
		pieces = bytes.Clone(b.tree.bytes(n.data))
	}
	b.pieces[id] = append(pieces, b.tree.bytes(data)...)
}

func (b *builder) shouldFoster() bool { return b.fosterParenting && b.topTag().is(foster) }

// foster puts a node before the table that does not take it (13.2.6.1).
func (b *builder) foster(id nodeID) {
	table, template := b.lastOpen(Table), b.lastOpen(Template)
	if template >= 0 && template > table {
		b.tree.appendChild(b.open[template], id)
		return
	}
	parent, before := b.open[0], document
	if table >= 0 {
		before = b.open[table]
		if parent = b.node(before).parent; parent == document {
			parent, before = b.open[table-1], document
		}
	}
	prev := b.node(parent).last
	if before != document {
		prev = b.node(before).prev
	}
	if prev != document && b.node(prev).kind == TextNode && b.node(id).kind == TextNode {
		b.appendText(prev, b.node(id).data)
		return
	}
	b.tree.insertBefore(parent, id, before)
}

// lastOpen returns the place of the innermost open element with a tag, -1 if there is none.
func (b *builder) lastOpen(tag Tag) int {
	for i, v := range slices.Backward(b.open) {
		if b.node(v).tag == tag {
			return i
		}
	}
	return -1
}

// cutSpace adds the white space that the token's text begins with, leaves the rest,
// and reports whether there is any.
func (b *builder) cutSpace() (rest bool) {
	data := b.tok.data
	n := spaceBefore(b.tree.bytes(data))
	b.text(ref{data.start, data.start + n})
	b.tok.data.start += n
	return !b.tok.data.empty()
}

// skipSpace leaves out the white space that the token's text begins with, and reports
// whether there is other text.
func (b *builder) skipSpace() (rest bool) {
	b.tok.data.start += spaceBefore(b.tree.bytes(b.tok.data))
	return !b.tok.data.empty()
}

// isBlank reports whether the token's text is white space.
func (b *builder) isBlank() bool {
	return spaceBefore(b.tree.bytes(b.tok.data)) == b.tok.data.end-b.tok.data.start
}

func spaceBefore(text []byte) (n uint32) {
	for _, c := range text {
		if !isSpace(c) {
			break
		}
		n++
	}
	return n
}
