package dom

import (
	"math/rand/v2"
	"testing"
)

// TestOrder compares the order of random pages with what the links between nodes say.
func TestOrder(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	if len(elements) > int(Text) {
		t.Fatal("a tag has the mark of what is none")
	}
	var o Order // used again for each page
	straight, other := 0, 0
	for n := range uint64(2000) {
		page := soup(rand.New(rand.NewPCG(seed+n, 0)))
		tree := ParseHTML(page)
		if n%10 == 0 {
			tree = ParseXML(page)
		}
		o.Read(tree)
		if len(o.ids) == 0 {
			straight++
		} else {
			other++
		}
		checkOrder(t, &o, tree)
		if t.Failed() {
			t.Fatalf("page %q; again: go test -run TestOrder -seed %d", page, seed+n)
		}
		tree.Release()
		if o.IsOf(tree) {
			t.Fatal("the order of a tree that was released is good")
		}
	}
	if straight < 100 || other < 100 {
		t.Errorf("seed %d: %d trees were built in document order, %d were not", seed, straight, other)
	}
}

// checkOrder compares an order with the links between the nodes of its tree.
func checkOrder(t *testing.T, o *Order, tree *Tree) {
	t.Helper()
	place := 0
	var check func(n Node)
	check = func(n Node) {
		here := place
		place++
		if o.At(here) != n || o.Place(n) != here {
			t.Errorf("place %d is that of node %d, whose place is %d; want node %d", here, o.At(here).ID(), o.Place(n), n.ID())
			return
		}
		want := Silent
		switch {
		case n.IsElement() && n.Tag() == Other:
			want = Named
		case n.IsElement():
			want = Mark(n.Tag())
		case n.IsText():
			want = Text
		}
		if got := o.Mark(here); got != want {
			t.Errorf("the mark of node %d is %d, want %d", n.ID(), got, want)
		}
		for c := range n.Children() {
			if check(c); t.Failed() {
				return
			}
		}
		if got := o.End(here); got != place {
			t.Errorf("node %d ends before place %d, want %d", n.ID(), got, place)
		}
	}
	check(tree.Root())
	if o.Len() != place || o.End(0) != place {
		t.Errorf("%d nodes, want %d", o.Len(), place)
	}
}

// TestOrderOfWhatWasTakenOut reads trees some nodes of which are not part of the document.
func TestOrderOfWhatWasTakenOut(t *testing.T) {
	for _, out := range []nodeID{1, 2, 3, 4, 5} {
		tree := newTree("")
		for _, parent := range []nodeID{0, 1, 2, 1, 4} {
			tree.appendChild(parent, tree.add(node{kind: ElementNode, tag: B}))
		}
		tree.detach(out)
		var o Order
		o.Read(tree)
		if checkOrder(t, &o, tree); t.Failed() {
			t.Fatalf("without node %d", out)
		}
	}
}
