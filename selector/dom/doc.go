// Package dom builds the tree of an HTML page by the rules of the HTML standard
// (section 13.2), in a form that costs little: nodes and attributes are in two
// slices, texts are places in the page, and all of it is used again for the next
// page.
//
// The tree is the one that golang.org/x/net/html builds, but for a few places where that
// differs from the standard; tests compare them over the html5lib test suite and over
// random pages. Pages that are made to be a burden, by nesting too deep or by asking for
// far more elements than they have, are read by their tags alone.
//
// How it works: a tokenizer (token.go, rawtext.go, charref.go) splits the page. For each
// token the builder (build.go) calls the insertion mode it is in (mode_*.go), which
// changes the stack of open elements (stack.go, adoption.go) and adds nodes to the tree
// (tree.go). Sections are those of the HTML standard. XML pages, and HTML pages that are
// a burden, take a shorter way (xml.go, outline.go). Who searches a tree reads it into
// columns first (order.go).
package dom
