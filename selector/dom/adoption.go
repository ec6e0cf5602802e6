package dom

import "slices"

// endFormatting ends a formatting element, also if others were opened in it that are
// not closed yet: the adoption agency algorithm (13.2.6.4.7). The steps are the
// standard's.
func (b *builder) endFormatting(tag Tag) {
	if top := b.top(); b.node(top).tag == tag && !slices.Contains(b.active, top) { // 2
		b.pop()
		return
	}
	for range 8 { // 3, 4
		at := b.activeElement(tag)
		if at < 0 {
			b.anyOtherEnd(tag, ref{})
			return
		}
		element := b.active[at]
		place := slices.Index(b.open, element)
		if place < 0 {
			b.active = slices.Delete(b.active, at, at+1)
			return
		}
		if b.inScope(defaultScope, tag) < 0 {
			return
		}
		block := b.furthestBlock(place)
		if block < 0 { // 4.8
			b.open = b.open[:place]
			remove(&b.active, element)
			return
		}
		b.adopt(place, block)
	}
}

// activeElement returns the place of the last formatting element with a tag, up to the
// last marker; -1 if there is none.
func (b *builder) activeElement(tag Tag) int {
	for i := len(b.active) - 1; i >= 0 && b.active[i] != marker; i-- {
		if b.node(b.active[i]).tag == tag {
			return i
		}
	}
	return -1
}

// furthestBlock returns the place of the topmost special element below a place of the
// open elements, -1 if there is none.
func (b *builder) furthestBlock(below int) int {
	for i := below; i < len(b.open); i++ {
		if b.node(b.open[i]).isSpecial() {
			return i
		}
	}
	return -1
}

// adopt ends the open element at a place in favour of the block below it (steps 4.9 to
// 4.19).
func (b *builder) adopt(place, furthest int) {
	element, block := b.open[place], b.open[furthest]
	ancestor := b.open[place-1]
	bookmark := slices.Index(b.active, element)
	last := block
	for at, inner := furthest-1, 1; at > place; at, inner = at-1, inner+1 { // 4.13
		id := b.open[at]
		i := slices.Index(b.active, id)
		if inner > 3 && i >= 0 {
			b.active = slices.Delete(b.active, i, i+1)
			if i <= bookmark {
				bookmark--
			}
			continue // it stays open
		}
		if i < 0 {
			b.open = slices.Delete(b.open, at, at+1)
			continue
		}
		clone := b.clone(id)
		b.active[i], b.open[at] = clone, clone
		if last == block {
			bookmark = i + 1
		}
		b.move(last, clone)
		last = clone
	}
	if b.node(last).parent != document { // 4.14
		b.tree.detach(last)
	}
	if b.node(ancestor).tag.is(foster) {
		b.foster(last)
	} else {
		b.tree.appendChild(ancestor, last)
	}
	clone := b.clone(element) // 4.15 to 4.17
	for child := b.node(block).first; child != document; child = b.node(block).first {
		b.move(child, clone)
	}
	b.tree.appendChild(block, clone)
	if i := slices.Index(b.active, element); i >= 0 { // 4.18
		if b.active = slices.Delete(b.active, i, i+1); i < bookmark {
			bookmark--
		}
	}
	b.active = slices.Insert(b.active, bookmark, clone)
	remove(&b.open, element) // 4.19
	b.open = slices.Insert(b.open, slices.Index(b.open, block)+1, clone)
}

// move makes a node the last child of another parent.
func (b *builder) move(id, parent nodeID) {
	if b.node(id).parent != document {
		b.tree.detach(id)
	}
	b.tree.appendChild(parent, id)
}
