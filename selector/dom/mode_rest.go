package dom

// The modes of templates and framesets, and those after the body: 13.2.6.4.16 to
// 13.2.6.4.21.

func (b *builder) inTemplate() bool {
	switch b.tok.kind {
	case textToken, commentToken, doctypeToken:
		return b.inBody()
	case startTag:
		if b.tok.tag.is(metadata) {
			return b.inHead()
		}
		b.mode = templateMode(b.tok.tag)
		b.templates[len(b.templates)-1] = b.mode
		return false
	case endTag:
		if b.tok.tag == Template {
			return b.inHead()
		}
		return true
	case endOfFile:
		if !b.templateOpen() {
			return true
		}
		b.endTemplate()
	}
	return false
}

// templateMode is the mode that the first element of a template asks for.
func templateMode(tag Tag) mode {
	switch tag { //nolint:exhaustive // the others are those of the body
	case Caption, Colgroup, Tbody, Tfoot, Thead:
		return inTable
	case Col:
		return inColumnGroup
	case Tr:
		return inTableBody
	case Td, Th:
		return inRow
	}
	return inBody
}

func (b *builder) afterBody() bool {
	switch b.tok.kind {
	case endOfFile:
		return true
	case textToken:
		if b.isBlank() {
			return b.inBody()
		}
	case commentToken:
		b.comment(b.open[0])
		return true
	case startTag:
		if b.tok.tag == HTML {
			return b.inBody()
		}
	case endTag:
		if b.tok.tag == HTML {
			b.mode = afterAfterBody
			return true
		}
	case doctypeToken:
	}
	b.mode = inBody
	return false
}

func (b *builder) afterAfterBody() bool {
	switch b.tok.kind {
	case endOfFile:
		return true
	case textToken:
		if b.isBlank() {
			return b.inBody()
		}
	case commentToken:
		b.comment(document)
		return true
	case doctypeToken:
		return b.inBody()
	case startTag:
		if b.tok.tag == HTML {
			return b.inBody()
		}
	case endTag:
	}
	b.mode = inBody
	return false
}

func (b *builder) inFrameset() bool {
	switch b.tok.kind {
	case textToken:
		b.text(b.onlySpace())
	case commentToken:
		b.commentHere()
	case startTag:
		switch b.tok.tag { //nolint:exhaustive // the others are ignored
		case HTML:
			return b.inBody()
		case Frameset:
			b.element()
		case Frame:
			b.leaf()
		case Noframes:
			return b.inHead()
		}
	case endTag:
		if b.tok.tag == Frameset && b.topTag() != HTML {
			b.pop()
			if b.topTag() != Frameset {
				b.mode = afterFrameset
			}
		}
	case doctypeToken, endOfFile:
	}
	return true
}

func (b *builder) afterFrameset() bool {
	switch b.tok.kind {
	case textToken:
		b.text(b.onlySpace())
	case commentToken:
		b.commentHere()
	case startTag:
		switch b.tok.tag { //nolint:exhaustive // the others are ignored
		case HTML:
			return b.inBody()
		case Noframes:
			return b.inHead()
		}
	case endTag:
		if b.tok.tag == HTML {
			b.mode = afterAfterFrameset
		}
	case doctypeToken, endOfFile:
	}
	return true
}

func (b *builder) afterAfterFrameset() bool {
	switch b.tok.kind {
	case textToken:
		b.tok.data = b.onlySpace()
		if !b.tok.data.empty() {
			return b.inBody()
		}
	case commentToken:
		b.comment(document)
	case startTag:
		switch b.tok.tag { //nolint:exhaustive // the others are ignored
		case HTML:
			return b.inBody()
		case Noframes:
			return b.inHead()
		}
	case doctypeToken, endTag, endOfFile:
	}
	return true
}

// onlySpace returns the white space of the token's text.
func (b *builder) onlySpace() ref {
	if b.isBlank() {
		return b.tok.data
	}
	from := len(b.tree.text)
	for i := b.tok.data.start; i < b.tok.data.end; i++ {
		if c := b.tree.text[i]; isSpace(c) {
			b.tree.text = append(b.tree.text, c)
		}
	}
	return b.tree.since(from)
}
