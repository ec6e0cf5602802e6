package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// An ending is what a trial came to.
type ending struct {
	skipped string // why nothing was measured

	lost     int // items that the site has and the output has not
	doubled  int // lines of the output beyond the first of an item
	torn     int // lines of the output that are no item
	unseen   int // pages never fetched
	again    int // fetches of pages beyond the first
	finished int // pages fetched again although all their items were in the output before

	said       string
	complaints []string // lines of its logs
}

func (e *ending) String() string {
	if e.skipped != "" {
		return e.skipped
	}
	return fmt.Sprintf("%d items lost, %d doubled, %d torn, %d pages never fetched, %d again, %d finished before; %s",
		e.lost, e.doubled, e.torn, e.unseen, e.again, e.finished, e.said)
}

// ending compares what the peer kept and fetched with what the site has.
func (t *trial) ending() (*ending, error) {
	kept, torn, err := t.kept()
	if err != nil {
		return nil, err
	}
	e := &ending{lost: len(t.truth) - len(kept), torn: torn, said: said(t.runs)}
	for _, n := range kept {
		e.doubled += n - 1
	}
	hits := t.web.site.Hits()
	for _, pg := range t.pages {
		n := hits[pg.path]
		if n == 0 {
			e.unseen++
		}
		e.again += max(0, n-1)
		if slices.ContainsFunc(t.seen, func(s sight) bool { return s.finished(pg) && s.hits[pg.path] < n }) {
			e.finished++
		}
	}
	for _, v := range t.runs {
		e.complaints = append(e.complaints, v.complaints...)
	}
	return e, nil
}

// finished reports whether all items of a page were in the output.
func (s sight) finished(pg page) bool {
	return !slices.ContainsFunc(pg.items, func(item string) bool { return s.kept[item] == 0 })
}

// said tells how the runs ended, equal ones together.
func said(runs []*verdict) string {
	var b strings.Builder
	for i := 0; i < len(runs); {
		n := 1
		for i+n < len(runs) && runs[i+n].how == runs[i].how {
			n++
		}
		if i > 0 {
			b.WriteString(" → ")
		}
		if n > 1 {
			fmt.Fprintf(&b, "%d × ", n)
		}
		b.WriteString(runs[i].how)
		i += n
	}
	return b.String()
}

// kept reads the output: how often it has each item, and how many lines are none.
func (t *trial) kept() (items map[string]int, torn int, err error) {
	data, err := os.ReadFile(t.output()) //nolint:gosec // below the folder that the user named
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, 0, err
	}
	items = map[string]int{}
	for line := range bytes.Lines(data) {
		var q quote
		if json.Unmarshal(line, &q) != nil || !t.truth[q.Text] {
			torn++
			continue
		}
		items[q.Text]++
	}
	return items, torn, nil
}
