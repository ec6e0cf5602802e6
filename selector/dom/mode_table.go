package dom

// The modes of tables: 13.2.6.4.9 to 13.2.6.4.15.

func (b *builder) inTable() bool {
	switch b.tok.kind {
	case textToken:
		b.tok.data = b.withoutNulls(b.tok.data, "")
		if b.topTag().is(foster) && b.isBlank() {
			b.text(b.tok.data)
			return true
		}
	case commentToken:
		b.commentHere()
		return true
	case doctypeToken:
		return true
	case startTag:
		if done, known := b.inTableStart(); known {
			return done
		}
	case endTag:
		switch tag := b.tok.tag; {
		case tag == Table:
			if b.closeTo(b.inScope(inTableScope, Table)) {
				b.resetMode()
			}
			return true
		case tag == Template:
			return b.inHead()
		case tag == Body || tag == HTML || tag.is(tablePart):
			return true
		}
	case endOfFile:
		return b.inBody()
	}
	b.fosterParenting = true
	done := b.inBody()
	b.fosterParenting = false
	return done
}

// inTableStart processes a start tag. known is false for one that does not belong in a
// table.
func (b *builder) inTableStart() (done, known bool) {
	switch b.tok.tag { //nolint:exhaustive // the others do not belong in a table
	case Caption:
		b.clearTo(tableScope, Other)
		b.addMarker()
		b.element()
		b.mode = inCaption
	case Colgroup:
		b.clearTo(tableScope, Other)
		b.element()
		b.mode = inColumnGroup
	case Col:
		b.imply(startTag, Colgroup)
		return false, true
	case Tbody, Tfoot, Thead:
		b.clearTo(tableScope, Other)
		b.element()
		b.mode = inTableBody
	case Td, Th, Tr:
		b.imply(startTag, Tbody)
		return false, true
	case Table:
		if !b.closeTo(b.inScope(inTableScope, Table)) {
			return true, true
		}
		b.resetMode()
		return false, true
	case Style, Script, Template:
		return b.inHead(), true
	case Input:
		if !b.isHidden() {
			return false, false
		}
		b.leaf()
	case Form:
		if b.form != document || b.templateOpen() {
			return true, true
		}
		b.form = b.element()
		b.pop()
	default:
		return false, false
	}
	return true, true
}

func (b *builder) inCaption() bool {
	tag := b.tok.tag
	switch b.tok.kind { //nolint:exhaustive // the others are those of the body
	case startTag:
		if tag.is(tablePart) && tag != Th {
			return !b.endCaption()
		}
	case endTag:
		switch {
		case tag == Caption:
			b.endCaption()
			return true
		case tag == Table:
			return !b.endCaption()
		case tag == Body || tag == HTML || tag.is(tablePart):
			return true
		}
	}
	return b.inBody()
}

// endCaption closes the caption that is open and reports whether there is one.
func (b *builder) endCaption() bool {
	if !b.closeTo(b.inScope(inTableScope, Caption)) {
		return false
	}
	b.clearActive()
	b.mode = inTable
	return true
}

func (b *builder) inColumnGroup() bool {
	switch b.tok.kind {
	case textToken:
		if !b.cutSpace() {
			return true
		}
	case commentToken:
		b.commentHere()
		return true
	case doctypeToken:
		return true
	case startTag:
		switch b.tok.tag { //nolint:exhaustive // the others end the mode
		case HTML:
			return b.inBody()
		case Col:
			b.leaf()
			return true
		case Template:
			return b.inHead()
		}
	case endTag:
		switch b.tok.tag { //nolint:exhaustive // the others end the mode
		case Colgroup:
			if b.topTag() == Colgroup {
				b.pop()
				b.mode = inTable
			}
			return true
		case Col:
			return true
		case Template:
			return b.inHead()
		}
	case endOfFile:
		return b.inBody()
	}
	if b.topTag() != Colgroup {
		return true
	}
	b.pop()
	b.mode = inTable
	return false
}

func (b *builder) inTableBody() bool {
	tag := b.tok.tag
	switch b.tok.kind { //nolint:exhaustive // the others are those of the table
	case startTag:
		switch {
		case tag == Tr:
			b.clearTo(context|rowGroup, Other)
			b.element()
			b.mode = inRow
			return true
		case tag.is(cell):
			b.imply(startTag, Tr)
			return false
		case tag.is(tablePart):
			return !b.endRowGroup()
		}
	case endTag:
		switch {
		case tag.is(rowGroup):
			if b.inScope(inTableScope, tag) >= 0 {
				b.clearTo(context|rowGroup, Other)
				b.pop()
				b.mode = inTable
			}
			return true
		case tag == Table:
			return !b.endRowGroup()
		case tag == Body || tag == HTML || tag.is(tablePart):
			return true
		}
	}
	return b.inTable()
}

// endRowGroup closes the tbody, tfoot or thead that is open and reports whether there is one.
func (b *builder) endRowGroup() bool {
	if !b.closeTo(b.anyInScope(inTableScope, rowGroup)) {
		return false
	}
	b.mode = inTable
	return true
}

func (b *builder) inRow() bool {
	tag := b.tok.tag
	switch b.tok.kind { //nolint:exhaustive // the others are those of the table
	case startTag:
		switch {
		case tag.is(cell):
			b.clearTo(context, Tr)
			b.element()
			b.addMarker()
			b.mode = inCell
			return true
		case tag.is(tablePart):
			return !b.endRow()
		}
	case endTag:
		switch {
		case tag == Tr:
			b.endRow()
			return true
		case tag == Table:
			return !b.endRow()
		case tag.is(rowGroup):
			return b.inScope(inTableScope, tag) < 0 || !b.endRow()
		case tag == Body || tag == HTML || tag.is(tablePart):
			return true
		}
	}
	return b.inTable()
}

// endRow closes the row that is open and reports whether there is one.
func (b *builder) endRow() bool {
	if b.inScope(inTableScope, Tr) < 0 {
		return false
	}
	b.clearTo(context, Tr)
	b.pop()
	b.mode = inTableBody
	return true
}

func (b *builder) inCell() bool {
	tag := b.tok.tag
	switch b.tok.kind { //nolint:exhaustive // the others are those of the body
	case startTag:
		if tag.is(tablePart) {
			return !b.endCell(b.anyInScope(inTableScope, cell))
		}
	case endTag:
		switch {
		case tag.is(cell):
			b.endCell(b.inScope(inTableScope, tag))
			return true
		case tag.is(foster):
			if b.inScope(inTableScope, tag) < 0 {
				return true
			}
			b.endCell(b.anyInScope(inTableScope, cell))
			b.mode = inRow
			return false
		case tag == Body || tag == HTML || tag.is(tablePart):
			return true
		}
	}
	return b.inBody()
}

// endCell closes the cell at a place of the open elements and reports whether there is
// one.
func (b *builder) endCell(place int) bool {
	if !b.closeTo(place) {
		return false
	}
	b.clearActive()
	b.mode = inRow
	return true
}
