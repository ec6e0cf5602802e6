package dom

import (
	"strings"
	"testing"
)

// TestGiants checks that the memory of a giant tree is not kept, whatever it is that is
// so large, also by those who still have a node of it.
func TestGiants(t *testing.T) {
	for name, page := range map[string]string{
		"text":       strings.Repeat("x", 9<<20),
		"nodes":      strings.Repeat("<p>", 300_000),
		"attributes": strings.Repeat("<p a b c d e f g h i j k l>", 50_000),
	} {
		tree := ParseHTML(page)
		root := tree.Root()
		tree.Release()
		if cap(tree.text)+cap(tree.nodes)+cap(tree.attrs) > 0 {
			t.Errorf("%s: the memory of a page of %d MB is kept", name, len(page)>>20)
		}
		if !root.Released() || !root.FirstChild().IsZero() {
			t.Errorf("%s: the root is not empty", name)
		}
	}
}

// TestBuilderKeepsNothing checks that a builder that waits for its next page has no view
// of the last one's memory, which is another page's by then.
func TestBuilderKeepsNothing(t *testing.T) {
	for range 100 { // a pool may drop what it is given
		ParseHTML("<body a><body b><table>x<tr>y<math><annotation-xml encoding=text/html>").Release()
		b := builders.Get().(*builder)
		if b.pieces != nil || b.late != nil || b.annotations != nil || b.tree != nil || b.src != nil || b.mode != initial {
			t.Fatal("a builder keeps what it had for a page")
		}
	}
}
