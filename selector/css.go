package selector

import (
	"math"

	"github.com/clew-crawler/clew/selector/dom"
)

// A compiled selector list is an automaton that runs over the tree from the
// top down. Each compound is a step with a bit of its own; the bits of an
// element say which steps, with all that is to their left, it satisfies. They
// follow from the bits of its parent, its ancestors and the siblings before
// it, so a node is looked at once per step and never again: no backtracking,
// whatever the selector and the page.
type program struct {
	query string
	steps []step

	start     uint64 // steps with nothing to their left
	scoped    uint64 // those of them that only the scope can satisfy
	fromAbove uint64 // steps that a descendant continues
	fromOver  uint64 // steps that a child continues
	fromAside uint64 // steps that a sibling continues
	nexts     int    // steps reached by "+"
	hasLater  bool   // a step is reached by "~"
	hasNth    bool

	aside bool // a part begins with "+" or "~"

	mark dom.Mark // of all HTML elements that something can begin with, 0 if there are several

	elements uint64 // last steps that give elements
	texts    uint64 // last steps followed by ::text
	attrs    []attrOutput
	self     uint64 // last steps that may give a selected node itself
}

// attrOutput says which last steps are followed by ::attr(name).
type attrOutput struct {
	value value
	last  uint64
}

// step is a compound and how it is reached from the one to its left.
type step struct {
	compound

	combinator byte   // ' ', '>', '+', '~', or 0 at the left end
	from       uint64 // the bit of the step to the left
}

// compound is what a single element must satisfy.
type compound struct {
	prefix string   // namespace prefix as written in the page, "" if any will do
	name   string   // type, "" if any will do
	lower  string   // name in lower case, as HTML trees have it
	tag    dom.Tag  // of that name
	mark   dom.Mark // of all HTML elements of that name, 0 if any name will do
	tests  []test
	nths   []nth
	scope  bool
}

// test looks at one element. bits are those of its steps already known.
type test func(r *run, n dom.Node, bits uint64) bool

// nth is a test of an element's place among its siblings.
type nth struct {
	a, b   int
	last   bool // counted from the end
	ofType bool
	of     *matcher // siblings that count, nil for all
}

// matcher is a selector list inside a pseudo-class: compounds to be tried at
// the place, or last steps of the same automaton.
type matcher struct {
	compounds []compound
	last      uint64
}

func (m *matcher) match(r *run, n dom.Node, bits uint64) bool {
	if bits&m.last != 0 {
		return true
	}
	for i := range m.compounds {
		if m.compounds[i].match(r, n, bits) {
			return true
		}
	}
	return false
}

// match tries all of a compound but its nths.
func (c *compound) match(r *run, n dom.Node, bits uint64) bool {
	if c.name != "" && !c.named(n) {
		return false
	}
	if c.prefix != "" && n.Namespace() != c.prefix {
		return false
	}
	if c.scope && !r.inScope(n) {
		return false
	}
	for _, t := range c.tests {
		if !t(r, n, bits) {
			return false
		}
	}
	return true
}

// named says whether an element has the compound's name.
func (c *compound) named(n dom.Node) bool {
	if tag := n.Tag(); tag != dom.Other {
		return tag == c.tag
	}
	name := n.Name()
	return name == c.name || name == c.lower
}

// holds says whether the i-th sibling (from 1) satisfies an+b.
func (t nth) holds(i int) bool {
	i -= t.b
	if t.a == 0 {
		return i == 0
	}
	return i%t.a == 0 && i/t.a >= 0
}

// run is one execution of a program.
type run struct {
	*program

	doc    *Document
	scope  map[dom.Node]bool
	only   dom.Node // the scope, if it is a single node
	budget *int     // steps left, shared with the runs inside it
	order  *dom.Order
	frames []frame // stack of the elements that a scan is inside of
	cells  []cell  // stack of sibling elements, one level above the other
	found  []match
	first  bool // one result is enough
}

// cell is an element and what is known of it while its level is worked on.
type cell struct {
	node dom.Node
	bits uint64
	ok   bool
	out  bool // outside the scope: only counted by nths
}

func (r *run) inScope(n dom.Node) bool {
	switch {
	case r.scope != nil:
		return r.scope[n]
	case r.only.Kind() == dom.DocumentNode:
		return n.Parent() == r.only
	}
	return n == r.only
}

// over says that the run can end.
func (r *run) over() bool {
	return *r.budget < 0 || r.first && len(r.found) > 0
}

// from collects the results below root and, where the program says so, root
// itself and the siblings after it.
func (r *run) from(root dom.Node) {
	if root.Kind() == dom.DocumentNode {
		r.below(root, 0, 0)
		return
	}
	known := r.alone(root)
	r.give(root, known&r.self)
	r.descend(root, known, known)
	if r.aside && !root.NextSibling().IsZero() {
		r.after(root, known)
	}
}

// alone finds the bits of an element of which nothing around is known.
func (r *run) alone(n dom.Node) (bits uint64) {
	if !r.hasNth {
		return r.satisfied(&frame{}, n, r.order.Mark(r.order.Place(n)))
	}
	r.push(n, 1)
	r.level(r.cells, 0, 0, 0)
	for _, c := range r.cells {
		if !c.out {
			bits = c.bits
		}
	}
	r.cells = r.cells[:0]
	return bits
}

// after collects the results among the siblings after root and below them.
func (r *run) after(root dom.Node, known uint64) {
	limit := r.nexts
	if r.hasLater {
		limit = math.MaxInt
	}
	r.push(root.NextSibling(), limit)
	r.level(r.cells, 0, 0, known)
	for i := 0; i < len(r.cells) && !r.over(); i++ {
		if c := r.cells[i]; !c.out {
			r.give(c.node, c.bits)
			r.descend(c.node, c.bits, c.bits)
		}
	}
	r.cells = r.cells[:0]
}

// push puts elements on the stack: up to limit of them from first on and, if
// places matter, all their siblings.
func (r *run) push(first dom.Node, limit int) {
	n, reached := first, false
	if r.hasNth {
		n = first.Parent().FirstChild()
	}
	for ; !n.IsZero() && (limit > 0 || r.hasNth); n = n.NextSibling() {
		reached = reached || n == first
		if !n.IsElement() {
			continue
		}
		in := reached && limit > 0
		if in {
			limit--
		}
		r.cells = append(r.cells, cell{node: n, out: !in})
	}
}

// descend goes below n if anything can come of it. known are n's bits, above
// those of n and its ancestors.
func (r *run) descend(n dom.Node, known, above uint64) {
	canStart := r.start
	if r.scope == nil {
		canStart &^= r.scoped // the one scope is not down there
	}
	if canStart != 0 || above&r.fromAbove != 0 || known&(r.fromOver|r.texts) != 0 {
		r.below(n, known, above)
	}
}

// below collects the results among the descendants of parent, in order.
func (r *run) below(parent dom.Node, known, above uint64) {
	if !r.hasNth {
		r.scan(parent, known, above)
		return
	}
	base := len(r.cells)
	for n := parent.FirstChild(); !n.IsZero(); n = n.NextSibling() {
		if n.IsElement() {
			r.cells = append(r.cells, cell{node: n})
		}
	}
	r.level(r.cells[base:], known, above, 0)
	next := base
	for n := parent.FirstChild(); !n.IsZero() && !r.over(); n = n.NextSibling() {
		switch {
		case n.IsText() && known&r.texts != 0:
			r.found = append(r.found, match{node: n})
		case n.IsElement():
			bits := r.cells[next].bits
			next++
			r.give(n, bits)
			r.descend(n, bits, above|bits)
		}
	}
	r.cells = r.cells[:base]
}

// give adds what n gives as an element. Its text is given on the way down.
func (r *run) give(n dom.Node, bits uint64) {
	if bits&r.elements != 0 {
		r.found = append(r.found, match{node: n})
	}
	for i := range r.attrs {
		a := &r.attrs[i]
		if bits&a.last == 0 {
			continue
		}
		if _, ok := attribute(n, a.value.attr); ok {
			r.found = append(r.found, match{node: n, value: &a.value})
		}
	}
}

// level finds the bits of siblings, step by step: a step depends on steps
// before it only. parent and above are the bits of the parent and of all
// ancestors, before those of the element just before the first.
func (r *run) level(cells []cell, parent, above, before uint64) {
	for i := range r.steps {
		if r.over() {
			return
		}
		s := &r.steps[i]
		if s.combinator == ' ' && above&s.from == 0 || s.combinator == '>' && parent&s.from == 0 {
			continue
		}
		*r.budget -= len(cells)
		if !r.try(s, cells, before) {
			continue
		}
		for _, t := range s.nths {
			r.place(t, cells)
		}
		for k := range cells {
			if cells[k].ok {
				cells[k].bits |= 1 << i
			}
		}
	}
}

// try marks the cells that satisfy a step but for its nths, and says if any do.
func (r *run) try(s *step, cells []cell, before uint64) bool {
	any, seen, previous := false, before&s.from != 0, before
	for k := range cells {
		c := &cells[k]
		if c.ok = false; c.out {
			continue
		}
		reached := true
		switch s.combinator {
		case '+':
			reached = previous&s.from != 0
		case '~':
			reached = seen
		}
		c.ok = reached && s.match(r, c.node, c.bits)
		any = any || c.ok
		previous = c.bits
		seen = seen || previous&s.from != 0
	}
	return any
}

// place unmarks the cells that are not where t wants them.
func (r *run) place(t nth, cells []cell) {
	count := 0
	var counts map[string]int
	if t.ofType {
		counts = make(map[string]int)
	}
	for k := range cells {
		if t.last {
			k = len(cells) - 1 - k
		}
		c := &cells[k]
		if t.of != nil && !t.of.match(r, c.node, c.bits) {
			c.ok = false
			continue
		}
		count++
		place := count
		if t.ofType {
			counts[c.node.Name()]++
			place = counts[c.node.Name()]
		}
		c.ok = c.ok && t.holds(place)
	}
}

// has runs a program for :has, whose scope is the element in question.
func (r *run) has(p *program, n dom.Node) bool {
	inner := run{program: p, doc: r.doc, only: n, budget: r.budget, order: r.order, first: true}
	inner.from(n)
	return len(inner.found) > 0
}

func (d *Document) compileCSS(query string) *program {
	known := d.remember().program(query)
	if *known != nil && (*known).query == query {
		return *known
	}
	p, err := d.compile().css.get(query, compileCSS)
	if err != nil {
		d.fail("parse", "CSS selector", query, err)
		return nil
	}
	*known = p
	return p
}

// runCSS runs a program from each of the given nodes, which are in document
// order. What is below several of them is looked at once.
func (d *Document) runCSS(query string, p *program, nodes []dom.Node) Selection {
	r := d.run(p)
	if len(nodes) == 1 {
		r.only = nodes[0]
	} else {
		r.scope = make(map[dom.Node]bool, len(nodes))
		for _, n := range nodes {
			r.scope[n] = true
		}
	}
	for _, n := range nodes {
		if r.scope == nil || !within(n, r.scope) {
			r.from(n)
		}
	}
	if *r.budget < 0 {
		d.fail("evaluate", "CSS selector", query, errBudget)
		return Selection{doc: d}
	}
	s := Selection{doc: d, matches: d.keep(r.found)}
	if p.aside && len(nodes) > 1 {
		s.matches = d.sorted(s.matches)
	}
	return s
}

// within says whether an ancestor of n is in the set.
func within(n dom.Node, set map[dom.Node]bool) bool {
	for p := n.Parent(); !p.IsZero(); p = p.Parent() {
		if set[p] {
			return true
		}
	}
	return false
}
