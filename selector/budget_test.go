package selector

import (
	"errors"
	"fmt"
	"strings"
	"testing"
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
