package main

import (
	"fmt"
	"html"
	"strings"
)

// charts draws the tables: speed of every job, cost and memory of the first.
func (r *race) charts() map[string]string {
	charts := map[string]string{}
	for i, j := range r.jobs {
		all := r.standings(j)
		charts["speed-"+j.name+".svg"] = chart("Pages per second: "+j.title, all, 0, func(s standing) span { return s.rate })
		if i == 0 {
			charts["processor-"+j.name+".svg"] = chart("Processor time per page, in ms: "+j.title, all, 2, func(s standing) span { return s.cost })
			charts["memory-"+j.name+".svg"] = chart("Peak memory, in MB: "+j.title, all, 0, func(s standing) span { return s.peak })
		}
	}
	return charts
}

// Measures of a chart, in pixels.
const (
	chartWidth = 760
	rowHeight  = 30
	barLeft    = 120 // names stand before it
	barRight   = 560 // the longest bar ends there, numbers stand behind it
	headHeight = 44
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

// chart draws horizontal bars of medians, each with a line from least to greatest.
func chart(title string, all []standing, digits int, of func(standing) span) string {
	longest, rows := 0.0, 0
	for _, s := range all {
		if s.problem == "" {
			longest = max(longest, of(s).high)
			rows++
		}
	}
	var b strings.Builder
	height := headHeight + rows*rowHeight + 8
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`+"\n", chartWidth, height, chartWidth, height)
	fmt.Fprintf(&b, "<title>%s</title>\n%s<text class=\"title\" x=\"8\" y=\"24\">%s</text>\n", html.EscapeString(title), style, html.EscapeString(title))
	at := func(value float64) float64 {
		if longest == 0 {
			return barLeft
		}
		return barLeft + value/longest*(barRight-barLeft)
	}
	y := headHeight
	for _, s := range all {
		if s.problem != "" {
			continue
		}
		value, class := of(s), "bar"
		if strings.HasPrefix(s.peer, reference) {
			class = "bar own"
		}
		middle := y + rowHeight/2
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", barLeft-8, middle+5, html.EscapeString(s.peer))
		fmt.Fprintf(&b, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>\n", class, barLeft, y+5, at(value.median)-barLeft, rowHeight-10)
		fmt.Fprintf(&b, "<line class=\"range\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>\n", at(value.low), middle, at(value.high), middle)
		fmt.Fprintf(&b, "<text x=\"%.1f\" y=\"%d\">%s</text>\n", at(value.high)+8, middle+5, value.text(digits))
		y += rowHeight
	}
	return b.String() + "</svg>\n"
}
