// Package selector reads the pages a crawl brings home: HTML, XML and JSON,
// with CSS, XPath and regular expressions.
//
// A [Document] is a body and what is known about it. Nothing is parsed until
// the first query, and then once. Queries return a [Selection], a value that
// can be queried again, and they never return an error: a page that lacks what
// was asked for gives an empty Selection, while a query that does not parse is
// a programmer's mistake, kept for [Document.Err].
//
// # CSS
//
// Selectors Level 4 as far as a page without a browser goes: combinators,
// attribute operators with the i and s flags, :is, :where, :not and :has with
// selector lists, the :nth family with "of S", :scope. Added are the
// pseudo-elements ::text, which gives each text node directly inside the
// matched elements, and ::attr(name), which gives an attribute's value; each
// part of a selector list may have its own. The vocabulary of cascadia is
// understood too (:contains, :containsOwn, :matches, :matchesOwn, :haschild,
// [a!=b], [a#=regexp]).
//
// Results come in document order, without duplicates. On a Selection a query
// sees the selected nodes and what is below them, nothing outside. It gives
// descendants; the selected nodes themselves only if it ends in :scope or in a
// pseudo-element, so that "::attr(href)" reads the link at hand. A query may
// begin with a combinator: "> a" are the children, "+ dd" the next sibling.
//
// # XPath
//
// XPath 1.0 with a few functions of 2.0, on the same tree. As everywhere in
// XPath, "//a" on a Selection starts at the document; ".//a" stays below.
//
// # Cost
//
// CSS matching takes time proportional to the nodes below the selection times
// the compounds of the selector (:has: times the depth as well). Trees are at
// most 512 levels deep. XPath has no such bound, so every query has a budget of
// steps, far beyond any sane page and query; one that runs out is abandoned and
// reported by [Document.Err].
package selector
