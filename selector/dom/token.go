package dom

import (
	"bytes"
)

type tokenKind uint8

const (
	endOfFile tokenKind = iota
	textToken
	startTag
	endTag
	commentToken
	doctypeToken
)

// A token is what the tokenizer tells the builder.
type token struct {
	kind        tokenKind
	tag         Tag
	selfClosing bool
	data        ref // text; of a tag without a Tag its name
	attrs       uint32
	count       uint32
}

// A tokenizer splits a page into tags, text and comments (13.2.5).
type tokenizer struct {
	tree *Tree
	src  []byte // the page; refs to it are refs to the tree's text
	pos  int
	raw  Tag // the element whose content is text, Other for none

	returns, nulls bool // there are such characters in the page
}

func (z *tokenizer) init(t *Tree) {
	*z = tokenizer{tree: t, src: t.text}
	z.returns = bytes.IndexByte(z.src, '\r') >= 0
	z.nulls = bytes.IndexByte(z.src, 0) >= 0
}

func (z *tokenizer) span(start, end int) ref {
	return ref{uint32(start), uint32(end)}
}

// next reads a token. cdata says whether CDATA sections are understood.
func (z *tokenizer) next(tok *token, cdata bool) {
	if z.raw != Other && z.rawText(tok) {
		return
	}
	start := z.pos
	for z.pos < len(z.src) {
		i := bytes.IndexByte(z.src[z.pos:], '<')
		if i < 0 || z.pos+i+1 == len(z.src) {
			break
		}
		z.pos += i
		if c := z.src[z.pos+1]; letter(c) || c == '/' || c == '!' || c == '?' {
			if z.pos > start {
				z.text(tok, start, z.pos, true)
				return
			}
			if z.markup(tok, cdata) {
				return
			}
			start = z.pos
			continue
		}
		z.pos++
	}
	z.pos = len(z.src)
	if start == z.pos {
		*tok = token{kind: endOfFile}
		return
	}
	z.text(tok, start, z.pos, true)
}

// text makes a token of text; decode says whether it may have character references.
func (z *tokenizer) text(tok *token, start, end int, decode bool) {
	*tok = token{kind: textToken, data: z.clean(start, end, decode, false)}
}

// clean returns a piece of the page with its line ends and character references
// replaced, in place if there are none.
func (z *tokenizer) clean(start, end int, decode, inAttr bool) ref {
	piece := z.src[start:end]
	if z.returns {
		if i := bytes.IndexByte(piece, '\r'); i >= 0 {
			piece = bytes.ReplaceAll(piece, []byte("\r\n"), []byte("\n"))
			piece = bytes.ReplaceAll(piece, []byte("\r"), []byte("\n"))
			if !decode || bytes.IndexByte(piece, '&') < 0 {
				return z.tree.intern(string(piece))
			}
		}
	}
	if !decode || bytes.IndexByte(piece, '&') < 0 {
		return z.span(start, end)
	}
	from := len(z.tree.text)
	z.tree.text = appendDecoded(z.tree.text, piece, inAttr)
	return z.tree.since(from)
}

// withoutNulls replaces the null characters of a piece of text.
func (z *tokenizer) withoutNulls(r ref, replacement string) ref {
	if !z.nulls || bytes.IndexByte(z.tree.bytes(r), 0) < 0 {
		return r
	}
	return z.tree.intern(string(bytes.ReplaceAll(z.tree.bytes(r), []byte{0}, []byte(replacement))))
}

const replacement = "\uFFFD"

// markup reads what begins with "<" and a letter, "/", "!" or "?". It reports whether
// that is a token.
func (z *tokenizer) markup(tok *token, cdata bool) bool {
	open := z.pos
	z.pos += 2
	switch z.src[open+1] {
	case '!':
		z.declaration(tok, cdata)
		return true
	case '?':
		z.bogusComment(tok, open+1)
		return true
	case '/':
		if z.pos == len(z.src) {
			z.text(tok, open, z.pos, false)
			return true
		}
		if z.src[z.pos] == '>' { // "</>" is nothing (13.2.5.7)
			z.pos++
			return false
		}
		if !letter(z.src[z.pos]) {
			z.bogusComment(tok, z.pos)
			return true
		}
		return z.endTag(tok)
	}
	z.pos--
	return z.startTag(tok)
}

func (z *tokenizer) startTag(tok *token) bool {
	first := len(z.tree.attrs)
	*tok = token{kind: startTag, attrs: uint32(first)}
	z.name(tok)
	if !z.attributes(tok, first) {
		return z.unfinished(tok)
	}
	tok.count = uint32(len(z.tree.attrs) - first)
	if tok.tag.is(rawText | rcdata) {
		z.raw = tok.tag
	}
	return true
}

func (z *tokenizer) endTag(tok *token) bool {
	first := len(z.tree.attrs)
	*tok = token{kind: endTag}
	z.name(tok)
	done := z.attributes(tok, first)
	z.tree.attrs = z.tree.attrs[:first]
	if !done {
		return z.unfinished(tok)
	}
	return true
}

// unfinished ends the page, since it ends within a tag.
func (z *tokenizer) unfinished(tok *token) bool {
	z.pos = len(z.src)
	*tok = token{kind: endOfFile}
	return true
}

// name reads the name of a tag (13.2.5.8).
func (z *tokenizer) name(tok *token) {
	start := z.pos
	for z.pos < len(z.src) && !endsName(z.src[z.pos]) {
		z.pos++
	}
	if tok.tag = Lookup(z.src[start:z.pos]); tok.tag == Other {
		tok.data = z.lower(start, z.pos)
	}
}

// endsName is for tags and, with "=", for attributes.
func endsName(c byte) bool { return c == '>' || c == '/' || isSpace(c) }

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' }

// lower returns a piece of the page with small letters, in place if it has no others.
func (z *tokenizer) lower(start, end int) ref {
	for i := start; i < end; i++ {
		if c := z.src[i]; c == 0 || 'A' <= c && c <= 'Z' {
			from := len(z.tree.text)
			for _, c := range z.src[start:end] {
				if c == 0 {
					z.tree.text = append(z.tree.text, replacement...)
				} else {
					z.tree.text = append(z.tree.text, small(c))
				}
			}
			return z.tree.since(from)
		}
	}
	return z.span(start, end)
}

func (z *tokenizer) skipSpace() {
	for z.pos < len(z.src) && isSpace(z.src[z.pos]) {
		z.pos++
	}
}

// attributes reads a tag from behind its name to its end (13.2.5.32 to 13.2.5.40). It
// reports whether it has one.
func (z *tokenizer) attributes(tok *token, first int) bool {
	var known map[string]bool
	for {
		z.skipSpace()
		if z.pos == len(z.src) {
			return false
		}
		switch z.src[z.pos] {
		case '>':
			z.pos++
			return true
		case '/':
			z.pos++
			tok.selfClosing = z.pos < len(z.src) && z.src[z.pos] == '>'
			continue
		}
		a, ok := z.attribute()
		if !ok {
			return false
		}
		if !z.known(first, a.name, &known) {
			z.tree.attrs = append(z.tree.attrs, a)
		}
	}
}

// attribute reads one attribute. It reports whether the page goes on after it.
func (z *tokenizer) attribute() (a attribute, ok bool) {
	start := z.pos
	z.pos++ // even if it is "="
	for z.pos < len(z.src) && !endsName(z.src[z.pos]) && z.src[z.pos] != '=' {
		z.pos++
	}
	a.name = z.lower(start, z.pos)
	z.skipSpace()
	if z.pos == len(z.src) {
		return a, false
	}
	if z.src[z.pos] != '=' {
		return a, true
	}
	z.pos++
	z.skipSpace()
	if z.pos == len(z.src) {
		return a, false
	}
	switch quote := z.src[z.pos]; quote {
	case '>':
		return a, true
	case '"', '\'':
		z.pos++
		n := bytes.IndexByte(z.src[z.pos:], quote)
		if n < 0 {
			return a, false
		}
		a.data = z.value(z.pos, z.pos+n)
		z.pos += n + 1
	default:
		start := z.pos
		for z.pos < len(z.src) && z.src[z.pos] != '>' && !isSpace(z.src[z.pos]) {
			z.pos++
		}
		a.data = z.value(start, z.pos)
	}
	return a, true
}

func (z *tokenizer) value(start, end int) ref {
	return z.withoutNulls(z.clean(start, end, true, true), replacement)
}

// fewAttrs is how many attributes are compared one by one.
const fewAttrs = 16

// known reports whether a tag has an attribute already: the first one counts
// (13.2.5.33).
func (z *tokenizer) known(first int, name ref, seen *map[string]bool) bool {
	t := z.tree
	earlier := t.attrs[first:]
	if len(earlier) < fewAttrs {
		for i := range earlier {
			if t.view(earlier[i].name) == t.view(name) {
				return true
			}
		}
		return false
	}
	if *seen == nil {
		*seen = make(map[string]bool, 2*fewAttrs)
		for i := range earlier {
			(*seen)[t.view(earlier[i].name)] = true
		}
	}
	if (*seen)[t.view(name)] {
		return true
	}
	(*seen)[t.view(name)] = true
	return false
}

// declaration reads what begins with "<!" (13.2.5.42).
func (z *tokenizer) declaration(tok *token, cdata bool) {
	rest := z.src[z.pos:]
	switch {
	case bytes.HasPrefix(rest, []byte("--")):
		z.pos += len("--")
		z.comment(tok)
	case len(rest) >= len("doctype") && equalFold("doctype", rest[:len("doctype")]):
		z.pos += len("doctype")
		z.skipSpace()
		start := z.pos
		*tok = token{kind: doctypeToken, data: z.clean(start, z.upTo(start, ">"), true, false)}
	case cdata && bytes.HasPrefix(rest, []byte("[CDATA[")):
		start := z.pos + len("[CDATA[")
		end := z.upTo(start, "]]>")
		z.text(tok, start, end, false)
		tok.data = z.withoutNulls(tok.data, replacement)
	default:
		z.bogusComment(tok, z.pos)
	}
}

// upTo returns where a terminator begins and goes on behind it; without one the page
// is read to its end.
func (z *tokenizer) upTo(start int, terminator string) (end int) {
	if i := bytes.Index(z.src[start:], []byte(terminator)); i >= 0 {
		z.pos = start + i + len(terminator)
		return start + i
	}
	z.pos = len(z.src)
	return z.pos
}

// bogusComment reads up to the next ">" (13.2.5.41).
func (z *tokenizer) bogusComment(tok *token, start int) {
	end := z.upTo(start, ">")
	*tok = token{kind: commentToken, data: z.withoutNulls(z.clean(start, end, false, false), replacement)}
}

// comment reads a comment from behind its "<!--" (13.2.5.43 to 13.2.5.52).
func (z *tokenizer) comment(tok *token) {
	start := z.pos
	end := z.commentEnd(start)
	*tok = token{kind: commentToken, data: z.withoutNulls(z.clean(start, end, false, false), replacement)}
}

// commentEnd returns where the text of a comment ends and goes on behind the comment.
func (z *tokenizer) commentEnd(start int) (end int) {
	rest := z.src[start:]
	for _, abrupt := range []string{">", "->"} {
		if bytes.HasPrefix(rest, []byte(abrupt)) {
			z.pos = start + len(abrupt)
			return start
		}
	}
	for at := 0; ; {
		i := bytes.Index(rest[at:], []byte("--"))
		if i < 0 {
			break
		}
		at += i
		after := rest[at+2:]
		switch {
		case bytes.HasPrefix(after, []byte(">")):
			z.pos = start + at + len("-->")
			return start + at
		case bytes.HasPrefix(after, []byte("!>")):
			z.pos = start + at + len("--!>")
			return start + at
		}
		at++
	}
	z.pos = len(z.src)
	for _, begun := range []string{"--!", "--", "-"} {
		if bytes.HasSuffix(rest, []byte(begun)) {
			return len(z.src) - len(begun)
		}
	}
	return len(z.src)
}
