package crashtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/links"
	"github.com/clew-crawler/clew/store/pebblestore"
)

// A snapshot is what a crawl directory says is committed.
type snapshot struct {
	books    frontier.Books
	finished bool            // a report says so
	items    []byte          // the committed part of the item log
	left     map[string]bool // URLs that pending and delayed requests still need
	store    *pebblestore.Store
	dir      *pebblestore.Directory
}

// inspect opens a copy of a crawl directory, checks everything in it against its
// books, and returns what it says. The directory itself is not touched.
func inspect(t *testing.T, dir string) *snapshot {
	t.Helper()
	s := &snapshot{left: map[string]bool{}}
	if _, err := os.Stat(filepath.Join(dir, "crawl.json")); err != nil {
		return s // killed before there was anything
	}
	twin := filepath.Join(t.TempDir(), "copy")
	if err := copyTree(twin, dir); err != nil {
		t.Fatalf("copy crawl directory: %v", err)
	}
	d, err := pebblestore.OpenDirectory(twin, "inspector")
	if err != nil {
		t.Fatal(err)
	}
	s.dir = d
	t.Cleanup(func() { s.close(t) })
	report, err := d.Report()
	if err != nil {
		t.Fatal(err)
	}
	if s.finished = report != nil; s.finished {
		return s
	}
	if s.store, err = d.Store(pebblestore.Options{}); err != nil {
		t.Fatalf("open copy: %v", err)
	}
	if err := s.store.Check(t.Context()); err != nil {
		t.Errorf("check copy: %v", err)
	}
	if err := s.read(t.Context()); err != nil {
		t.Fatalf("read copy: %v", err)
	}
	return s
}

func (s *snapshot) close(t *testing.T) {
	t.Helper()
	if s.store != nil {
		if err := s.store.Close(); err != nil {
			t.Errorf("close copy: %v", err)
		}
		s.store = nil
	}
	if s.dir != nil {
		if err := s.dir.Close(); err != nil {
			t.Errorf("close copy: %v", err)
		}
		if err := os.RemoveAll(s.dir.Path()); err != nil {
			t.Errorf("remove copy: %v", err)
		}
		s.dir = nil
	}
}

func (s *snapshot) read(ctx context.Context) error {
	var err error
	if s.books, err = s.store.Load(ctx); err != nil {
		return err
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
		URL   string   `json:"u"`
		Chain []string `json:"v"`
	}
	if err := json.Unmarshal(task.Payload, &payload); err != nil {
		return fmt.Errorf("task %d: %w", task.Seq, err)
	}
	urls := []string{payload.URL}
	if strings.Contains(payload.URL, "/login?") {
		urls = append(urls, payload.Chain...)
	}
	for _, u := range urls {
		canonical, err := links.Canonicalizer{}.Canonical(u)
		if err != nil {
			return err
		}
		s.left[canonical] = true
	}
	return nil
}

// over reports which of these URLs are done, failed or dropped: known, and needed
// by no request that is left. They may never be fetched again.
func (s *snapshot) over(t *testing.T, urls []string) map[string]bool {
	t.Helper()
	over := map[string]bool{}
	if s.finished {
		for _, u := range urls {
			over[u] = true
		}
		return over
	}
	if s.store == nil {
		return over
	}
	for _, u := range urls {
		fp, err := links.Recipe{}.Fingerprint(links.Identity{URL: u})
		if err != nil {
			t.Fatal(err)
		}
		canonical, err := links.Canonicalizer{}.Canonical(u)
		if err != nil {
			t.Fatal(err)
		}
		known := []bool{false}
		if err := s.store.Seen(t.Context(), []frontier.Fingerprint{frontier.Fingerprint(fp)}, known); err != nil {
			t.Fatal(err)
		}
		if known[0] && !s.left[canonical] {
			over[u] = true
		}
	}
	return over
}

// checkItems holds the committed items against what the store says is over: every
// page that put out items is, and none did twice. It also must begin with what was
// committed before.
func (s *snapshot) checkItems(t *testing.T, base string, before []byte) {
	t.Helper()
	if s.finished || s.store == nil {
		return
	}
	if !bytes.HasPrefix(s.items, before) {
		t.Errorf("the %d bytes of items that were committed before are not the first ones of the %d now", len(before), len(s.items))
	}
	seen := map[string]bool{}
	var urls []string
	for line := range bytes.Lines(s.items) {
		var item struct {
			Kind string `json:"_kind"`
			Path string `json:"path"`
		}
		if err := json.Unmarshal(line, &item); err != nil {
			t.Fatalf("committed item %q: %v", line, err)
		}
		if item.Kind != "page" {
			continue
		}
		if seen[item.Path] {
			t.Errorf("page %s is in the item log twice", item.Path)
		}
		seen[item.Path] = true
		urls = append(urls, base+item.Path)
	}
	over := s.over(t, urls)
	if i := slices.IndexFunc(urls, func(u string) bool { return !over[u] }); i >= 0 {
		t.Errorf("items of %s are committed, but its request is not", urls[i])
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
