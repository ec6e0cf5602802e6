package crashtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/links"
	"github.com/clew-crawler/clew/store/pebblestore"
)

// A snapshot is what a crawl directory says is committed.
type snapshot struct {
	books    frontier.Books
	finished bool                       // a report says so
	stats    clew.Stats                 // as committed
	failures []clew.Failure             // of a finished crawl
	state    map[string][]byte          // likewise
	items    []byte                     // the committed part of the item log
	left     map[links.Fingerprint]bool // what pending and delayed requests still need
	store    *pebblestore.Store
	dir      *pebblestore.Directory
}

// inspect opens a copy of a crawl directory, checks everything in it against its
// books, and returns what it says. The directory itself is not touched.
func inspect(tb testing.TB, dir string) *snapshot {
	tb.Helper()
	s := &snapshot{left: map[links.Fingerprint]bool{}, state: map[string][]byte{}}
	if _, err := os.Stat(filepath.Join(dir, "crawl.json")); err != nil && !underWay(dir) {
		return s // killed before there was anything
	}
	twin := filepath.Join(tb.TempDir(), "copy")
	if err := copyTree(twin, dir); err != nil {
		tb.Fatalf("copy crawl directory: %v", err)
	}
	d, err := pebblestore.OpenDirectory(twin, "inspector")
	if err != nil {
		tb.Fatal(err)
	}
	s.dir = d
	tb.Cleanup(func() { s.close(tb) })
	report, err := d.Report()
	if err != nil {
		tb.Fatal(err)
	}
	if s.finished = report != nil; s.finished {
		if err := s.readReport(report); err != nil {
			tb.Fatalf("read copy: %v", err)
		}
		return s
	}
	if s.store, err = d.Store(pebblestore.Options{}); err != nil {
		tb.Fatalf("open copy: %v", err)
	}
	if err := s.store.Check(tb.Context()); err != nil {
		tb.Errorf("check copy: %v", err)
	}
	if err := s.read(tb.Context()); err != nil {
		tb.Fatalf("read copy: %v", err)
	}
	return s
}

func (s *snapshot) close(tb testing.TB) {
	tb.Helper()
	if s.store != nil {
		if err := s.store.Close(); err != nil {
			tb.Errorf("close copy: %v", err)
		}
		s.store = nil
	}
	if s.dir != nil {
		if err := s.dir.Close(); err != nil {
			tb.Errorf("close copy: %v", err)
		}
		if err := os.RemoveAll(s.dir.Path()); err != nil {
			tb.Errorf("remove copy: %v", err)
		}
		s.dir = nil
	}
}

// readReport reads what a finished crawl left; its frontier may be gone.
func (s *snapshot) readReport(report []byte) error {
	var r clew.Result
	if err := json.Unmarshal(report, &r); err != nil {
		return err
	}
	s.stats, s.failures = r.Stats, r.Failures
	for k, v := range r.State {
		s.state[k] = v
	}
	items, err := os.ReadFile(s.dir.ItemsPath())
	s.items = items
	if os.IsNotExist(err) && r.Stats.ItemBytes == 0 {
		return nil
	}
	return err
}

func (s *snapshot) read(ctx context.Context) error {
	var err error
	if s.books, err = s.store.Load(ctx); err != nil {
		return err
	}
	if len(s.books.Note) > 0 {
		if err := json.Unmarshal(s.books.Note, &s.stats); err != nil {
			return err
		}
	}
	for v, err := range s.store.Values(ctx, frontier.KindState, nil) {
		if err != nil {
			return err
		}
		s.state[v.Key] = v.Data
	}
	for task, err := range s.store.AllPending(ctx) {
		if err := s.need(&task, err); err != nil {
			return err
		}
	}
	for task, err := range s.store.Tasks(ctx, frontier.Range{State: frontier.Delayed}) {
		if err := s.need(&task, err); err != nil {
			return err
		}
	}
	f, err := s.store.ReadItems(0, s.books.ItemBytes)
	if err != nil {
		return err
	}
	if s.items, err = io.ReadAll(f); err != nil {
		return err
	}
	return f.Close()
}

// need notes what a task will fetch: its URL and, on the way to a login, the pages
// that it will lead back to.
func (s *snapshot) need(task *frontier.Task, err error) error {
	if err != nil {
		return err
	}
	var payload struct {
		URL    string      `json:"u"`
		Method string      `json:"m"`
		Header http.Header `json:"h"`
		Body   []byte      `json:"b"`
		Chain  []string    `json:"v"`
	}
	if err := json.Unmarshal(task.Payload, &payload); err != nil {
		return fmt.Errorf("task %d: %w", task.Seq, err)
	}
	wanted := []links.Identity{{
		Method: payload.Method, URL: payload.URL, Body: payload.Body,
		ContentType: payload.Header.Get("Content-Type"), Session: task.Session,
	}}
	if strings.Contains(payload.URL, "/login?") {
		for _, u := range payload.Chain {
			wanted = append(wanted, links.Identity{URL: u, Session: task.Session})
		}
	}
	for _, id := range wanted {
		fp, err := links.Recipe{}.Fingerprint(id)
		if err != nil {
			return err
		}
		s.left[fp] = true
	}
	return nil
}

// isOver reports whether a request is done, failed or dropped: known, and needed by
// no request that is left. It may never be sent again.
func (s *snapshot) isOver(tb testing.TB, fp links.Fingerprint) bool {
	tb.Helper()
	if s.finished || s.store == nil {
		return s.finished
	}
	known := []bool{false}
	if err := s.store.Seen(tb.Context(), []frontier.Fingerprint{frontier.Fingerprint(fp)}, known); err != nil {
		tb.Fatal(err)
	}
	return known[0] && !s.left[fp]
}

// over reports which of these URLs of the default session are over.
func (s *snapshot) over(tb testing.TB, urls []string) map[string]bool {
	tb.Helper()
	over := map[string]bool{}
	for _, u := range urls {
		fp, err := links.Recipe{}.Fingerprint(links.Identity{URL: u})
		if err != nil {
			tb.Fatal(err)
		}
		if s.isOver(tb, fp) {
			over[u] = true
		}
	}
	return over
}

// checkItems holds the committed items against what the store says is over: every
// page that put out items is, and none did twice. It also must begin with what was
// committed before.
func (s *snapshot) checkItems(tb testing.TB, base string, before []byte) {
	tb.Helper()
	if s.finished || s.store == nil {
		return
	}
	if !bytes.HasPrefix(s.items, before) {
		tb.Errorf("the %d bytes of items that were committed before are not the first ones of the %d now", len(before), len(s.items))
	}
	seen := map[string]bool{}
	var urls []string
	for line := range bytes.Lines(s.items) {
		var item struct {
			Kind string `json:"_kind"`
			Path string `json:"path"`
		}
		if err := json.Unmarshal(line, &item); err != nil {
			tb.Fatalf("committed item %q: %v", line, err)
		}
		if item.Kind != "page" {
			continue
		}
		if seen[item.Path] {
			tb.Errorf("page %s is in the item log twice", item.Path)
		}
		seen[item.Path] = true
		urls = append(urls, base+item.Path)
	}
	over := s.over(tb, urls)
	if i := slices.IndexFunc(urls, func(u string) bool { return !over[u] }); i >= 0 {
		tb.Errorf("items of %s are committed, but its request is not", urls[i])
	}
}

// copyTree copies directories and files, and leaves sockets where they are.
func copyTree(to, from string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch dest := filepath.Join(to, rel); {
		case entry.IsDir():
			return os.MkdirAll(dest, 0o700)
		case entry.Type().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(dest, data, 0o600)
		}
		return nil
	})
}
