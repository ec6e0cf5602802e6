package main

import (
	"strings"

	"github.com/clew-crawler/clew/bench/chart"
)

// charts draws the tables: speed of every job, cost and memory of the first.
func (r *race) charts() map[string]string {
	charts := map[string]string{}
	for i, j := range r.jobs {
		all := r.standings(j)
		charts["speed-"+j.name+".svg"] = chart.Bars("Pages per second: "+j.title, 0, bars(all, func(s standing) span { return s.rate }))
		if i == 0 {
			charts["processor-"+j.name+".svg"] = chart.Bars("Processor time per page, in ms: "+j.title, 2, bars(all, func(s standing) span { return s.cost }))
			charts["memory-"+j.name+".svg"] = chart.Bars("Peak memory, in MB: "+j.title, 0, bars(all, func(s standing) span { return s.peak }))
		}
	}
	return charts
}

// bars are those that have a rank.
func bars(all []standing, of func(standing) span) (rows []chart.Row) {
	for _, s := range all {
		if v := of(s); s.problem == "" {
			rows = append(rows, chart.Row{Name: s.peer, Low: v.low, Median: v.median, High: v.high, Own: strings.HasPrefix(s.peer, reference)})
		}
	}
	return rows
}
