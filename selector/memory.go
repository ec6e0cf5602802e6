package selector

import (
	"slices"
	"strings"

	"github.com/clew-crawler/clew/selector/dom"
)

// memory is what the queries of a document work with. The documents of a Compiler use
// it one after the other.
type memory struct {
	order  dom.Order
	run    run
	budget int
	copied chunk

	programs [16]*program // of queries that were asked before: found without a lock
}

// program returns the place for the program of a query, where that of another may be.
func (m *memory) program(query string) **program {
	place := len(query)
	if place > 0 {
		place += int(query[place/2])
	}
	return &m.programs[place%len(m.programs)]
}

// remember returns the memory of the document's queries.
func (d *Document) remember() *memory {
	if d.memory == nil {
		var ok bool
		if d.memory, ok = d.compile().memories.Get().(*memory); !ok {
			d.memory = new(memory)
		}
	}
	return d.memory
}

// run prepares the execution of a program.
func (d *Document) run(p *program) *run {
	order, m := d.order(), d.memory
	m.budget = d.budget()
	r := &m.run
	r.program, r.doc, r.order, r.budget = p, d, order, &m.budget
	r.scope, r.only, r.found = nil, dom.Node{}, r.found[:0]
	return r
}

// keep returns a copy of results. Where they are few they share their memory, which is
// not used again when the document is closed.
func (d *Document) keep(found []match) []match {
	const few = 16
	if len(found) > few {
		return slices.Clone(found)
	}
	if len(found) > cap(d.spare)-len(d.spare) {
		d.spare = make([]match, 0, 2*few)
	}
	start := len(d.spare)
	d.spare = append(d.spare, found...)
	return slices.Clip(d.spare[start:])
}

// clone copies a string out of the page.
func (d *Document) clone(view string) string {
	if view == "" {
		return "" // as all strings of a closed page are
	}
	return d.remember().copied.clone(view)
}

// A chunk is memory that short strings share. What is full is left to those that have
// a part of it.
type chunk struct{ strings.Builder }

// clone copies a string. The first copy has memory of its own, and each chunk is larger
// than the one before, so that what is asked for little takes little.
func (c *chunk) clone(s string) string {
	const short, most = 256, 2 << 10
	if len(s) > short {
		return strings.Clone(s)
	}
	if len(s) > c.Cap()-c.Len() {
		room := max(len(s), min(4*c.Cap(), most))
		c.Reset()
		c.Grow(room)
	}
	begin := c.Len()
	c.WriteString(s)
	return c.String()[begin:]
}

// order returns the document's nodes in order.
func (d *Document) order() *dom.Order {
	d.tree()
	o := &d.remember().order
	if !o.IsOf(d.nodes) {
		o.Read(d.nodes)
	}
	return o
}

// release gives the memory to other documents, unless it is more than most need.
func (m *memory) release(c *Compiler) {
	const most = 1 << 16
	r := &m.run
	if m.order.Len() > most || cap(r.found) > most || cap(r.cells) > most {
		return
	}
	m.run = run{frames: r.frames[:0], cells: r.cells[:0], found: r.found[:0]}
	c.memories.Put(m)
}
