// Package dom builds the tree of an HTML page by the rules of the HTML standard
// (section 13.2), in a form that costs little: nodes and attributes are in two
// slices, texts are places in the page, and all of it is used again for the next
// page.
//
// The tree is the one that golang.org/x/net/html builds; a test compares them over
// the html5lib test suite and over random pages.
package dom
