package selector

import (
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/clew-crawler/clew/selector/dom"
)

// Selection is what a query found, in document order: elements, texts and
// values. It is a small value; its methods make new ones. The zero value is
// empty.
//
// The strings that its methods return are copies of what the page says. Short ones
// share memory, at most 2 KiB of it: of a few that are kept for long, keep copies.
//
// Like its [Document], a Selection is for one goroutine at a time.
type Selection struct {
	doc     *Document
	matches []match
}

// match is one result: a node, the value of one of its attributes, or a value that
// belongs to no node.
type match struct {
	node  dom.Node
	value *value // nil for a node
}

// value says what a result that is no node stands for.
type value struct {
	attr string // the name of the node's attribute, or
	text string // the value itself
}

// isNode says whether the result is a node itself.
func (m match) isNode() bool { return m.value == nil }

// text is the value of a result that is no node, "" if its page was closed.
func (m match) text() string {
	switch {
	case m.node.Released():
		return ""
	case m.value.attr != "":
		text, _ := attribute(m.node, m.value.attr)
		return text
	}
	return m.value.text
}

// get is the string that a result stands for.
func (d *Document) get(m match) string {
	switch {
	case !m.isNode():
		return d.clone(m.text())
	case m.node.IsText():
		return d.clone(m.node.Data())
	}
	return d.render(m.node)
}

// Len returns how many results there are.
func (s Selection) Len() int { return len(s.matches) }

// At returns the i-th result, counted from 0, and an empty Selection if there
// is none.
func (s Selection) At(i int) Selection {
	if i < 0 || i >= len(s.matches) {
		return Selection{doc: s.doc}
	}
	return Selection{doc: s.doc, matches: s.matches[i : i+1 : i+1]}
}

// First returns the first result, or an empty Selection.
func (s Selection) First() Selection { return s.At(0) }

// Last returns the last result, or an empty Selection.
func (s Selection) Last() Selection { return s.At(len(s.matches) - 1) }

// All returns the results one by one, each as a Selection.
func (s Selection) All() iter.Seq[Selection] {
	return func(yield func(Selection) bool) {
		for i := range s.matches {
			if !yield(s.At(i)) {
				return
			}
		}
	}
}

// Get returns the first result as a string: a text or a value as it is, an
// element as its outer HTML (or XML). It is "" if there is none.
func (s Selection) Get() string { return s.GetOr("") }

// GetOr is like Get, with another default.
func (s Selection) GetOr(def string) string {
	if len(s.matches) == 0 {
		return def
	}
	return s.doc.get(s.matches[0])
}

// GetAll returns all results as strings, as Get does for the first.
func (s Selection) GetAll() []string {
	all := make([]string, len(s.matches))
	for i, m := range s.matches {
		all[i] = s.doc.get(m)
	}
	return all
}

// CSS selects among what is selected; see the package for what that means.
func (s Selection) CSS(query string) Selection {
	if s.doc == nil {
		return s
	}
	p := s.doc.compileCSS(query)
	nodes := s.nodes(make([]dom.Node, 0, 1), false)
	if p == nil || len(nodes) == 0 {
		return Selection{doc: s.doc}
	}
	return s.doc.runCSS(query, p, nodes)
}

// XPath evaluates an expression at each selected node. Node sets are joined,
// other values listed one per node.
func (s Selection) XPath(query string) Selection {
	if s.doc == nil {
		return s
	}
	x := s.doc.compileXPath(query)
	nodes := s.nodes(nil, true)
	if x == nil || len(nodes) == 0 {
		return Selection{doc: s.doc}
	}
	return s.doc.runXPath(query, x, nodes)
}

// nodes appends the nodes a query can start from; texts only for XPath, which
// can go up from them.
func (s Selection) nodes(nodes []dom.Node, texts bool) []dom.Node {
	nodes = slices.Grow(nodes, len(s.matches))
	for _, m := range s.matches {
		if m.isNode() && !m.node.Released() && (texts || m.node.IsElement() || m.node.Kind() == dom.DocumentNode) {
			nodes = append(nodes, m.node)
		}
	}
	return nodes
}

// Re returns what a regular expression finds in each result as Get gives it,
// as [Document.Re] does in the page.
func (s Selection) Re(pattern string) []string {
	var found []string
	if s.doc == nil {
		return nil
	}
	if re := s.doc.compileRe(pattern); re != nil {
		for _, m := range s.matches {
			found = findAll(found, re, s.doc.get(m))
		}
	}
	return found
}

// ReFirst returns the first string that Re gives, "" if there is none.
func (s Selection) ReFirst(pattern string) string {
	if s.doc == nil {
		return ""
	}
	re := s.doc.compileRe(pattern)
	if re == nil {
		return ""
	}
	for _, m := range s.matches {
		if groups := re.FindStringSubmatch(s.doc.get(m)); groups != nil {
			return groups[min(1, len(groups)-1)]
		}
	}
	return ""
}

// Attr returns an attribute of the first result, "" if it has none of that
// name. In XML a prefix is part of the name: "xml:lang".
func (s Selection) Attr(name string) string {
	value, _ := s.attr(name)
	return s.doc.clone(value)
}

// HasAttr says whether the first result has an attribute, even an empty one.
func (s Selection) HasAttr(name string) bool {
	_, ok := s.attr(name)
	return ok
}

func (s Selection) attr(name string) (string, bool) {
	if n := s.Node(); !n.IsZero() {
		return attribute(n, name)
	}
	return "", false
}

// Text returns the text of the first result and all below it as a reader sees
// it: white space trimmed and each run of it one space, scripts and styles left
// out. A result that is a script gives its source.
func (s Selection) Text() string {
	switch n := s.Node(); {
	case !n.IsZero():
		return s.doc.collapse(visibleText(n))
	case len(s.matches) > 0:
		return s.doc.collapse(s.matches[0].text())
	}
	return ""
}

// HTML returns the first result as markup: the outer HTML of an element (XML in
// an XML page), a text escaped. It is "" for values.
func (s Selection) HTML() string {
	if n := s.Node(); !n.IsZero() {
		return s.doc.render(n)
	}
	return ""
}

// Node returns the node of the first result, the zero Node if that is a value or
// there is none. What it gives is a view of the page's memory, see [dom.Node].
func (s Selection) Node() dom.Node {
	if len(s.matches) == 0 || !s.matches[0].isNode() {
		return dom.Node{}
	}
	return s.matches[0].node
}

// Parent returns the parents of all results, each once. The parent of an
// attribute is its element.
func (s Selection) Parent() Selection {
	parents := Selection{doc: s.doc}
	for _, m := range s.matches {
		n := m.node
		if n.Released() {
			continue
		}
		if m.isNode() {
			n = n.Parent()
		}
		if !n.IsZero() {
			parents.matches = append(parents.matches, match{node: n})
		}
	}
	if s.doc != nil {
		parents.matches = s.doc.sorted(parents.matches)
	}
	return parents
}

// JSON decodes the first result into v, as [encoding/json.Unmarshal] does: the
// content of an element such as <script type="application/json">, a text or a
// value.
func (s Selection) JSON(v any) error {
	if len(s.matches) == 0 {
		return errors.New("decode JSON of a selection: it is empty")
	}
	var text string
	if n := s.Node(); n.IsZero() {
		text = s.matches[0].text()
	} else {
		text = allText(n)
	}
	if err := unmarshal(text, v); err != nil {
		return fmt.Errorf("decode JSON in %s: %w", s.doc.name(), err)
	}
	return nil
}

// sorted puts results in document order and drops repetitions. Values that
// belong to no node stay as they are.
func (d *Document) sorted(matches []match) []match {
	if len(matches) < 2 || matches[0].node.IsZero() {
		return matches
	}
	order := d.order()
	slices.SortStableFunc(matches, func(a, b match) int {
		return order.Place(a.node) - order.Place(b.node)
	})
	seen := make(map[match]bool, len(matches))
	return slices.DeleteFunc(matches, func(m match) bool {
		repeated := seen[m]
		seen[m] = true
		return repeated
	})
}
