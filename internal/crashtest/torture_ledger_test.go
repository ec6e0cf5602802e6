package crashtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"
	"text/tabwriter"
	"time"
)

// A tally counts what rounds did and what they found.
type tally struct {
	Rounds      int            `json:"rounds"`
	Runs        int            `json:"runs"`     // of the crawls that were stopped
	SIGKILLs    int            `json:"sigkills"` // runs that one ended
	Stops       map[string]int `json:"stops"`    // by kind
	Requeues    int            `json:"requeues"`
	Salvages    int            `json:"salvages"` // of crawls that lacked nothing
	Copies      int            `json:"copies"`   // that a crawl went on from
	Pages       int            `json:"pages"`
	Items       int            `json:"items"`
	Refetched   int            `json:"refetched"` // requests sent again after they were committed
	Lost        int            `json:"lost"`      // items
	Doubled     int            `json:"doubled"`   // items
	Uncommitted int            `json:"uncommitted"`
	WorstBound  int            `json:"worst_bound"`  // requests that one stop cost
	WorstAge    int64          `json:"worst_age_ms"` // of the oldest of them
	Checks      int            `json:"checks"`
	Violations  int            `json:"violations"`
}

func newTally() *tally { return &tally{Stops: map[string]int{}} }

// add adds the counts of another tally.
func (t *tally) add(o *tally) {
	for _, c := range []struct {
		to *int
		n  int
	}{
		{&t.Rounds, o.Rounds},
		{&t.Runs, o.Runs},
		{&t.SIGKILLs, o.SIGKILLs},
		{&t.Requeues, o.Requeues},
		{&t.Salvages, o.Salvages},
		{&t.Copies, o.Copies},
		{&t.Pages, o.Pages},
		{&t.Items, o.Items},
		{&t.Refetched, o.Refetched},
		{&t.Lost, o.Lost},
		{&t.Doubled, o.Doubled},
		{&t.Uncommitted, o.Uncommitted},
		{&t.Checks, o.Checks},
		{&t.Violations, o.Violations},
	} {
		*c.to += c.n
	}
	t.WorstBound, t.WorstAge = max(t.WorstBound, o.WorstBound), max(t.WorstAge, o.WorstAge)
	for kind, n := range o.Stops {
		t.Stops[kind] += n
	}
}

// A ledger keeps the totals of the torture over any number of invocations.
type ledger struct {
	tally

	Next    uint64        `json:"next_seed"`
	Elapsed time.Duration `json:"elapsed_ns"`
	Failed  []failedRound `json:"failed,omitempty"`

	mu    sync.Mutex
	path  string // "" for nowhere
	begun time.Time
	prior time.Duration
}

// A failedRound is one that found something.
type failedRound struct {
	Seed  uint64   `json:"seed"`
	Dir   string   `json:"dir"`
	Found []string `json:"found"`
}

// openLedger reads the totals so far. A new ledger begins with the given seed.
func openLedger(path string, seed uint64) (*ledger, error) {
	l := &ledger{tally: *newTally(), Next: seed, path: path, begun: time.Now()}
	if path == "" {
		return l, nil
	}
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return l, nil
	case err != nil:
		return nil, err
	}
	if err := json.Unmarshal(data, l); err != nil {
		return nil, fmt.Errorf("read ledger %s: %w", path, err)
	}
	l.prior = l.Elapsed
	return l, nil
}

// seed hands out the seed of the next round.
func (l *ledger) seed() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Next++
	return l.Next - 1
}

// book adds a round and saves the totals.
func (l *ledger) book(r *round, dir string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(r.tally)
	l.Elapsed = l.prior + time.Since(l.begun)
	if found := r.tb.found; len(found) > 0 {
		l.Failed = append(l.Failed, failedRound{r.plan.Seed, dir, found[:min(len(found), mostShown)]})
	}
	if l.path == "" {
		return nil
	}
	data, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(l.path+".tmp", append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(l.path+".tmp", l.path)
}

// print writes the totals as a table.
func (l *ledger) print(to io.Writer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	row := func(what string, n any) { fmt.Fprintf(w, "%s\t%v\n", what, n) }
	row("time", l.Elapsed.Round(time.Second))
	row("rounds", l.Rounds)
	row("runs", l.Runs)
	row("ended by SIGKILL", l.SIGKILLs)
	for _, kind := range slices.Sorted(maps.Keys(l.Stops)) {
		row("  "+kind, l.Stops[kind])
	}
	row("requeues", l.Requeues)
	row("salvages", l.Salvages)
	row("copies gone on from", l.Copies)
	row("pages", l.Pages)
	row("items", l.Items)
	row("committed requests sent again", l.Refetched)
	row("items lost", l.Lost)
	row("items doubled", l.Doubled)
	row("uncommitted requests sent again", l.Uncommitted)
	row("most by one stop", l.WorstBound)
	row("oldest of these", time.Duration(l.WorstAge)*time.Millisecond)
	row("checks", l.Checks)
	row("violations", l.Violations)
	return w.Flush()
}
