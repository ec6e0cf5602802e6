package crashtest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/store/pebblestore"
)

// TestTortureCatches spoils the crawl directory between two runs as a store would
// that does not keep its promises, and expects the round to notice.
func TestTortureCatches(t *testing.T) {
	t.Parallel()
	p := drawPlan(1, false)
	p.Design.Site.Pages, p.Design.Site.LinksPerPage, p.Design.Site.RetryRate = 120, 5, 0
	p.Design.Starts, p.Stops, p.Buggy = 1, 6, false
	plain := runRound(t, p, t.TempDir(), nil, nil)
	if len(plain.tb.found) > 0 {
		t.Fatalf("without sabotage: %q", plain.tb.found)
	}
	for _, c := range []struct {
		name   string
		spoil  func(t *testing.T, r *round)
		report string // of the finding
	}{
		{"a commit is lost", (&lostCommit{}).spoil, "committed before"},
		{"a request that is over comes back", spoilStore(comeBack), "was over after run"},
		{"a pending request is lost", spoilStore(loseTask), "want"},
		{"items are written twice", spoilStore(writeTwice), "in the item log twice"},
		{"a counter is off", spoilStore(miscount), "the books count"},
		{"the state is off", spoilStore(misfold), "does not follow from the items"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := runRound(t, p, t.TempDir(), plain.want, func(r *round) { c.spoil(t, r) })
			if !strings.Contains(strings.Join(r.tb.found, "\n"), c.report) {
				t.Errorf("found %q, which does not tell of %q", r.tb.found, c.report)
			}
		})
	}
}

// A lostCommit puts the directory back to where an earlier stop left it.
type lostCommit struct {
	copied string
	items  int // there
}

func (l *lostCommit) spoil(t *testing.T, r *round) {
	t.Helper()
	if l.copied != "" && r.items == l.items {
		return // nothing would be lost
	}
	if l.copied != "" {
		if err := os.Rename(r.dir, r.dir+"-lost"); err != nil {
			t.Error(err)
		}
		if err := os.Rename(l.copied, r.dir); err != nil {
			t.Error(err)
		}
		r.sabotage = nil
		return
	}
	if r.items == 0 {
		return
	}
	l.copied, l.items = filepath.Join(t.TempDir(), "copy"), r.items
	if err := copyTree(l.copied, r.dir); err != nil {
		t.Error(err)
	}
}

// spoilStore adds one commit of its own to the store, once something is committed.
func spoilStore(change func(t *testing.T, r *round, s *pebblestore.Store, b *frontier.Batch)) func(*testing.T, *round) {
	return func(t *testing.T, r *round) {
		t.Helper()
		if r.items == 0 {
			return
		}
		r.sabotage = nil
		d, err := pebblestore.OpenDirectory(r.dir, "sabotage")
		if err != nil {
			t.Error(err)
			return
		}
		s, err := d.Store(pebblestore.Options{})
		if err != nil {
			t.Error(err)
			return
		}
		b := new(frontier.Batch)
		if b.Books, err = s.Load(t.Context()); err != nil {
			t.Error(err)
		}
		change(t, r, s, b)
		for _, err := range []error{s.Commit(t.Context(), b), s.Check(t.Context()), s.Close(), d.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	}
}

// lastPending is the last task of some queue, with its host as it would be stored
// with one task more or less.
func lastPending(t *testing.T, s *pebblestore.Store, more int64) (last frontier.Task, host frontier.Host) {
	t.Helper()
	for task, err := range s.AllPending(t.Context()) {
		if err != nil {
			t.Error(err)
		}
		last = task
	}
	for h, err := range s.Hosts(t.Context()) {
		if err != nil {
			t.Error(err)
		}
		if h.Name == last.Host {
			host = h
		}
	}
	var queues []frontier.Queue
	for _, q := range host.Queues {
		if q.Rank == last.Rank {
			q.Count += more
		}
		if q.Count > 0 {
			queues = append(queues, q)
		}
	}
	host.Queues = queues
	return last, host
}

// recount changes the books by one pending task.
func recount(b *frontier.Books, t *frontier.Task, more int64) {
	b.Pending += more
	b.Handlers[t.Handler] += more
	b.Sessions[t.Session] += more
	if b.Handlers[t.Handler] == 0 {
		delete(b.Handlers, t.Handler)
	}
	if b.Sessions[t.Session] == 0 {
		delete(b.Sessions, t.Session)
	}
}

// comeBack makes the front page pending again.
func comeBack(t *testing.T, r *round, s *pebblestore.Store, b *frontier.Batch) {
	t.Helper()
	task, host := lastPending(t, s, 1)
	task.Seq = b.Books.NextSeq
	b.Books.NextSeq++
	task.Handler, task.Session = "", ""
	recount(&b.Books, &task, 1)
	payload, err := json.Marshal(map[string]string{"u": r.web.base + "/"})
	if err != nil {
		t.Error(err)
	}
	task.Payload = payload
	b.Put, b.Hosts = []frontier.Task{task}, []frontier.Host{host}
}

// loseTask removes a pending request.
func loseTask(t *testing.T, _ *round, s *pebblestore.Store, b *frontier.Batch) {
	t.Helper()
	task, host := lastPending(t, s, -1)
	recount(&b.Books, &task, -1)
	b.Remove, b.Hosts = []frontier.Key{task.Key}, []frontier.Host{host}
}

// writeTwice appends what is in the item log to it, with books to match.
func writeTwice(t *testing.T, r *round, _ *pebblestore.Store, b *frontier.Batch) {
	t.Helper()
	b.Lines = bytes.Clone(r.log)
	b.Books.ItemBytes += int64(len(b.Lines))
	b.Books.Items += int64(r.items)
}

// miscount counts a page too much.
func miscount(t *testing.T, _ *round, _ *pebblestore.Store, b *frontier.Batch) {
	t.Helper()
	var stats clew.Stats
	if err := json.Unmarshal(b.Books.Note, &stats); err != nil {
		t.Error(err)
	}
	stats.Pages++
	note, err := json.Marshal(&stats)
	if err != nil {
		t.Error(err)
	}
	b.Books.Note = note
}

// misfold applies a change of the state twice.
func misfold(t *testing.T, _ *round, s *pebblestore.Store, b *frontier.Batch) {
	t.Helper()
	key := "sum"
	for v, err := range s.Values(t.Context(), frontier.KindState, &key) {
		if err != nil {
			t.Error(err)
		}
		v.Data = append(bytes.Clone(v.Data), '0')
		b.Values = append(b.Values, v)
	}
}
