package selector

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/clew-crawler/clew/selector/dom"
)

const (
	maxCompounds = 64 // bits of a program
	maxNesting   = 16 // of pseudo-classes with selectors inside
)

// cssParser turns a selector list into a program.
type cssParser struct {
	src     string
	pos     int
	nesting int
	prog    *program
}

// listKind is where a selector list stands, which decides what it may contain.
type listKind int

const (
	topList   listKind = iota // may begin with a combinator, may end in a pseudo-element
	innerList                 // of :is, :where, :not, :nth-child
	hasList                   // relative: begins with a combinator, if only the implied one
)

func compileCSS(src string) (*program, error) {
	p := &cssParser{src: src, prog: &program{query: src}}
	if _, err := p.list(topList, ' '); err != nil {
		return nil, err
	}
	if p.pos < len(src) {
		return nil, p.unexpected("a combinator or the end")
	}
	p.prog.finish()
	return p.prog, nil
}

// finish derives the masks from the steps.
func (prog *program) finish() {
	for i, s := range prog.steps {
		bit := uint64(1) << i
		switch s.combinator {
		case 0:
			prog.start |= bit
			if s.scope {
				prog.scoped |= bit
			}
		case ' ':
			prog.fromAbove |= s.from
		case '>':
			prog.fromOver |= s.from
		case '+':
			prog.fromAside |= s.from
			prog.nexts++
		case '~':
			prog.fromAside |= s.from
			prog.hasLater = true
		}
		prog.hasNth = prog.hasNth || len(s.nths) > 0
	}
	prog.mark = prog.commonMark()
}

// commonMark is the mark that all begins with, 0 if there are several, or if siblings
// have to be looked at anyway.
func (prog *program) commonMark() (common dom.Mark) {
	if prog.fromAside != 0 {
		return 0
	}
	for _, s := range prog.steps {
		switch {
		case s.combinator != 0:
		case s.mark == 0, common != 0 && common != s.mark:
			return 0
		default:
			common = s.mark
		}
	}
	return common
}

func (p *cssParser) fail(at int, format string, args ...any) error {
	return &syntaxError{offset: at, msg: fmt.Sprintf(format, args...)}
}

func (p *cssParser) unexpected(wanted string) error {
	if p.pos >= len(p.src) {
		return p.fail(p.pos, "unexpected end, expected %s", wanted)
	}
	r, _ := utf8.DecodeRuneInString(p.src[p.pos:])
	return p.fail(p.pos, "unexpected %q, expected %s", r, wanted)
}

// peek returns the next byte, 0 at the end.
func (p *cssParser) peek() byte {
	if p.pos < len(p.src) {
		return p.src[p.pos]
	}
	return 0
}

func (p *cssParser) accept(c byte) bool {
	if p.pos < len(p.src) && p.src[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

// space skips white space and comments, and says if there was white space.
func (p *cssParser) space() (skipped bool) {
	for p.comments(); p.pos < len(p.src) && isSpace(p.src[p.pos]); p.comments() {
		p.pos++
		skipped = true
	}
	return skipped
}

// comments skips comments, which separate nothing.
func (p *cssParser) comments() {
	for strings.HasPrefix(p.src[p.pos:], "/*") {
		_, after, _ := strings.Cut(p.src[p.pos+2:], "*/")
		p.pos = len(p.src) - len(after)
	}
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'
}

// list parses a selector list and returns the bits of its last steps. implied
// is the combinator that the parts of a hasList begin with if they have none.
func (p *cssParser) list(kind listKind, implied byte) (last uint64, err error) {
	for {
		bit, err := p.complex(kind, implied)
		if err != nil {
			return 0, err
		}
		last |= bit
		p.space()
		if !p.accept(',') {
			return last, nil
		}
	}
}

// complex parses compounds with combinators and returns the bit of the last.
func (p *cssParser) complex(kind listKind, implied byte) (uint64, error) {
	p.space()
	start := p.pos
	combinator, from := p.combinator(), uint64(0)
	switch {
	case combinator != 0 && kind == innerList:
		return 0, p.fail(start, "a selector here cannot begin with %q", combinator)
	case combinator == 0 && kind == hasList:
		combinator = implied
	}
	if combinator != 0 {
		p.prog.aside = p.prog.aside || combinator == '+' || combinator == '~'
		var err error
		if from, err = p.step(step{compound: compound{scope: true}}); err != nil {
			return 0, err
		}
	}
	for {
		s := step{combinator: combinator, from: from}
		pseudo, err := p.compound(&s.compound)
		if err != nil {
			return 0, err
		}
		if from, err = p.step(s); err != nil {
			return 0, err
		}
		spaced := p.space()
		if c := p.peek(); c == 0 || c == ',' || c == ')' && kind != topList {
			return from, p.output(kind, from, s.scope, pseudo)
		}
		if pseudo.name != "" {
			return 0, p.unexpected("the end of the selector after a pseudo-element")
		}
		if combinator = p.combinator(); combinator == 0 {
			if !spaced {
				return 0, p.unexpected("a combinator or the end")
			}
			combinator = ' '
		}
	}
}

// output says what the last step of a selector gives.
func (p *cssParser) output(kind listKind, last uint64, scope bool, pseudo pseudoElement) error {
	switch {
	case pseudo.name != "" && kind != topList:
		return p.fail(pseudo.offset, "a pseudo-element cannot stand inside a pseudo-class")
	case kind == innerList:
		return nil
	}
	if scope || pseudo.name != "" {
		p.prog.self |= last
	}
	switch pseudo.name {
	case "":
		p.prog.elements |= last
	case "text":
		p.prog.texts |= last
	default:
		for i, a := range p.prog.attrs {
			if a.value.attr == pseudo.attr {
				p.prog.attrs[i].last |= last
				return nil
			}
		}
		p.prog.attrs = append(p.prog.attrs, attrOutput{value: value{attr: pseudo.attr}, last: last})
	}
	return nil
}

// combinator parses a combinator other than white space, 0 if there is none.
func (p *cssParser) combinator() byte {
	c := p.peek()
	if c != '>' && c != '+' && c != '~' {
		return 0
	}
	p.pos++
	p.space()
	return c
}

// step adds a step to the program and returns its bit.
func (p *cssParser) step(s step) (uint64, error) {
	if len(p.prog.steps) == maxCompounds {
		return 0, p.fail(p.pos, "more than %d compounds", maxCompounds)
	}
	p.prog.steps = append(p.prog.steps, s)
	return 1 << (len(p.prog.steps) - 1), nil
}
