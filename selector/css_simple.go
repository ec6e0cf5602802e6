package selector

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/clew-crawler/clew/selector/dom"
)

// compound parses the simple selectors of one element into c, and the
// pseudo-element after them.
func (p *cssParser) compound(c *compound) (pseudo pseudoElement, err error) {
	start := p.pos
	if err := p.typeName(c); err != nil {
		return pseudo, err
	}
	for {
		p.comments()
		at := p.pos
		switch {
		case p.accept('#'):
			var id string
			if id, err = p.name("an identifier"); err == nil {
				c.tests = append(c.tests, attrTest("id", func(v string) bool { return v == id }))
			}
		case p.accept('.'):
			var class string
			if class, err = p.ident("a class name"); err == nil {
				c.tests = append(c.tests, attrTest("class", func(v string) bool { return hasWord(v, class) }))
			}
		case p.accept('['):
			err = p.attribute(c)
		case strings.HasPrefix(p.src[p.pos:], "::"):
			p.pos += 2
			return p.pseudoElement(at)
		case p.accept(':'):
			err = p.pseudoClass(c, at)
		case p.pos == start:
			return pseudo, p.unexpected("a selector")
		default:
			return pseudo, nil
		}
		if err != nil {
			return pseudo, err
		}
	}
}

// typeName parses an optional type selector: name, *, prefix|name, *|name.
func (p *cssParser) typeName(c *compound) error {
	var err error
	if !p.accept('*') {
		if !p.atIdent() {
			return nil
		}
		if c.name, err = p.ident("a type"); err != nil {
			return err
		}
	}
	if p.peek() == '|' && !strings.HasPrefix(p.src[p.pos:], "||") {
		p.pos++
		c.prefix, c.name = c.name, ""
		if !p.accept('*') {
			if c.name, err = p.ident("a type"); err != nil {
				return err
			}
		}
	}
	c.lower = asciiLower(c.name)
	c.tag = dom.Lookup(c.lower)
	switch {
	case c.name == "":
	case c.tag == dom.Other:
		c.mark = dom.Named
	default:
		c.mark = dom.Mark(c.tag)
	}
	return nil
}

// pseudoElement is what follows "::", with its place in the source.
type pseudoElement struct {
	name   string // "text" or "attr", "" if there is none
	attr   string
	offset int
}

func (p *cssParser) pseudoElement(at int) (pseudo pseudoElement, err error) {
	name, err := p.ident("text or attr(name)")
	if err != nil {
		return pseudo, err
	}
	pseudo = pseudoElement{name: asciiLower(name), offset: at}
	switch {
	case pseudo.name == "text":
		return pseudo, nil
	case pseudo.name != "attr":
		return pseudo, p.fail(at, "unknown pseudo-element ::%s, expected ::text or ::attr(name)", name)
	case !p.accept('('):
		return pseudo, p.unexpected("(")
	}
	p.space()
	if pseudo.attr, err = p.attrName(); err != nil {
		return pseudo, err
	}
	p.space()
	if !p.accept(')') {
		return pseudo, p.unexpected(")")
	}
	return pseudo, nil
}

// attrName parses the name of an attribute: name, prefix|name or *|name. The
// result is "prefix:name" if there is a prefix.
func (p *cssParser) attrName() (string, error) {
	if strings.HasPrefix(p.src[p.pos:], "*|") {
		p.pos += 2
		return p.ident("an attribute name")
	}
	name, err := p.ident("an attribute name")
	if err != nil || p.peek() != '|' || strings.HasPrefix(p.src[p.pos:], "|=") {
		return name, err
	}
	p.pos++
	local, err := p.ident("an attribute name")
	return name + ":" + local, err
}

// attribute parses an attribute selector after its "[".
func (p *cssParser) attribute(c *compound) error {
	p.space()
	name, err := p.attrName()
	if err != nil {
		return err
	}
	p.space()
	if p.accept(']') {
		c.tests = append(c.tests, attrTest(name, func(string) bool { return true }))
		return nil
	}
	op := p.peek()
	switch op {
	case '=':
	case '~', '|', '^', '$', '*', '!', '#':
		p.pos++
	default:
		return p.unexpected("an attribute operator or ]")
	}
	if !p.accept('=') {
		return p.unexpected("=")
	}
	p.space()
	var t test
	if op == '#' {
		t, err = p.attrRegexp(name)
	} else {
		t, err = p.attrValue(name, op)
	}
	if err != nil {
		return err
	}
	if !p.accept(']') {
		return p.unexpected("]")
	}
	c.tests = append(c.tests, t)
	return nil
}

// attrRegexp parses the pattern of [name#=pattern].
func (p *cssParser) attrRegexp(name string) (test, error) {
	at := p.pos
	re, err := regexp.Compile(p.pattern())
	if err != nil {
		return nil, p.fail(at, "%v", err)
	}
	return attrTest(name, re.MatchString), nil
}

// attrValue parses the value of an attribute selector and the flag after it.
func (p *cssParser) attrValue(name string, op byte) (test, error) {
	var want string
	var err error
	if c := p.peek(); c == '"' || c == '\'' {
		want, err = p.quoted()
	} else {
		want, err = p.ident("a value")
	}
	if err != nil {
		return nil, err
	}
	p.space()
	fold := false
	switch p.peek() {
	case 'i', 'I':
		fold = true
		p.pos++
	case 's', 'S':
		p.pos++
	}
	p.space()
	if fold {
		want = asciiLower(want)
	}
	compare := attrOperator(op, want)
	holds := compare
	if fold {
		holds = func(v string) bool { return compare(asciiLower(v)) }
	}
	if op != '!' {
		return attrTest(name, holds), nil
	}
	equals := attrTest(name, holds)
	return func(r *run, n dom.Node, bits uint64) bool { return !equals(r, n, bits) }, nil
}

// attrOperator compares values. The operators for parts never match an empty
// string (Selectors 4, section 6.2).
func attrOperator(op byte, want string) func(string) bool {
	switch op {
	case '~':
		return func(v string) bool { return hasWord(v, want) }
	case '|':
		return func(v string) bool {
			rest, ok := strings.CutPrefix(v, want)
			return ok && (rest == "" || rest[0] == '-')
		}
	case '^':
		return func(v string) bool { return want != "" && strings.HasPrefix(v, want) }
	case '$':
		return func(v string) bool { return want != "" && strings.HasSuffix(v, want) }
	case '*':
		return func(v string) bool { return want != "" && strings.Contains(v, want) }
	}
	return func(v string) bool { return v == want }
}

func attrTest(name string, holds func(string) bool) test {
	return func(_ *run, n dom.Node, _ uint64) bool {
		v, ok := attribute(n, name)
		return ok && holds(v)
	}
}

// attribute returns an attribute of an element by name or prefix:name, see
// [dom.Node.Lookup]. Names may also be given in capitals where the page, like all HTML,
// has none.
func attribute(n dom.Node, name string) (string, bool) {
	if value, ok := n.Lookup(name); ok {
		return value, true
	}
	if lower := asciiLower(name); lower != name {
		return n.Lookup(lower)
	}
	return "", false
}

// hasWord says whether word is among the words of v.
func hasWord(v, word string) bool {
	if len(word) > len(v) || word == "" {
		return false
	}
	start := 0
	for i := range len(v) {
		if isSpace(v[i]) {
			if v[start:i] == word {
				return true
			}
			start = i + 1
		}
	}
	return v[start:] == word
}

// atIdent says whether an identifier begins here.
func (p *cssParser) atIdent() bool {
	s := strings.TrimPrefix(p.src[p.pos:], "-")
	return s != "" && (isNameByte(s[0]) && (s[0] < '0' || s[0] > '9') || s[0] == '\\')
}

func isNameByte(c byte) bool {
	return c == '-' || c == '_' || c >= utf8.RuneSelf ||
		'0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// ident parses an identifier (CSS Syntax 3, section 4.3.11).
func (p *cssParser) ident(what string) (string, error) {
	if !p.atIdent() {
		return "", p.unexpected(what)
	}
	return p.name(what)
}

// name parses what may follow "#": an identifier that may begin with a digit.
func (p *cssParser) name(what string) (string, error) {
	var b strings.Builder
	start := p.pos
	for p.pos < len(p.src) {
		c := p.src[p.pos]
		if c == '\\' {
			if !p.escape(&b) {
				return "", p.unexpected("an escaped character")
			}
		} else if isNameByte(c) {
			b.WriteByte(c)
			p.pos++
		} else {
			break
		}
	}
	if p.pos == start {
		return "", p.unexpected(what)
	}
	return b.String(), nil
}

// escape parses a backslash and what it escapes: up to six hexadecimal digits
// and a space, or any character but a newline.
func (p *cssParser) escape(b *strings.Builder) bool {
	p.pos++
	end := p.pos
	for end < len(p.src) && end < p.pos+6 && strings.IndexByte("0123456789abcdefABCDEF", p.src[end]) >= 0 {
		end++
	}
	if end > p.pos {
		code, err := strconv.ParseUint(p.src[p.pos:end], 16, 32)
		if err != nil || code == 0 || code > utf8.MaxRune {
			code = utf8.RuneError
		}
		b.WriteRune(rune(code))
		p.pos = end
		if p.pos < len(p.src) && isSpace(p.src[p.pos]) {
			p.pos++
		}
		return true
	}
	if p.pos >= len(p.src) || p.src[p.pos] == '\n' {
		return false
	}
	_, size := utf8.DecodeRuneInString(p.src[p.pos:])
	b.WriteString(p.src[p.pos : p.pos+size])
	p.pos += size
	return true
}

// quoted parses a string in quotes.
func (p *cssParser) quoted() (string, error) {
	start, quote := p.pos, p.src[p.pos]
	p.pos++
	var b strings.Builder
	for p.pos < len(p.src) {
		c := p.src[p.pos]
		switch {
		case c == quote:
			p.pos++
			return b.String(), nil
		case c == '\\' && strings.HasPrefix(p.src[p.pos+1:], "\n"):
			p.pos += 2
		case c == '\\':
			if !p.escape(&b) {
				return "", p.fail(start, "string without end")
			}
		default:
			b.WriteByte(c)
			p.pos++
		}
	}
	return "", p.fail(start, "string without end")
}

// pattern takes a regular expression, which ends before a closing bracket or
// parenthesis that it did not open.
func (p *cssParser) pattern() string {
	start, open := p.pos, 0
	for ; p.pos < len(p.src); p.pos++ {
		switch p.src[p.pos] {
		case '\\':
			p.pos++
		case '(', '[':
			open++
		case ')', ']':
			if open--; open < 0 {
				return p.src[start:p.pos]
			}
		}
	}
	p.pos = len(p.src)
	return p.src[start:]
}
