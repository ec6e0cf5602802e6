package dom

import "bytes"

// rawText reads the content of an element that has only text: RCDATA, raw text,
// script data or plain text (13.2.5.2 to 13.2.5.5). It reports whether there is any.
func (z *tokenizer) rawText(tok *token) bool {
	tag, start := z.raw, z.pos
	z.raw = Other
	switch tag { //nolint:exhaustive // the others are alike
	case Plaintext:
		z.pos = len(z.src)
	case Script:
		z.pos = z.scriptEnd()
	default:
		z.pos = z.elementEnd(start, tag)
	}
	if z.pos == start {
		return false
	}
	z.text(tok, start, z.pos, tag.is(rcdata))
	tok.data = z.withoutNulls(tok.data, replacement)
	return true
}

// elementEnd returns where the end tag of an element begins, or the end of the page.
func (z *tokenizer) elementEnd(from int, tag Tag) int {
	for {
		i := bytes.Index(z.src[from:], []byte("</"))
		if i < 0 {
			return len(z.src)
		}
		if from += i; z.closes(from, tag) {
			return from
		}
		from += len("</")
	}
}

// closes reports whether the "</" at a place begins the end tag of an element
// (13.2.5.11: only an appropriate end tag does).
func (z *tokenizer) closes(at int, tag Tag) bool {
	return z.named(at+len("</"), tag)
}

// named reports whether a tag's name stands at a place, with what ends a name behind it.
func (z *tokenizer) named(at int, tag Tag) bool {
	end := at + len(tag.String())
	return end < len(z.src) && endsName(z.src[end]) && equalFold(tag.String(), z.src[at:end])
}

// scriptEnd returns where the end tag of a script begins. Within "<!--" a script may
// hold whole scripts that do not end it (13.2.5.15 to 13.2.5.31).
func (z *tokenizer) scriptEnd() int {
	escaped, double := false, false
	for at := z.pos; at < len(z.src); at++ {
		switch c := z.src[at]; {
		case c == '-' && escaped && bytes.HasPrefix(z.src[at:], []byte("--")):
			for at+1 < len(z.src) && z.src[at+1] == '-' {
				at++
			}
			if at+1 < len(z.src) && z.src[at+1] == '>' {
				escaped, double = false, false
			}
		case c != '<' || at+1 == len(z.src):
		case !escaped && bytes.HasPrefix(z.src[at:], []byte("<!--")):
			escaped = true
			at += len("<!") - 1 // its dashes may be those of "-->"
		case z.src[at+1] == '/' && z.closes(at, Script):
			if !double {
				return at
			}
			double = false
		case escaped && !double && z.named(at+1, Script):
			double = true
		}
	}
	return len(z.src)
}
