package dom

import "slices"

// bodyEnd processes an end tag in the body (13.2.6.4.7).
func (b *builder) bodyEnd() bool {
	switch tag := b.tok.tag; {
	case tag.is(blockEnd):
		if b.inScope(defaultScope, tag) >= 0 {
			b.closeImplied(Other)
			b.closeTo(b.inScope(defaultScope, tag))
		}
	case tag.is(formatting) || tag == A || tag == Nobr:
		b.endFormatting(tag)
	case tag.is(heading):
		b.closeTo(b.anyInScope(defaultScope, heading))
	default:
		return b.bodyEndOf(tag)
	}
	return true
}

// bodyEndOf processes an end tag with rules of its own.
func (b *builder) bodyEndOf(tag Tag) bool {
	switch tag { //nolint:exhaustive // the others have no rules of their own
	case Body:
		if b.inScope(defaultScope, Body) >= 0 {
			b.mode = afterBody
		}
	case HTML:
		if b.inScope(defaultScope, Body) >= 0 {
			b.imply(endTag, Body)
			return false
		}
	case Form:
		b.endForm()
	case P:
		if b.inButtonScope(P) < 0 {
			b.imply(startTag, P)
		}
		b.closeP()
	case Li:
		b.closeTo(b.inScope(listItemScope, Li))
	case Dd, Dt:
		b.closeTo(b.inScope(defaultScope, tag))
	case Applet, Marquee, Object:
		if b.closeTo(b.inScope(defaultScope, tag)) {
			b.clearActive()
		}
	case Br:
		b.tok.kind = startTag
		return false
	case Template:
		return b.inHead()
	default:
		b.anyOtherEnd(tag, b.tok.data)
	}
	return true
}

func (b *builder) endForm() {
	place := b.inScope(defaultScope, Form)
	if b.templateOpen() {
		if place >= 0 {
			b.closeImplied(Other)
			b.closeTo(b.inScope(defaultScope, Form))
		}
		return
	}
	form := b.form
	b.form = document
	if form != document && place >= 0 && b.open[place] == form {
		b.closeImplied(Other)
		remove(&b.open, form)
	}
}

// anyOtherEnd closes the innermost element with a tag, or a name if it has no tag, if
// no special element is inside it.
func (b *builder) anyOtherEnd(tag Tag, name ref) {
	for i, v := range slices.Backward(b.open) {
		n := b.node(v)
		if n.space == noSpace && n.tag == tag && (tag != Other || b.tree.view(n.data) == b.tree.view(name)) {
			b.open = b.open[:i]
			return
		}
		if n.isSpecial() {
			return
		}
	}
}
