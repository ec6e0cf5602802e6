package dom

import (
	"slices"
)

// Scopes, as the sets of elements that end them (13.2.4.2).
const (
	defaultScope  = scope
	listItemScope = scope | listScope
	inTableScope  = tableScope
)

// inScope returns the place of the innermost open element with a tag in a scope, -1 if
// there is none.
func (b *builder) inScope(ends flags, tag Tag) int { return b.search(ends, Other, tag, 0) }

// inButtonScope looks in the scope that buttons end, too.
func (b *builder) inButtonScope(tag Tag) int { return b.search(defaultScope, Button, tag, 0) }

// anyInScope returns the place of the innermost open element of a set in a scope.
func (b *builder) anyInScope(ends, set flags) int { return b.search(ends, Other, Other, set) }

func (b *builder) search(ends flags, end, tag Tag, set flags) int {
	for i, v := range slices.Backward(b.open) {
		n := b.node(v)
		if n.space != noSpace {
			if ends&scope != 0 && n.endsForeignScope() {
				return -1
			}
			continue
		}
		if n.tag != Other && n.tag == tag || n.tag.is(set) {
			return i
		}
		if n.tag.is(ends) || n.tag != Other && n.tag == end {
			return -1
		}
	}
	return -1
}

// endsForeignScope is for MathML and SVG elements.
func (n *node) endsForeignScope() bool {
	switch n.tag { //nolint:exhaustive // the others end none
	case AnnotationXML, Mi, Mn, Mo, Ms, Mtext:
		return n.space == mathSpace
	case Desc, ForeignObject, Title:
		return n.space == svgSpace
	}
	return false
}

// isSpecial reports whether an element is in the special category (13.2.4.2).
func (n *node) isSpecial() bool {
	if n.space != noSpace {
		return n.endsForeignScope()
	}
	return n.tag.is(special)
}

// closeTo closes the open elements down to a place, that one included, and reports
// whether there was such a place.
func (b *builder) closeTo(place int) bool {
	if place < 0 {
		return false
	}
	b.open = b.open[:place]
	return true
}

// closeP closes a paragraph that is open.
func (b *builder) closeP() { b.closeTo(b.inButtonScope(P)) }

// clearTo closes open elements up to one of a set, which stays open (13.2.6.4.9:
// clear the stack back to a table context and its kin).
func (b *builder) clearTo(set flags, tag Tag) {
	for i, v := range slices.Backward(b.open) {
		if n := b.node(v); n.tag.is(set) || tag != Other && n.tag == tag {
			b.open = b.open[:i+1]
			return
		}
	}
}

// closeImplied closes the elements whose end tags may be left out, but for one
// (13.2.6.3).
func (b *builder) closeImplied(but Tag) {
	for len(b.open) > 0 {
		if tag := b.topTag(); !tag.is(implied) || tag == but {
			return
		}
		b.pop()
	}
}

// templateOpen reports whether a template is open.
func (b *builder) templateOpen() bool {
	for _, id := range b.open {
		if n := b.node(id); n.tag == Template && n.space == noSpace {
			return true
		}
	}
	return false
}

// remove takes a node out of the open elements or the active formatting elements.
func remove(list *[]nodeID, id nodeID) {
	if i := slices.Index(*list, id); i >= 0 {
		*list = slices.Delete(*list, i, i+1)
	}
}

// addMarker begins a part of the page whose formatting is its own.
func (b *builder) addMarker() { b.activate(marker) }

// activate adds to the active formatting elements.
func (b *builder) activate(id nodeID) {
	b.active = append(b.active, id)
	b.tooDeep = b.tooDeep || len(b.active) > maxActive
}

// clearActive ends that part.
func (b *builder) clearActive() {
	for len(b.active) > 0 {
		last := b.active[len(b.active)-1]
		b.active = b.active[:len(b.active)-1]
		if last == marker {
			return
		}
	}
}

// formattingElement adds a formatting element. Of those that are alike three are kept
// active (13.2.4.3, the Noah's Ark clause).
func (b *builder) formattingElement() {
	id := b.element()
	alike := 0
	for i := len(b.active) - 1; i >= 0 && b.active[i] != marker; i-- {
		if !b.alike(b.active[i], id) {
			continue
		}
		if alike++; alike >= 3 {
			b.active = slices.Delete(b.active, i, i+1)
		}
	}
	b.activate(id)
}

// alike reports whether two elements have the same tag and the same attributes. Their
// order matters only where there are very many, as no page has.
func (b *builder) alike(x, y nodeID) bool {
	n, m := b.node(x), b.node(y)
	if n.tag != m.tag || n.space != m.space || n.count != m.count {
		return false
	}
	same := func(a, o attribute) bool {
		return a.space == o.space && b.tree.view(a.name) == b.tree.view(o.name) && b.tree.view(a.data) == b.tree.view(o.data)
	}
	ours, theirs := b.tree.attrs[n.attrs:n.attrs+n.count], b.tree.attrs[m.attrs:m.attrs+m.count]
	if len(ours) > fewAttrs {
		return slices.EqualFunc(ours, theirs, same)
	}
	for i, a := range ours {
		if !same(a, theirs[i]) && !slices.ContainsFunc(theirs, func(o attribute) bool { return same(a, o) }) {
			return false
		}
	}
	return true
}

// reconstruct opens again the formatting elements that were closed by the end of a
// block (13.2.4.3).
func (b *builder) reconstruct() {
	i := len(b.active)
	for i > 0 && b.active[i-1] != marker && !slices.Contains(b.open, b.active[i-1]) {
		i--
	}
	for ; i < len(b.active) && !b.tooDeep; i++ {
		id := b.clone(b.active[i])
		b.insert(id)
		b.push(id)
		b.active[i] = id
	}
}

// clone adds an element like another, without its content.
func (b *builder) clone(id nodeID) nodeID {
	n := b.node(id)
	b.copied += 1 + int(n.count)
	b.tooDeep = b.tooDeep || b.copied > moreCopies+len(b.src)
	return b.tree.add(node{
		kind: ElementNode, tag: n.tag, space: n.space, data: n.data, attrs: n.attrs, count: n.count,
	})
}

// resetMode finds the mode that belongs to the open elements (13.2.4.1).
func (b *builder) resetMode() {
	for _, v := range slices.Backward(b.open) {
		n := b.node(v)
		switch n.tag { //nolint:exhaustive // the others say nothing
		case Td, Th:
			b.mode = inCell
		case Tr:
			b.mode = inRow
		case Tbody, Thead, Tfoot:
			b.mode = inTableBody
		case Caption:
			b.mode = inCaption
		case Colgroup:
			b.mode = inColumnGroup
		case Table:
			b.mode = inTable
		case Template:
			if n.space != noSpace || len(b.templates) == 0 {
				continue
			}
			b.mode = b.templates[len(b.templates)-1]
		case Head:
			b.mode = inHead
		case Body:
			b.mode = inBody
		case Frameset:
			b.mode = inFrameset
		case HTML:
			if b.mode = afterHead; b.head == document {
				b.mode = beforeHead
			}
		default:
			continue
		}
		return
	}
	b.mode = inBody
}
