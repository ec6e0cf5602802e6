package selector

import (
	"strconv"
	"strings"

	"github.com/andybalholm/cascadia"

	"github.com/clew-crawler/clew/selector/dom"
)

// pseudoClass parses a pseudo-class after its ":", which is at the offset at.
// What needs a selector, the scope or a place among siblings is done here; what
// looks at one element alone is left to cascadia.
func (p *cssParser) pseudoClass(c *compound, at int) error {
	written, err := p.ident("a pseudo-class")
	if err != nil {
		return err
	}
	name := asciiLower(written)
	if places := simplePlaces(name); places != nil {
		c.nths = append(c.nths, places...)
		return nil
	}
	switch name {
	case "scope":
		c.scope = true
	case "is", "where":
		return p.function(func() error { return p.is(c, false) })
	case "not":
		return p.function(func() error { return p.is(c, true) })
	case "has":
		return p.function(func() error { return p.has(c, ' ') })
	case "haschild":
		return p.function(func() error { return p.has(c, '>') })
	case "nth-child", "nth-last-child", "nth-of-type", "nth-last-of-type":
		return p.function(func() error { return p.nth(c, name) })
	default:
		return p.foreign(c, at, name)
	}
	return nil
}

// simplePlaces are the pseudo-classes that are an nth by another name.
func simplePlaces(name string) []nth {
	switch name {
	case "first-child":
		return []nth{{b: 1}}
	case "last-child":
		return []nth{{b: 1, last: true}}
	case "only-child":
		return []nth{{b: 1}, {b: 1, last: true}}
	case "first-of-type":
		return []nth{{b: 1, ofType: true}}
	case "last-of-type":
		return []nth{{b: 1, ofType: true, last: true}}
	case "only-of-type":
		return []nth{{b: 1, ofType: true}, {b: 1, ofType: true, last: true}}
	}
	return nil
}

// function parses the parentheses around an argument.
func (p *cssParser) function(argument func() error) error {
	at := p.pos
	if !p.accept('(') {
		return p.unexpected("(")
	}
	if p.nesting++; p.nesting > maxNesting {
		return p.fail(at, "nested deeper than %d", maxNesting)
	}
	p.space()
	if err := argument(); err != nil {
		return err
	}
	p.nesting--
	p.space()
	if !p.accept(')') {
		return p.unexpected(")")
	}
	return nil
}

func (p *cssParser) is(c *compound, not bool) error {
	m, err := p.matcher()
	if err != nil {
		return err
	}
	c.tests = append(c.tests, func(r *run, n dom.Node, bits uint64) bool {
		return m.match(r, n, bits) != not
	})
	return nil
}

// matcher parses an inner selector list. If it is compounds only they need no
// steps of their own.
func (p *cssParser) matcher() (*matcher, error) {
	mark := len(p.prog.steps)
	last, err := p.list(innerList, 0)
	if err != nil {
		return nil, err
	}
	inner := p.prog.steps[mark:]
	m := &matcher{last: last}
	for _, s := range inner {
		if s.combinator != 0 || len(s.nths) > 0 {
			return m, nil
		}
	}
	m.last = 0
	for _, s := range inner {
		m.compounds = append(m.compounds, s.compound)
	}
	p.prog.steps = p.prog.steps[:mark]
	return m, nil
}

// has parses the relative selectors of :has into a program of its own.
func (p *cssParser) has(c *compound, implied byte) error {
	outer := p.prog
	inner := new(program)
	p.prog = inner
	_, err := p.list(hasList, implied)
	p.prog = outer
	if err != nil {
		return err
	}
	inner.finish()
	c.tests = append(c.tests, func(r *run, n dom.Node, _ uint64) bool { return r.has(inner, n) })
	return nil
}

// nth parses an+b, and "of S" for the children.
func (p *cssParser) nth(c *compound, name string) error {
	t := nth{last: strings.Contains(name, "last"), ofType: strings.HasSuffix(name, "of-type")}
	at := p.pos
	end := strings.IndexByte(p.src[at:], ')')
	if end < 0 {
		return p.fail(at, "missing )")
	}
	formula := asciiLower(p.src[at : at+end])
	of := -1
	if !t.ofType {
		of = wordOf(formula)
	}
	if of >= 0 {
		end = of
	}
	var ok bool
	if t.a, t.b, ok = parseNth(formula[:end]); !ok {
		return p.fail(at, "%q is not of the form an+b", formula[:end])
	}
	p.pos = at + end
	if of >= 0 {
		p.pos += len("of")
		var err error
		if t.of, err = p.matcher(); err != nil {
			return err
		}
	}
	c.nths = append(c.nths, t)
	return nil
}

// wordOf finds the word "of" after a formula, -1 if it is not there.
func wordOf(s string) int {
	for i := 1; i+2 <= len(s); i++ {
		if s[i:i+2] == "of" && isSpace(s[i-1]) && (i+2 == len(s) || !isNameByte(s[i+2])) {
			return i
		}
	}
	return -1
}

// parseNth reads an+b (CSS Syntax 3, section 6), in lower case.
func parseNth(s string) (a, b int, ok bool) {
	s = strings.Join(strings.Fields(s), "")
	switch s {
	case "odd":
		return 2, 1, true
	case "even":
		return 2, 0, true
	}
	factor, rest, hasN := strings.Cut(s, "n")
	if !hasN {
		b, err := strconv.Atoi(s)
		return 0, b, err == nil
	}
	switch factor {
	case "", "+":
		a = 1
	case "-":
		a = -1
	default:
		var err error
		if a, err = strconv.Atoi(factor); err != nil {
			return 0, 0, false
		}
	}
	if rest == "" {
		return a, 0, true
	}
	if rest[0] != '+' && rest[0] != '-' {
		return 0, 0, false
	}
	b, err := strconv.Atoi(rest)
	return a, b, err == nil
}

// foreign hands a pseudo-class to cascadia.
func (p *cssParser) foreign(c *compound, at int, name string) error {
	argument := ""
	if p.peek() == '(' {
		start := p.pos
		if err := p.skipArgument(name); err != nil {
			return err
		}
		argument = p.src[start:p.pos]
	}
	sel, err := cascadia.Parse(":" + name + argument)
	if err != nil {
		return p.fail(at, "%v", err)
	}
	c.tests = append(c.tests, func(r *run, n dom.Node, _ uint64) bool { return sel.Match(r.doc.mirror(n)) })
	return nil
}

// skipArgument goes past the parentheses of a pseudo-class, minding quotes or,
// in those that take a regular expression, its own brackets.
func (p *cssParser) skipArgument(name string) error {
	at := p.pos
	p.pos++
	if name == "matches" || name == "matchesown" {
		p.pattern()
		if !p.accept(')') {
			return p.unexpected(")")
		}
		return nil
	}
	for p.pos < len(p.src) {
		switch c := p.src[p.pos]; c {
		case ')':
			p.pos++
			return nil
		case '"', '\'':
			if _, err := p.quoted(); err != nil {
				return err
			}
		case '\\':
			p.pos = min(p.pos+2, len(p.src))
		default:
			p.pos++
		}
	}
	return p.fail(at, "missing )")
}
