package selector

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/antchfx/xpath"
)

func TestBudget(t *testing.T) {
	page := []byte(strings.Repeat("<li></li>", 1000))
	for _, query := range []func(*Document) Selection{
		func(d *Document) Selection { return d.CSS("li:has(~ b)") },
		func(d *Document) Selection { return d.XPath("//li[following-sibling::b]") },
	} {
		d := Parse(page, "text/html", "")
		d.limit = 10_000
		if n := query(d).Len(); n != 0 {
			t.Errorf("%d results", n)
		}
		if !errors.Is(d.Err(), errBudget) {
			t.Errorf("Err is %v", d.Err())
		}
		d = Parse(page, "text/html", "")
		if query(d); d.Err() != nil {
			t.Errorf("with the default budget: %v", d.Err())
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	var c cache[int]
	compiled := 0
	get := func(q string) {
		if _, err := c.get(q, func(string) (int, error) { compiled++; return compiled, nil }); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 * generation {
		get(fmt.Sprint(i))
		get("often")
	}
	if n := len(c.young) + len(c.old); n > 2*generation {
		t.Errorf("%d queries kept", n)
	}
	if want := 5*generation + 1; compiled != want {
		t.Errorf("compiled %d times, want %d", compiled, want)
	}
}

// TestXPathManyWays checks that a node to which many ways lead is kept once, not once
// for each way: on a deep page these were gigabytes.
func TestXPathManyWays(t *testing.T) {
	d := Parse([]byte(strings.Repeat("<div>", 100)), "text/html", "")
	expr, err := newExpr("//div//div//div//div")
	if err != nil {
		t.Fatal(err)
	}
	budget := d.budget()
	found, ok := expr.Evaluate(&navigator{doc: d, node: d.tree(), attr: -1, budget: &budget}).(*xpath.NodeIterator)
	if !ok {
		t.Fatal("no nodes")
	}
	if n := len(appendFound(nil, found, map[place]struct{}{})); n != 97 {
		t.Errorf("%d nodes are kept, want 97", n)
	}
}

// TestPrefixedAttribute checks that an attribute of another name space does not hide
// the plain one.
func TestPrefixedAttribute(t *testing.T) {
	d := Parse([]byte(`<svg><a xlink:href="/x" href="/y"/><use xlink:href="/z"/></svg>`), "text/html", "")
	if got := d.CSS("::attr(href)").GetAll(); !slices.Equal(got, []string{"/y", "/z"}) {
		t.Errorf("href is %q", got)
	}
}
