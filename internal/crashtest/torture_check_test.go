package crashtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/links"
)

// examine looks at what a run left: at the directory as it stands, and at a copy of
// it that is opened as the next run would.
func (r *round) examine(s stop, k stopKind, code int) {
	var seen *clew.Inspection
	if oneIn(r.rng, 3) {
		var err error
		if seen, err = clew.Inspect(r.dir); err != nil && !errors.Is(err, clew.ErrNoCrawl) && !underWay(r.dir) {
			r.tb.Errorf("run %d (%s): inspect: %v", r.run, s.Kind, err)
		}
	}
	defer r.tell(fmt.Sprintf("run %d (%s)", r.run, s.Kind), len(r.tb.found))
	snap := inspect(r.tb, r.dir)
	defer snap.close(r.tb)
	r.tally.Checks += 8
	if seen != nil && ((seen.State == clew.StateFinished) != snap.finished || seen.Stats.Pages != snap.stats.Pages) {
		r.tb.Errorf("Inspect sees a crawl %s with %d pages, its store has %d", seen.State, seen.Stats.Pages, snap.stats.Pages)
	}
	if r.checkLog(snap); snap.store != nil || snap.finished {
		r.checkBooks(snap)
	}
	r.checkRefetches()
	r.noteOver(snap)
	r.checkLoss(snap, s, k, code)
	r.failures, r.done, r.books = snap.failures, len(r.over), snap.books
}

// tell says of the findings from a number on when they were made.
func (r *round) tell(when string, from int) {
	for i := from; i < len(r.tb.found); i++ {
		r.tb.found[i] = when + ": " + r.tb.found[i]
	}
}

// checkLog holds the committed items against those of the stop before.
func (r *round) checkLog(snap *snapshot) {
	if !bytes.HasPrefix(snap.items, r.log) {
		r.tb.Errorf("the %d bytes of items that were committed before are not the first ones of the %d now", len(r.log), len(snap.items))
	}
	r.log, r.items = snap.items, bytes.Count(snap.items, []byte("\n"))
}

// checkSnapshot looks at a copy of the crawl: a crawl as some commit left it, later
// than the last stop.
func (r *round) checkSnapshot(dir string) {
	snap := inspect(r.tb, dir)
	defer snap.close(r.tb)
	r.tally.Checks += 2
	if !bytes.HasPrefix(snap.items, r.log) {
		r.tb.Errorf("a snapshot lacks items that were committed before")
	}
	now := inspect(r.tb, r.dir)
	defer now.close(r.tb)
	if !bytes.HasPrefix(now.items, snap.items) {
		r.tb.Errorf("a snapshot has items that its crawl has not")
	}
}

// A line is as much of an item as the checks need.
type line struct {
	Kind string `json:"_kind"`
	Path string `json:"path"`
	Tag  string `json:"tag"`
	On   string `json:"on"`
}

// checkBooks holds counters and state against the items: what was committed together
// must tell the same story.
func (r *round) checkBooks(snap *snapshot) {
	kinds := map[string]int64{}
	pages := map[string]bool{}
	sum, order := 0, ""
	for text := range bytes.Lines(snap.items) {
		var item line
		if err := json.Unmarshal(text, &item); err != nil {
			r.tb.Fatalf("committed item %q: %v", text, err)
		}
		kinds[item.Kind]++
		if item.Kind != "page" {
			continue
		}
		if pages[item.Path] && !strings.HasPrefix(item.Path, "/again/") {
			r.tally.Doubled++
			r.tb.Errorf("page %s is in the item log twice", item.Path)
		}
		pages[item.Path] = true
		sum, order = sum+len(item.Path), inOrder(order, item.Path)
	}
	r.pages = pages
	st := &snap.stats
	for _, c := range []struct {
		what      string
		got, want int64
	}{
		{"items", st.Items, int64(r.items)},
		{"pages", st.Pages, kinds["page"]},
		{"pages read", st.Custom["read"], kinds["page"]},
		{"quotes", st.Custom["quotes"] - st.ItemsDropped, kinds["quote"]},
	} {
		if c.got != c.want {
			r.tb.Errorf("the books count %d %s, the item log has %d", c.got, c.what, c.want)
		}
	}
	var gotSum int
	var gotOrder string
	if err := errors.Join(unmarshal(snap.state["sum"], &gotSum), unmarshal(snap.state["order"], &gotOrder)); err != nil {
		r.tb.Errorf("state: %v", err)
	}
	if gotSum != sum || gotOrder != order {
		r.tb.Errorf("state %d %s does not follow from the items, which make %d %s", gotSum, gotOrder, sum, order)
	}
}

// unmarshal leaves v alone if there is no data.
func unmarshal(data []byte, v any) error {
	if data == nil {
		return nil
	}
	return json.Unmarshal(data, v)
}

// identify gives the fingerprint of a request that the site served, and whether it
// is one that may be sent only until it is over.
func (r *round) identify(h *hit) (fp links.Fingerprint, once bool) {
	if isEndless(h.path) {
		return fp, false
	}
	fp, err := links.Recipe{}.Fingerprint(links.Identity{
		Method: h.method, URL: h.base + h.path, Session: h.session, Body: []byte(h.body), ContentType: h.kind,
	})
	if err != nil {
		r.tb.Fatal(err)
	}
	return fp, true
}

// checkRefetches looks for requests that were sent again after they were over.
func (r *round) checkRefetches() {
	hits := r.web.hits()
	for i := range hits[r.checked:] {
		h := &hits[r.checked+i]
		fp, once := r.identify(h)
		if run, over := r.over[fp]; once && over && h.run > run {
			r.tally.Refetched++
			r.tb.Errorf("run %d sent %s %s (session %q) again, which was over after run %d", h.run, h.method, h.path, h.session, run)
		}
	}
	r.checked = len(hits)
}

// noteOver notes which requests are over; one that was must stay so.
func (r *round) noteOver(snap *snapshot) {
	hits := r.web.hits()
	for i := range hits {
		fp, once := r.identify(&hits[i])
		if !once {
			continue
		}
		run, known := r.over[fp]
		switch over := snap.isOver(r.tb, fp); {
		case over && !known && snap.finished:
			// A report does not tell: it may have been sent in a run that was killed, and
			// not be needed since, as the way to a login. A salvage goes back to the books.
		case over && !known:
			r.over[fp] = r.run
		case known && !over:
			r.tb.Errorf("%s %s was over after run %d and is not any more", hits[i].method, hits[i].path, run)
			delete(r.over, fp)
		}
	}
}

// checkLoss counts what the run fetched for nothing, and compares with the promise.
func (r *round) checkLoss(snap *snapshot, s stop, k stopKind, code int) {
	hits := r.web.hits()
	lost := map[links.Fingerprint]bool{}
	var oldest time.Duration
	for i := range hits {
		h := &hits[i]
		if h.run != r.run || !h.settled {
			continue
		}
		if fp, once := r.identify(h); once && !snap.isOver(r.tb, fp) {
			lost[fp] = true
			oldest = max(oldest, hits[len(hits)-1].at.Sub(h.at))
		}
	}
	most := r.manner.Concurrency + groupPages + groupPages
	switch {
	case code == exitPaused && !k.forces && !k.kills && r.manner.PauseTimeout > time.Second:
		most = 0
	case code == exitPaused:
		most = r.manner.Concurrency
	}
	if len(lost) > most || oldest > staleAfter {
		r.tb.Errorf("%d requests were lost, the oldest %v old; the promise is %d", len(lost), oldest, most)
	}
	r.tally.Uncommitted += len(lost)
	r.tally.WorstBound = max(r.tally.WorstBound, len(lost))
	r.tally.WorstAge = max(r.tally.WorstAge, oldest.Milliseconds())
}

// compare holds the end of the crawl against the end of one that nothing stopped.
func (r *round) compare() {
	snap := inspect(r.tb, r.dir)
	defer snap.close(r.tb)
	result := &clew.Result{Status: clew.Finished, Stats: snap.stats, Failures: snap.failures, State: map[string]json.RawMessage{}}
	for k, v := range snap.state {
		result.State[k] = v
	}
	got := endingOf(r.tb, r.dir, result)
	r.tally.Checks += 6
	r.tally.Pages, r.tally.Items = r.tally.Pages+int(snap.stats.Pages), r.tally.Items+int(snap.stats.Items)
	settled := r.plan.Design.Strict && !r.requeued
	gotItems, wantItems := got.items, r.want.items
	r.checkPages(slices.Sorted(maps.Keys(r.pages)))
	if !settled {
		r.checkTags(gotItems)
		gotItems, wantItems = withoutPlace(gotItems), withoutPlace(wantItems)
	} else if !bytes.Equal(got.log, r.want.log) {
		r.tb.Errorf("the item log is not the same to the last byte")
	}
	lost, doubled := difference(gotItems, wantItems)
	r.tally.Lost, r.tally.Doubled = r.tally.Lost+lost, r.tally.Doubled+doubled
	compareLines(r.tb, "items", gotItems, wantItems)
	compareLines(r.tb, "failures", r.bare(got.failures), r.bare(r.want.failures))
	for name, value := range r.want.state {
		if got.state[name] != value && (settled || name != "order") {
			r.tb.Errorf("state %s is %s, want %s", name, got.state[name], value)
		}
	}
	r.compareCounters(got.books, settled)
}

// compareCounters compares what is counted. How often one has to log in depends on
// how many requests were under way before the first login, and so does what follows
// from it; requests that were put back have been answered more often.
func (r *round) compareCounters(got map[string]int64, settled bool) {
	d := &r.plan.Design
	logins := d.Site.Login && !d.Strict && (d.Sessions > 1 || d.Starts > 1 || d.Hosts > 1) || d.Web != nil && d.Web.LoginRate > 0
	for name, n := range r.want.books {
		switch name {
		case "redirects", "links", "links duplicate", "seen", "status 302":
			if logins {
				continue
			}
		case "item bytes":
			if !settled {
				continue // the pages that tags were found on first
			}
		}
		again := r.requeued && (strings.HasPrefix(name, "status ") || name == "redirects")
		if got[name] != n && (!again || got[name] < n) {
			r.tb.Errorf("%s: %d, want %d", name, got[name], n)
		}
	}
}

// checkTags: whichever page a tag was found on first, it must stand there.
func (r *round) checkTags(items []string) {
	if r.plan.Design.Web != nil {
		return
	}
	tags := map[string]bool{}
	for n := range r.plan.Design.Site.Pages {
		for _, item := range r.web.site.Items(n) {
			for _, tag := range item.Tags {
				tags[tag+" "+r.web.site.Path(n)] = true
			}
		}
	}
	for _, text := range items {
		var item line
		if err := json.Unmarshal([]byte(text), &item); err != nil {
			r.tb.Fatal(err)
		}
		if item.Tag != "" && !tags[item.Tag+" "+item.On] {
			r.tb.Errorf("tag %q is not on page %s", item.Tag, item.On)
		}
	}
}

// withoutPlace takes out of items where they were found, if that depends on the order.
func withoutPlace(items []string) []string {
	on := regexp.MustCompile(`^(\{"tag":.*),"on":.*`)
	rest := make([]string, len(items))
	for i, item := range items {
		rest[i] = on.ReplaceAllString(item, "$1")
	}
	slices.Sort(rest)
	return rest
}

// bare takes out of failures what handlers were called at the time, and the attempts
// where they may differ: those of requests that were put back begin anew, and a site
// whose pages fail once fails a page that is fetched again after a stop no more.
func (r *round) bare(failures []string) []string {
	name, attempts := regexp.MustCompile(`handler \S+:`), regexp.MustCompile(` (after \d+|\(\d+) attempts\)?`)
	rest := make([]string, len(failures))
	for i, f := range failures {
		rest[i] = name.ReplaceAllString(f, "handler:")
		if r.requeued || r.plan.Design.Site.RetryRate > 0 || r.plan.Design.NotYet {
			rest[i] = attempts.ReplaceAllString(rest[i], "")
		}
	}
	slices.Sort(rest)
	return rest
}

// difference counts the lines of two multisets that only one of them has.
func difference(got, want []string) (lost, doubled int) {
	count := map[string]int{}
	for _, l := range got {
		count[l]++
	}
	for _, l := range want {
		count[l]--
	}
	for _, n := range count {
		lost, doubled = lost-min(n, 0), doubled+max(n, 0)
	}
	return lost, doubled
}
