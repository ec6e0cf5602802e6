package dom

// The modes before the body: 13.2.6.4.1 to 13.2.6.4.6.

import "slices"

func (b *builder) initial() bool {
	switch b.tok.kind { //nolint:exhaustive // the others end the mode
	case textToken:
		if !b.skipSpace() {
			return true
		}
	case commentToken:
		b.comment(document)
		return true
	case doctypeToken:
		b.quirks = b.doctype(b.tok.data)
		b.mode = beforeHTML
		return true
	}
	b.quirks = true
	b.mode = beforeHTML
	return false
}

func (b *builder) beforeHTML() bool {
	switch b.tok.kind {
	case doctypeToken:
		return true
	case commentToken:
		b.comment(document)
		return true
	case textToken:
		if !b.skipSpace() {
			return true
		}
	case startTag:
		if b.tok.tag == HTML {
			b.element()
			b.mode = beforeHead
			return true
		}
	case endTag:
		if !endsBeforeBody(b.tok.tag) {
			return true
		}
	case endOfFile:
	}
	b.imply(startTag, HTML)
	return false
}

// endsBeforeBody is for the end tags that are not ignored before the body.
func endsBeforeBody(tag Tag) bool { return tag == Head || tag == Body || tag == HTML || tag == Br }

func (b *builder) beforeHead() bool {
	switch b.tok.kind {
	case doctypeToken:
		return true
	case commentToken:
		b.commentHere()
		return true
	case textToken:
		if !b.skipSpace() {
			return true
		}
	case startTag:
		switch b.tok.tag { //nolint:exhaustive // the others imply the head
		case Head:
			b.head = b.element()
			b.mode = inHead
			return true
		case HTML:
			return b.inBody()
		}
	case endTag:
		if !endsBeforeBody(b.tok.tag) {
			return true
		}
	case endOfFile:
	}
	b.imply(startTag, Head)
	return false
}

func (b *builder) inHead() bool {
	switch b.tok.kind {
	case doctypeToken:
		return true
	case commentToken:
		b.commentHere()
		return true
	case textToken:
		if !b.cutSpace() {
			return true
		}
	case startTag:
		if done, known := b.inHeadStart(); known {
			return done
		}
	case endTag:
		switch b.tok.tag { //nolint:exhaustive // the others are ignored
		case Head:
			b.pop()
			b.mode = afterHead
			return true
		case Body, HTML, Br:
		case Template:
			if b.templateOpen() {
				b.endTemplate()
			}
			return true
		default:
			return true
		}
	case endOfFile:
	}
	b.imply(endTag, Head)
	return false
}

// inHeadStart processes a start tag. known is false for one that ends the head.
func (b *builder) inHeadStart() (done, known bool) {
	switch b.tok.tag { //nolint:exhaustive // the others do not belong in a head
	case HTML:
		return b.inBody(), true
	case Base, Basefont, Bgsound, Link, Meta:
		b.leaf()
	case Noscript, Noframes, Style, Script, Title:
		b.textElement()
	case Head:
	case Template:
		b.startTemplate()
	default:
		return false, false
	}
	return true, true
}

// textElement adds an element whose content is text.
func (b *builder) textElement() {
	b.element()
	b.original, b.mode = b.mode, inText
}

// startTemplate opens a template. Within foreign content the rest of the page is not
// understood, as html.Parse has it.
func (b *builder) startTemplate() {
	for _, id := range b.open {
		if b.node(id).space != noSpace {
			b.mode = ignoreRest
			return
		}
	}
	b.element()
	b.addMarker()
	b.framesetOK = false
	b.mode = inTemplate
	b.templates = append(b.templates, inTemplate)
}

// endTemplate closes the innermost template, which is open.
func (b *builder) endTemplate() {
	b.closeImplied(Other)
	for i, v := range slices.Backward(b.open) {
		if n := b.node(v); n.space == noSpace && n.tag == Template {
			b.open = b.open[:i]
			break
		}
	}
	b.clearActive()
	b.templates = b.templates[:max(0, len(b.templates)-1)]
	b.resetMode()
}

func (b *builder) afterHead() bool {
	switch b.tok.kind {
	case doctypeToken:
		return true
	case commentToken:
		b.commentHere()
		return true
	case textToken:
		if !b.cutSpace() {
			return true
		}
	case startTag:
		switch tag := b.tok.tag; {
		case tag == HTML:
			return b.inBody()
		case tag == Body:
			b.element()
			b.framesetOK = false
			b.mode = inBody
			return true
		case tag == Frameset:
			b.element()
			b.mode = inFrameset
			return true
		case tag.is(metadata):
			b.push(b.head)
			done := b.inHead()
			remove(&b.open, b.head)
			return done
		case tag == Head:
			return true
		}
	case endTag:
		switch b.tok.tag { //nolint:exhaustive // the others are ignored
		case Body, HTML, Br:
		case Template:
			return b.inHead()
		default:
			return true
		}
	case endOfFile:
	}
	b.imply(startTag, Body)
	b.framesetOK = true
	return b.tok.kind == endOfFile
}

// inText takes the content of elements that have only text (13.2.6.4.8).
func (b *builder) inText() bool {
	if b.tok.kind == textToken {
		if b.topTag() == Textarea {
			b.skipNewline()
		}
		b.text(b.tok.data)
		return true
	}
	if b.tok.kind == endTag || b.tok.kind == endOfFile {
		b.pop()
	}
	b.mode = b.original
	return b.tok.kind == endTag
}

// skipNewline leaves out a newline at the start of the current node.
func (b *builder) skipNewline() {
	if b.node(b.top()).first != document {
		return
	}
	for _, c := range []byte("\r\n") {
		if d := b.tok.data; !d.empty() && b.tree.text[d.start] == c {
			b.tok.data.start++
		}
	}
}
