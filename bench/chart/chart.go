// Package chart draws measurements as SVG, for documents.
package chart

import (
	"fmt"
	"html"
	"strconv"
	"strings"
)

// A Row is one bar: a median, and the least and the greatest value around it.
type Row struct {
	Name              string
	Low, Median, High float64
	Own               bool // in the colour that stands out
}

// Measures in pixels.
const (
	width      = 760
	rowHeight  = 30
	barRight   = 560 // the longest bar ends there, numbers stand behind it
	headHeight = 44
	charWidth  = 8 // of a name, nearly
)

// style is readable on a light page and on a dark one.
const style = `<style>
text { font: 14px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600 }
.bar { fill: #8c959f }
.own { fill: #0969da }
.range { stroke: #24292f; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.bar { fill: #6e7681 }
.own { fill: #58a6ff }
.range { stroke: #e6edf3 }
}
</style>
`

// Bars draws horizontal bars of medians, each with a line from least to greatest and
// its numbers with so many digits behind the point.
func Bars(title string, digits int, rows []Row) string {
	longest, left := 0.0, 120 // names stand before it
	for _, r := range rows {
		longest, left = max(longest, r.High), max(left, charWidth*len(r.Name)+16)
	}
	var b strings.Builder
	height := headHeight + len(rows)*rowHeight + 8
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "<title>%s</title>\n%s<text class=\"title\" x=\"8\" y=\"24\">%s</text>\n", html.EscapeString(title), style, html.EscapeString(title))
	at := func(value float64) float64 {
		if longest == 0 {
			return float64(left)
		}
		return float64(left) + value/longest*float64(barRight-left)
	}
	for i, r := range rows {
		class := "bar"
		if r.Own {
			class = "bar own"
		}
		y := headHeight + i*rowHeight
		middle := y + rowHeight/2
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", left-8, middle+5, html.EscapeString(r.Name))
		fmt.Fprintf(&b, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>\n", class, left, y+5, at(r.Median)-float64(left), rowHeight-10)
		fmt.Fprintf(&b, "<line class=\"range\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>\n", at(r.Low), middle, at(r.High), middle)
		fmt.Fprintf(&b, "<text x=\"%.1f\" y=\"%d\">%s</text>\n", at(r.High)+8, middle+5, numbers(r, digits))
	}
	return b.String() + "</svg>\n"
}

// numbers is what a bar says, with its range if it has one.
func numbers(r Row, digits int) string {
	text := func(v float64) string { return strconv.FormatFloat(v, 'f', digits, 64) }
	median, low, high := text(r.Median), text(r.Low), text(r.High)
	if low == high {
		return median
	}
	return median + " (" + low + " to " + high + ")"
}
