package selector

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/antchfx/xpath"

	"github.com/clew-crawler/clew/selector/dom"
)

// xpathQuery is a compiled expression. An xpath.Expr has state while it runs,
// so each run takes one out of the pool.
type xpathQuery struct {
	exprs sync.Pool
}

func compileXPath(query string) (*xpathQuery, error) {
	first, err := newExpr(query)
	if err != nil {
		return nil, err
	}
	x := new(xpathQuery)
	x.exprs.Put(first)
	return x, nil
}

// newExpr compiles an expression, with the library's panics made errors.
func newExpr(query string) (expr *xpath.Expr, err error) {
	defer recoverTo(&err)
	if strings.TrimSpace(query) == "" {
		return nil, errors.New("the expression is empty")
	}
	// The library ignores what follows a complete expression; inside
	// parentheses it does not.
	if _, err := xpath.Compile("(" + query + ")"); err != nil {
		return nil, err
	}
	return xpath.Compile(query)
}

// recoverTo turns a panic of the library into an error.
func recoverTo(err *error) {
	switch r := recover().(type) {
	case nil:
	case error:
		*err = r
	default:
		*err = fmt.Errorf("%v", r)
	}
}

func (d *Document) compileXPath(query string) *xpathQuery {
	x, err := d.compile().xpath.get(query, compileXPath)
	if err != nil {
		d.fail("parse", "XPath", query, err)
		return nil
	}
	return x
}

// runXPath evaluates an expression at each of the given nodes.
func (d *Document) runXPath(query string, x *xpathQuery, nodes []dom.Node) Selection {
	matches, err := d.evaluate(query, x, nodes)
	if err != nil {
		d.fail("evaluate", "XPath", query, err)
		return Selection{doc: d}
	}
	return Selection{doc: d, matches: matches}
}

func (d *Document) evaluate(query string, x *xpathQuery, nodes []dom.Node) (matches []match, err error) {
	defer recoverTo(&err)
	expr, ok := x.exprs.Get().(*xpath.Expr)
	if !ok {
		if expr, err = newExpr(query); err != nil {
			return nil, err
		}
	}
	budget := d.budget()
	seen := make(map[place]struct{})
	for _, n := range nodes {
		result := expr.Evaluate(&navigator{doc: d, node: n, attr: -1, budget: &budget})
		if found, ok := result.(*xpath.NodeIterator); ok {
			matches = appendFound(matches, found, seen)
		} else {
			matches = append(matches, match{value: &value{text: scalar(result)}})
		}
	}
	x.exprs.Put(expr) // not after a panic: its state is unknown
	return d.sorted(matches), nil
}

// place is where a navigator stands.
type place struct {
	node, attr int
}

// appendFound appends what is not in seen. The library gives some nodes once for
// each way that leads to them, which on a deep page is a hundred million times.
func appendFound(matches []match, found *xpath.NodeIterator, seen map[place]struct{}) []match {
	for found.MoveNext() {
		at, ok := found.Current().(*navigator)
		if !ok {
			continue
		}
		at.spend()
		here := place{at.node.ID(), at.attr}
		if _, repeated := seen[here]; repeated {
			continue
		}
		seen[here] = struct{}{}
		m := match{node: at.node}
		if at.attr >= 0 {
			m.value = &value{text: strings.Clone(at.Value())}
		}
		matches = append(matches, m)
	}
	return matches
}

// scalar spells a string, number or boolean as XPath's string() does.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return strings.Clone(v)
	case bool:
		return strconv.FormatBool(v)
	case float64:
		switch {
		case math.IsInf(v, 1):
			return "Infinity"
		case math.IsInf(v, -1):
			return "-Infinity"
		case v == 0:
			return "0" // not -0
		}
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// navigator shows a tree to the xpath library, each move taken from a budget.
type navigator struct {
	doc    *Document
	node   dom.Node
	attr   int // index of the attribute it stands on, or -1
	budget *int
}

var _ xpath.NodeNavigator = (*navigator)(nil)

// spend ends the evaluation when the budget is gone. The library knows no other
// way out than a panic, which evaluate recovers.
func (v *navigator) spend() {
	if *v.budget--; *v.budget < 0 {
		panic(errBudget)
	}
}

func (v *navigator) NodeType() xpath.NodeType {
	switch {
	case v.attr >= 0:
		return xpath.AttributeNode
	case v.node.Kind() == dom.DocumentNode:
		return xpath.RootNode
	case v.node.IsElement():
		return xpath.ElementNode
	case v.node.IsText():
		return xpath.TextNode
	}
	return xpath.CommentNode
}

func (v *navigator) LocalName() string {
	switch {
	case v.attr >= 0:
		return v.node.Attr(v.attr).Name
	case v.node.IsElement():
		return v.node.Name()
	}
	return ""
}

// Prefix is as written in XML. In HTML the elements of SVG and MathML go by
// their bare names.
func (v *navigator) Prefix() string {
	switch {
	case v.attr >= 0:
		return v.node.Attr(v.attr).Namespace
	case v.doc.isXML && v.node.IsElement():
		return v.node.Namespace()
	}
	return ""
}

func (v *navigator) Value() string {
	switch {
	case v.attr >= 0:
		return v.node.Attr(v.attr).Value
	case v.node.IsText(), v.node.Kind() == dom.CommentNode:
		return v.node.Data()
	}
	var b strings.Builder
	for n := range v.node.Descendants() {
		v.spend()
		if n.IsText() {
			b.WriteString(n.Data())
		}
	}
	return b.String()
}

// String is what the library prints of a node.
func (v *navigator) String() string { return v.Value() }

func (v *navigator) Copy() xpath.NodeNavigator {
	c := *v
	return &c
}

func (v *navigator) MoveToRoot() {
	v.node, v.attr = v.doc.tree(), -1
}

func (v *navigator) MoveToParent() bool {
	v.spend()
	if v.attr >= 0 {
		v.attr = -1
		return true
	}
	return v.moveTo(v.node.Parent())
}

func (v *navigator) MoveToNextAttribute() bool {
	v.spend()
	if !v.node.IsElement() || v.attr >= v.node.NumAttr()-1 {
		return false
	}
	v.attr++
	return true
}

func (v *navigator) MoveToChild() bool {
	v.spend()
	return v.attr < 0 && v.moveTo(forward(v.node.FirstChild()))
}

func (v *navigator) MoveToFirst() bool {
	v.spend()
	if v.attr >= 0 || v.node.Parent().IsZero() {
		return false
	}
	first := forward(v.node.Parent().FirstChild())
	return first != v.node && v.moveTo(first)
}

func (v *navigator) MoveToNext() bool {
	v.spend()
	return v.attr < 0 && v.moveTo(forward(v.node.NextSibling()))
}

func (v *navigator) MoveToPrevious() bool {
	v.spend()
	if v.attr >= 0 {
		return false
	}
	n := v.node.PrevSibling()
	for !n.IsZero() && n.Kind() == dom.DoctypeNode {
		n = n.PrevSibling()
	}
	return v.moveTo(n)
}

func (v *navigator) MoveTo(other xpath.NodeNavigator) bool {
	o, ok := other.(*navigator)
	if !ok || o.doc != v.doc {
		return false
	}
	v.node, v.attr = o.node, o.attr
	return true
}

func (v *navigator) moveTo(n dom.Node) bool {
	if n.IsZero() {
		return false
	}
	v.node = n
	return true
}

// forward skips the doctype, which is no node to XPath.
func forward(n dom.Node) dom.Node {
	for !n.IsZero() && n.Kind() == dom.DoctypeNode {
		n = n.NextSibling()
	}
	return n
}
