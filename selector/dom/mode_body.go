package dom

import (
	"slices"
	"strings"
)

// inBody is the mode of most of a page (13.2.6.4.7).
func (b *builder) inBody() bool {
	switch b.tok.kind {
	case textToken:
		b.bodyText()
	case commentToken:
		b.commentHere()
	case startTag:
		return b.bodyStart()
	case endTag:
		return b.bodyEnd()
	case endOfFile:
		if len(b.templates) > 0 {
			b.mode = inTemplate
			return false
		}
	case doctypeToken:
	}
	return true
}

func (b *builder) bodyText() {
	if tag := b.topTag(); tag == Pre || tag == Listing {
		b.skipNewline()
	}
	data := b.withoutNulls(b.tok.data, "")
	if data.empty() {
		return
	}
	b.reconstruct()
	b.text(data)
	b.tok.data = data
	b.framesetOK = b.framesetOK && b.isBlank()
}

// bodyStart processes a start tag by the set that its element belongs to.
func (b *builder) bodyStart() bool {
	switch tag := b.tok.tag; {
	case tag.is(metadata):
		return b.inHead()
	case tag.is(block):
		b.closeP()
		b.element()
	case tag.is(formatting):
		b.reconstruct()
		b.formattingElement()
	case tag.is(heading):
		b.closeP()
		if b.topTag().is(heading) {
			b.pop()
		}
		b.element()
	case tag.is(plainLeaf):
		b.reconstruct()
		b.leaf()
		b.framesetOK = false
	case tag.is(tablePart | skipped):
	default:
		return b.bodyStartOf(tag)
	}
	return true
}

// bodyStartOf processes a start tag with rules of its own.
func (b *builder) bodyStartOf(tag Tag) bool {
	switch tag { //nolint:exhaustive // the others have no rules of their own
	case HTML:
		if !b.templateOpen() {
			b.addAttrs(b.open[0])
		}
	case Body:
		if len(b.open) >= 2 && b.node(b.open[1]).tag == Body && !b.templateOpen() {
			b.framesetOK = false
			b.addAttrs(b.open[1])
		}
	case Frameset:
		b.startFrameset()
	case Pre, Listing:
		b.closeP()
		b.element()
		b.framesetOK = false
	case Form:
		b.startForm()
	case Li:
		b.startListItem(Li, Li)
	case Dd, Dt:
		b.startListItem(Dd, Dt)
	case Plaintext:
		b.closeP()
		b.element()
	case Table:
		if !b.quirks {
			b.closeP()
		}
		b.element()
		b.framesetOK = false
		b.mode = inTable
	case Param, Source, Track:
		b.leaf()
	case Hr:
		b.startRule()
	case Image:
		b.tok.tag = Img // don't ask, says the standard
		return false
	case Textarea, Xmp, Iframe, Noembed, Noscript:
		b.startText(tag)
	case Math, SVG:
		b.startForeign(tag)
	default:
		b.startInline(tag)
	}
	return true
}

// startInline processes the start tags of what stands in a line of text.
func (b *builder) startInline(tag Tag) {
	switch tag { //nolint:exhaustive // the others have no rules of their own
	case A:
		b.startLink()
	case Nobr:
		b.reconstruct()
		if b.inScope(defaultScope, Nobr) >= 0 {
			b.endFormatting(Nobr)
			b.reconstruct()
		}
		b.formattingElement()
	case Button:
		if b.inScope(defaultScope, Button) >= 0 {
			b.closeImplied(Other)
			b.closeTo(b.inScope(defaultScope, Button))
		}
		b.reconstruct()
		b.element()
		b.framesetOK = false
	case Applet, Marquee, Object:
		b.reconstruct()
		b.element()
		b.addMarker()
		b.framesetOK = false
	case Input:
		b.closeTo(b.inScope(defaultScope, Select))
		b.reconstruct()
		b.leaf()
		b.framesetOK = b.framesetOK && b.isHidden()
	case Select:
		if !b.closeTo(b.inScope(defaultScope, Select)) {
			b.reconstruct()
			b.element()
			b.framesetOK = false
		}
	case Option, Optgroup:
		b.startOption(tag)
	case Rb, Rtc, Rp, Rt:
		b.startRuby(tag)
	default:
		b.reconstruct()
		b.element()
	}
}

// lateAttrs are attributes that an element gets from tags after its own.
type lateAttrs struct {
	list  []attribute
	names map[string]bool // of all that it has
}

// addAttrs gives an element those attributes of the token that it does not have, when
// the tree is complete.
func (b *builder) addAttrs(id nodeID) {
	if b.tok.count == 0 {
		return
	}
	t := b.tree
	late := b.late[id]
	if late == nil {
		late = &lateAttrs{names: map[string]bool{}}
		n := b.node(id)
		for _, a := range t.attrs[n.attrs : n.attrs+n.count] {
			late.names[t.view(a.name)] = true
		}
		if b.late == nil {
			b.late = map[nodeID]*lateAttrs{}
		}
		b.late[id] = late
	}
	for _, a := range t.attrs[b.tok.attrs : b.tok.attrs+b.tok.count] {
		if name := t.view(a.name); !late.names[name] {
			late.names[name] = true
			late.list = append(late.list, a)
		}
	}
}

// complete gives the elements their late attributes, and the texts that were put
// together their place.
func (b *builder) complete() {
	t := b.tree
	for id, late := range b.late {
		n := b.node(id)
		first := len(t.attrs)
		t.attrs = append(append(t.attrs, t.attrs[n.attrs:n.attrs+n.count]...), late.list...)
		n.attrs, n.count = uint32(first), uint32(len(t.attrs)-first)
	}
	for id, text := range b.pieces {
		b.node(id).data = t.intern(string(text))
	}
}

func (b *builder) startFrameset() {
	if !b.framesetOK || len(b.open) < 2 || b.node(b.open[1]).tag != Body {
		return
	}
	b.tree.detach(b.open[1])
	b.open = b.open[:1]
	b.element()
	b.mode = inFrameset
}

func (b *builder) startForm() {
	if b.form != document && !b.templateOpen() {
		return
	}
	b.closeP()
	id := b.element()
	if !b.templateOpen() {
		b.form = id
	}
}

// startListItem closes the item before it, which is of one of two kinds.
func (b *builder) startListItem(one, other Tag) {
	b.framesetOK = false
	for i, v := range slices.Backward(b.open) {
		n := b.node(v)
		if n.tag == one || n.tag == other {
			b.open = b.open[:i]
			break
		}
		if n.tag != Address && n.tag != Div && n.tag != P && n.isSpecial() {
			break
		}
	}
	b.closeP()
	b.element()
}

func (b *builder) startRule() {
	if b.inButtonScope(P) >= 0 {
		b.closeImplied(P)
		b.closeTo(b.inScope(defaultScope, P))
	}
	if b.inScope(defaultScope, Select) >= 0 {
		b.closeImplied(Other)
	}
	b.leaf()
	b.framesetOK = false
}

func (b *builder) startText(tag Tag) {
	if tag == Xmp {
		b.closeP()
		b.reconstruct()
	}
	if tag == Xmp || tag == Textarea || tag == Iframe {
		b.framesetOK = false
	}
	b.textElement()
}

// startLink ends a link that is still open.
func (b *builder) startLink() {
	if i := b.activeElement(A); i >= 0 {
		link := b.active[i]
		b.endFormatting(A)
		remove(&b.open, link)
		remove(&b.active, link)
	}
	b.reconstruct()
	b.formattingElement()
}

// isHidden reports whether the token is an input that is not shown.
func (b *builder) isHidden() bool {
	for _, a := range b.tree.attrs[b.tok.attrs : b.tok.attrs+b.tok.count] {
		if b.tree.view(a.name) == "type" {
			return strings.EqualFold(b.tree.view(a.data), "hidden")
		}
	}
	return false
}

func (b *builder) startOption(tag Tag) {
	switch {
	case b.inScope(defaultScope, Select) >= 0 && tag == Option:
		b.closeImplied(Optgroup)
	case b.inScope(defaultScope, Select) >= 0:
		b.closeImplied(Other)
	case b.topTag() == Option:
		b.pop()
	}
	b.reconstruct()
	b.element()
}

func (b *builder) startRuby(tag Tag) {
	if b.inScope(defaultScope, Ruby) >= 0 {
		but := Other
		if tag == Rp || tag == Rt {
			but = Rtc
		}
		b.closeImplied(but)
	}
	b.element()
}
