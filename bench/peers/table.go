package main

import (
	"fmt"
	"slices"
	"strings"
)

// A report is what was measured so far.
type report struct {
	cfg   *config
	heads []string
	rows  []*row
}

// A row is one peer under one stop.
type row struct {
	peer, stop string
	rank       int // of the stop
	endings    []*ending
}

func (r *report) present(p *peer, in *installed) {
	r.heads = append(r.heads, fmt.Sprintf("- **%s** %s: %s", p.name, in.version, p.about))
}

func (r *report) absent(p *peer, err error) {
	r.heads = append(r.heads, fmt.Sprintf("- **%s**: not measured, since it could not be installed: %s", p.name, oneLine(err.Error())))
}

func (r *report) add(p *peer, s *stop, e *ending) {
	if n := len(r.rows); n > 0 && r.rows[n-1].peer == p.name && r.rows[n-1].stop == s.title {
		r.rows[n-1].endings = append(r.rows[n-1].endings, e)
		return
	}
	r.rows = append(r.rows, &row{peer: p.name, stop: s.title, rank: slices.Index(stopNames(), s.name), endings: []*ending{e}})
}

// markdown writes the report: the peers, a table by stop, and what was complained
// about.
func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d pages with 3 items each, answers after %v to %v, 8 requests at a time, rounds: %d, seed: %d. Numbers are medians, with least and greatest if they differ.\n\n",
		r.cfg.pages, r.cfg.latency, 2*r.cfg.latency, r.cfg.rounds, r.cfg.seed)
	b.WriteString(strings.Join(r.heads, "\n") + "\n\n")
	b.WriteString("| stop | peer | items lost | items doubled | torn lines | pages never fetched | pages fetched again | of them finished before | what it said |\n")
	b.WriteString("| --- | --- | --: | --: | --: | --: | --: | --: | --- |\n")
	slices.SortStableFunc(r.rows, func(a, b *row) int { return a.rank - b.rank })
	for _, row := range r.rows {
		row.write(&b)
	}
	b.WriteString("\nA page counts as finished before if all its items stood in the output when a run ended, synced or not. ")
	b.WriteString("A peer is run again until it says that it is finished, three times at most.\n")
	b.WriteString("\nThe first error in the logs, where there was one:\n\n")
	for _, row := range r.rows {
		for _, e := range row.endings {
			if len(e.complaints) > 0 {
				fmt.Fprintf(&b, "- %s, %s: `%s`\n", row.stop, row.peer, oneLine(e.complaints[0]))
				break
			}
		}
	}
	return b.String()
}

func (r *row) write(b *strings.Builder) {
	fmt.Fprintf(b, "| %s | %s |", r.stop, r.peer)
	if skipped := r.endings[0].skipped; skipped != "" {
		fmt.Fprintf(b, " | | | | | | %s |\n", oneLine(skipped))
		return
	}
	for _, number := range []func(*ending) int{
		func(e *ending) int { return e.lost },
		func(e *ending) int { return e.doubled },
		func(e *ending) int { return e.torn },
		func(e *ending) int { return e.unseen },
		func(e *ending) int { return e.again },
		func(e *ending) int { return e.finished },
	} {
		fmt.Fprintf(b, " %s |", spread(r.endings, number))
	}
	var sayings []string
	for _, e := range r.endings {
		if !slices.Contains(sayings, e.said) {
			sayings = append(sayings, e.said)
		}
	}
	fmt.Fprintf(b, " %s |\n", strings.Join(sayings, "; or "))
}

// spread is the median, with the range if there is one.
func spread(endings []*ending, number func(*ending) int) string {
	var list []int
	for _, e := range endings {
		list = append(list, number(e))
	}
	slices.Sort(list)
	low, median, high := list[0], list[len(list)/2], list[len(list)-1]
	if low == high {
		return fmt.Sprint(median)
	}
	return fmt.Sprintf("%d (%d to %d)", median, low, high)
}

// oneLine makes a text fit for a table.
func oneLine(text string) string {
	const most = 200
	text = strings.NewReplacer("\n", "; ", "|", "/", "`", "'").Replace(text)
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return text
}
