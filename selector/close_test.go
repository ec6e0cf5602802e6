package selector_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"github.com/clew-crawler/clew/selector"
)

// TestClosed checks that what was selected in a page that was closed is empty, also
// when the memory holds another page.
func TestClosed(t *testing.T) {
	d := parse(`<p class="one">1</p><p class="two">2</p><p data-x='"json"'>3</p>`)
	elements, texts, attrs := d.CSS("p"), d.CSS("p::text"), d.CSS("p::attr(class)")
	values, json := d.XPath("//@class"), d.CSS("p::attr(data-x)")
	kept := attrs.GetAll()
	d.Close()
	other := parse(strings.Repeat(`<a class="six" href="seven">eight</a>`, 10))
	if n := other.CSS("a").Len(); n != 10 {
		t.Fatalf("%d links", n)
	}
	check(t, "what was read", kept, []string{"one", "two"})
	for name, s := range map[string]selector.Selection{
		"elements": elements, "texts": texts, "attributes": attrs, "values": values,
		"parents": attrs.Parent(), "grandparents": elements.Parent(), "the page": d.CSS("p"),
		"queries": elements.CSS("*"), "paths": elements.XPath("self::node()"),
	} {
		check(t, name, s.Get()+strings.Join(s.GetAll(), "")+s.Text()+s.HTML()+s.Attr("class"), "")
		check(t, name+" by expression", s.Re("[a-z]+"), []string(nil))
	}
	var v string
	if err := json.JSON(&v); err == nil {
		t.Errorf("decoded %q", v)
	}
	if err := d.Err(); err != nil {
		t.Error(err)
	}
	d.Close() // again
	if n := other.CSS("a[class=six]").Len(); n != 10 {
		t.Errorf("%d links of the other page", n)
	}
}

// TestQueryOfPage checks that a query may be a view of a page's memory: what is kept of
// it is a copy.
func TestQueryOfPage(t *testing.T) {
	memory := []byte("p!")
	view := unsafe.String(&memory[0], len(memory))
	var c selector.Compiler
	d := c.Parse([]byte("<p>1<b>2"), "text/html", "")
	if n := d.CSS(view[:1]).Len(); n != 1 {
		t.Fatalf("%d elements", n)
	}
	d.CSS(view)
	copy(memory, "b?")
	for n := range 200 { // until what is kept has been sorted anew
		d.CSS(fmt.Sprintf("#n%d", n))
	}
	check(t, "the other query", d.CSS("b").Text(), "2")
	check(t, "the first query", d.CSS("p").Len(), 1)
	e, ok := errors.AsType[*selector.QueryError](d.Err())
	if !ok {
		t.Fatal(d.Err())
	}
	check(t, "the error's query", e.Query, "p!")
}
