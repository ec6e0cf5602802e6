package chart

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func ExampleBars() {
	svg := Bars("Pages per second", 0, []Row{{Name: "one", Low: 1, Median: 2, High: 3, Own: true}, {Name: "two", Low: 4, Median: 4, High: 4}})
	for line := range strings.Lines(svg) {
		if strings.Contains(line, "</text>") {
			_, text, _ := strings.Cut(line, ">")
			if _, title, ok := strings.Cut(text, ">"); ok && strings.Contains(title, "<") {
				text = title
			}
			fmt.Println(strings.TrimSuffix(strings.TrimSpace(text), "</text>"))
		}
	}
	// Output:
	// Pages per second
	// one
	// 2 (1 to 3)
	// two
	// 4
}

func TestBars(t *testing.T) {
	for _, rows := range [][]Row{nil, {{Name: "<zero>"}}, {{Name: strings.Repeat("long ", 10), Low: 1, Median: 2, High: 3}, {Name: "b", Median: 1, High: 1}}} {
		svg := Bars("a & b", 2, rows)
		dec := xml.NewDecoder(strings.NewReader(svg))
		var err error
		for err == nil {
			_, err = dec.Token()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("no XML: %v\n%s", err, svg)
		}
		if strings.Count(svg, "<rect") != len(rows) || strings.Contains(svg, "NaN") {
			t.Errorf("%d rows are drawn as\n%s", len(rows), svg)
		}
	}
}
