package selector

import "github.com/clew-crawler/clew/selector/dom"

// frame is an element that a scan is inside of, with the bits that matter there.
type frame struct {
	end    int    // place behind the last node below the element
	bits   uint64 // that children and texts continue
	above  uint64 // that descendants continue, those of the ancestors included
	before uint64 // of the child looked at last
	seen   uint64 // of all children so far
}

// silent says that nothing inside the element continues what is known.
func (f *frame) silent() bool { return f.bits|f.above == 0 }

// scan collects the results among the descendants of parent, in order, unless places
// among siblings matter. It goes over the nodes one by one, but past those that cannot
// begin anything while nothing is begun.
func (r *run) scan(parent dom.Node, known, above uint64) {
	o := r.order
	place := o.Place(parent)
	end := o.End(place)
	r.frames = append(r.frames[:0], r.frame(end, known, above))
	for place++; place < end && !r.over(); place++ {
		for place >= r.frames[len(r.frames)-1].end {
			r.frames = r.frames[:len(r.frames)-1]
		}
		top := &r.frames[len(r.frames)-1]
		if r.mark != 0 && !r.doc.isXML && top.silent() {
			if place = o.Next(r.mark, place, top.end); place >= top.end {
				place--
				continue
			}
		}
		*r.budget--
		switch mark := o.Mark(place); mark {
		case dom.Silent:
		case dom.Text:
			if top.bits&r.texts != 0 {
				r.found = append(r.found, match{node: o.At(place)})
			}
		default:
			place = r.element(top, place, mark)
		}
	}
}

// frame is that of an element with some bits, below others.
func (r *run) frame(end int, bits, above uint64) frame {
	return frame{end: end, bits: bits & (r.fromOver | r.texts), above: (above | bits) & r.fromAbove}
}

// element looks at the element at a place and returns the last place that is done with it.
func (r *run) element(top *frame, place int, mark dom.Mark) int {
	o := r.order
	n := o.At(place)
	bits := r.satisfied(top, n, mark)
	r.give(n, bits)
	top.before = bits & r.fromAside
	top.seen |= top.before
	end := o.End(place)
	if end == place+1 {
		return place
	}
	inside := r.frame(end, bits, top.above)
	canStart := r.start
	if r.scope == nil {
		canStart &^= r.scoped // the one scope is not down there
	}
	if inside.silent() && canStart == 0 {
		return end - 1
	}
	if !inside.silent() || !top.silent() || r.fromAside != 0 {
		r.frames = append(r.frames, inside)
	}
	return place
}

// satisfied returns the bits of the steps that an element satisfies.
func (r *run) satisfied(top *frame, n dom.Node, mark dom.Mark) (bits uint64) {
	for i := range r.steps {
		s := &r.steps[i]
		if s.mark != mark && s.mark != 0 && !r.doc.isXML {
			continue
		}
		reached := true
		switch s.combinator {
		case ' ':
			reached = top.above&s.from != 0
		case '>':
			reached = top.bits&s.from != 0
		case '+':
			reached = top.before&s.from != 0
		case '~':
			reached = top.seen&s.from != 0
		}
		if !reached {
			continue
		}
		*r.budget--
		if s.match(r, n, bits) {
			bits |= 1 << i
		}
	}
	return bits
}
