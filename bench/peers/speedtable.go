package main

import (
	"fmt"
	"slices"
	"strings"
)

// A standing is what a peer came to in a job, over all rounds.
type standing struct {
	peer    string
	pages   int
	problem string // why it has no rank

	rate, cost, peak       span
	ofRate, ofCost, ofPeak span // as shares of the reference's in the same round; empty without it
}

// A span is a median with the least and the greatest.
type span struct {
	low, median, high float64
	there             bool
}

func spanOf(values []float64) span {
	if len(values) == 0 {
		return span{}
	}
	slices.Sort(values)
	middle := len(values) / 2
	median := values[middle]
	if len(values)%2 == 0 {
		median = (values[middle-1] + median) / 2
	}
	return span{values[0], median, values[len(values)-1], true}
}

// text prints a span with so many digits behind the point.
func (s span) text(digits int) string {
	if !s.there {
		return "–"
	}
	if s.low == s.high {
		return fmt.Sprintf("%.*f", digits, s.median)
	}
	return fmt.Sprintf("%.*f (%.*f to %.*f)", digits, s.median, digits, s.low, digits, s.high)
}

// standings ranks the peers of a job, the fastest first, those without a rank last.
func (r *race) standings(j *job) []standing {
	base := map[int]*figures{}
	for _, f := range r.runs {
		if f.Job == j.name && f.Peer == reference && f.Problem == "" {
			base[f.Round] = f
		}
	}
	var all []standing
	for _, p := range r.racers {
		s := standing{peer: p.name}
		var rate, cost, peak, ofRate, ofCost, ofPeak []float64
		for _, f := range r.runs {
			if f.Job != j.name || f.Peer != p.name {
				continue
			}
			if s.pages = f.Pages; f.Problem != "" && s.problem == "" {
				s.problem = f.Problem
			}
			rate, cost, peak = append(rate, f.rate()), append(cost, f.cost()), append(peak, f.Peak)
			if b := base[f.Round]; b != nil {
				ofRate, ofCost = append(ofRate, f.rate()/b.rate()), append(ofCost, f.cost()/b.cost())
				if b.Peak > 0 { // the kernel tells
					ofPeak = append(ofPeak, f.Peak/b.Peak)
				}
			}
		}
		s.rate, s.cost, s.peak = spanOf(rate), spanOf(cost), spanOf(peak)
		s.ofRate, s.ofCost, s.ofPeak = spanOf(ofRate), spanOf(ofCost), spanOf(ofPeak)
		all = append(all, s)
	}
	slices.SortStableFunc(all, func(a, b standing) int {
		switch {
		case (a.problem == "") != (b.problem == ""):
			return strings.Compare(a.problem, b.problem) // none first
		case a.rate.median > b.rate.median:
			return -1
		case a.rate.median < b.rate.median:
			return 1
		}
		return 0
	})
	return all
}

// markdown writes what was measured: the peers, and a table for each job.
func (r *race) markdown() string {
	var b strings.Builder
	where := "Nothing is pinned to a core: that needs two of them and taskset."
	if r.host.Pinned {
		where = "The server runs on one core and the crawler on another."
	}
	fmt.Fprintf(&b, "%s, %d cores, Linux %s, %s, load at the beginning %s. %s\n\n",
		r.host.Processor, r.host.Cores, r.host.Kernel, r.host.Go, r.host.Load, where)
	fmt.Fprintf(&b, "All crawl with %d requests at a time, without delay, robots.txt unread, and write 10 items of two fields a page as JSON Lines. "+
		"Rounds: %d, in each of which every peer runs once. Numbers are medians, with least and greatest; shares are those of **%s** in the same round. "+
		"Time runs from the first request to the end of the process; processor time is that of the process less what it takes for a site of one page; memory is its peak.\n\n",
		concurrency, r.cfg.rounds, reference)
	b.WriteString(strings.Join(r.heads, "\n") + "\n")
	for _, j := range r.jobs {
		fmt.Fprintf(&b, "\n### %s: %s\n\n", j.name, j.title)
		b.WriteString("| peer | pages | pages/s | of " + reference + " | processor ms/page | of " + reference + " | memory MB | of " + reference + " |\n")
		b.WriteString("| --- | --: | --: | --: | --: | --: | --: | --: |\n")
		for _, s := range r.standings(j) {
			if s.problem != "" {
				fmt.Fprintf(&b, "| %s | %d | not ranked: %s | | | | | |\n", s.peer, s.pages, oneLine(s.problem))
				continue
			}
			fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %s | %s | %s |\n", s.peer, s.pages,
				s.rate.text(0), s.ofRate.text(2), s.cost.text(3), s.ofCost.text(2), s.peak.text(0), s.ofPeak.text(2))
		}
		b.WriteString(r.notes(j))
	}
	return b.String()
}

// notes says what else the server has seen of a job.
func (r *race) notes(j *job) string {
	var b strings.Builder
	for _, p := range r.racers {
		var again, doubled, plain int
		for _, f := range r.runs {
			if f.Job == j.name && f.Peer == p.name {
				again, doubled, plain = max(again, f.Seen.Again), max(doubled, f.Doubled), max(plain, f.Seen.Plain)
			}
		}
		if again+doubled > 0 {
			fmt.Fprintf(&b, "\n%s made up to %d fetches of pages fetched before, and wrote up to %d items twice; they do not count.\n", p.name, again, doubled)
		}
		if plain > 0 {
			fmt.Fprintf(&b, "\n%s did not ask for gzip.\n", p.name)
		}
	}
	return b.String()
}
