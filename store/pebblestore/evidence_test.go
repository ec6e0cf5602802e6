package pebblestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/clew-crawler/clew/frontier"
)

// evidenceCrawl commits n groups of one line each, and closes the store.
func evidenceCrawl(t *testing.T, fs vfs.FS, n int) {
	t.Helper()
	s, err := open(fs, "crawl", Options{MemTableBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	b := s.books
	for range n {
		line := fmt.Appendf(nil, "{\"n\":%d}\n", b.Items)
		b.Run, b.Items, b.ItemBytes = 1, b.Items+1, b.ItemBytes+int64(len(line))
		if err := s.Commit(t.Context(), &frontier.Batch{Lines: line, Books: b}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func evidenceFS(t *testing.T) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewMem()
	if err := fs.MkdirAll("crawl", 0o700); err != nil {
		t.Fatal(err)
	}
	return fs
}

func evidenceTurn(t *testing.T, fs vfs.FS, name string, at int) {
	t.Helper()
	data, err := readFile(fs, name)
	if err != nil {
		t.Fatal(err)
	}
	data[at] ^= 1
	if err := writeFile(fs, name, data); err != nil {
		t.Fatal(err)
	}
}

// TestAudit turns a byte of a line that was committed long ago: the store opens at once,
// and the crawl cannot finish.
func TestAudit(t *testing.T) {
	fs := evidenceFS(t)
	evidenceCrawl(t, fs, 20)
	evidenceCrawl(t, fs, 1)
	evidenceTurn(t, fs, "crawl/items.jsonl", 3)
	s, err := open(fs, "crawl", Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := s.books
	b.Finished = true
	if err := s.Commit(t.Context(), &frontier.Batch{Books: b}); !errors.Is(err, frontier.ErrDamaged) {
		t.Errorf("a crawl finished on a damaged log: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestAuditSum checks that the checksum of the whole log is the same however many runs
// have written it.
func TestAuditSum(t *testing.T) {
	var sums []string
	for _, runs := range [][]int{{12}, {5, 7}, {1, 1, 10}} {
		fs := evidenceFS(t)
		for _, n := range runs {
			evidenceCrawl(t, fs, n)
		}
		s, err := open(fs, "crawl", Options{})
		if err != nil {
			t.Fatal(err)
		}
		b := s.books
		b.Finished = true
		if err := s.Commit(t.Context(), &frontier.Batch{Books: b}); err != nil {
			t.Fatal(err)
		}
		sums = append(sums, s.logSum())
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if sums[0] == "" || sums[0] != sums[1] || sums[0] != sums[2] {
		t.Errorf("checksums %q", sums)
	}
}

// TestDamagedOptions turns every bit of the file that says what a frontier was written
// with, cuts it everywhere and zeroes its rest: it is accepted or it is damage.
func TestDamagedOptions(t *testing.T) {
	fs := evidenceFS(t)
	evidenceCrawl(t, fs, 1)
	names, err := fs.List("crawl/frontier")
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(names, func(name string) bool { return strings.HasPrefix(name, "OPTIONS-") })
	data, err := readFile(fs, "crawl/frontier/"+names[at])
	if err != nil {
		t.Fatal(err)
	}
	s := newStore(fs, "crawl", false)
	o := s.options(Options{})
	o.EnsureDefaults()
	var damaged int
	try := func(data []byte, how string, at int) {
		err := classify(incomplete(o.CheckCompatibility("crawl/frontier", string(data))))
		if errors.Is(err, frontier.ErrDamaged) {
			damaged++
		} else if err != nil {
			t.Errorf("%s at %d of %d: %v", how, at, len(data), err)
		}
	}
	for at := range data {
		for bit := range 8 {
			data[at] ^= 1 << bit
			try(data, "a bit turned", at)
			data[at] ^= 1 << bit
		}
		try(data[:at], "cut", at)
		try(append(bytes.Clone(data[:at]), make([]byte, len(data)-at)...), "zeroed", at)
	}
	if damaged < 100 {
		t.Errorf("only %d of the damages were noticed", damaged)
	}
}

// TestMissingCommits puts an older version of the write-ahead log in its place: the
// commits that it lacks are missed.
func TestMissingCommits(t *testing.T) {
	fs := vfs.NewCrashableMem()
	if err := errors.Join(fs.MkdirAll("crawl", 0o700), syncDir(fs, "")); err != nil {
		t.Fatal(err)
	}
	s, err := open(fs, "crawl", Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := frontier.Books{Run: 1}
	commit := func() *vfs.MemFS {
		if err := s.Commit(t.Context(), &frontier.Batch{Books: b}); err != nil {
			t.Fatal(err)
		}
		return fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
	}
	commit()
	older := commit()
	newer := commit()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = open(newer.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))}), "crawl", Options{})
	if err != nil || s.commits != 3 {
		t.Fatalf("undamaged: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := newer.List("crawl/frontier")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".log") {
			data, err := readFile(older, "crawl/frontier/"+name)
			if err == nil {
				err = writeFile(newer, "crawl/frontier/"+name, data)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := open(newer, "crawl", Options{}); !errors.Is(err, frontier.ErrDamaged) || !strings.Contains(err.Error(), "the last 1 are missing") {
		t.Errorf("opened with %v", err)
	}
}

// TestGap leaves the key of an earlier commit, as a gap in the middle does.
func TestGap(t *testing.T) {
	fs := evidenceFS(t)
	evidenceCrawl(t, fs, 5)
	s, err := open(fs, "crawl", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.db.Set(appendChain(nil, 2), nil, nil), s.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := open(fs, "crawl", Options{}); !errors.Is(err, frontier.ErrDamaged) || !strings.Contains(err.Error(), "before a gap") {
		t.Errorf("opened with %v", err)
	}
}

func TestSeal(t *testing.T) {
	data, err := seal("a.json", map[string]any{"spider": "s", "n": 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		name string
		data []byte
		good bool
	}{
		"as written":         {"a.json", data, true},
		"without spaces":     {"a.json", bytes.ReplaceAll(data, []byte("  "), nil), true},
		"another file":       {"b.json", data, false},
		"a turned byte":      {"a.json", bytes.Replace(data, []byte(`"s"`), []byte(`"t"`), 1), false},
		"no checksum":        {"a.json", []byte(`{"spider":"s","n":1}`), false},
		"a checksum of text": {"a.json", []byte(`{"spider":"s","n":1,"checksum":1}`), false},
		"empty":              {"a.json", nil, false},
		"an array":           {"a.json", []byte("[]"), false},
	} {
		if err := sealed(c.name, c.data); (err == nil) != c.good || err != nil && !errors.Is(err, frontier.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLongFinishedLog reads a log that was damaged after the crawl finished.
func TestLongFinishedLog(t *testing.T) {
	fs := evidenceFS(t)
	d, err := OpenDirectoryFS(fs, "crawl", "s")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // in memory
	evidenceCrawl(t, fs, 3)
	s, err := d.Store(Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := s.books
	b.Finished = true
	err = s.Commit(context.Background(), &frontier.Batch{Books: b})
	if err := errors.Join(err, d.Finish([]byte(`{"spider":"s"}`)), s.Close()); err != nil {
		t.Fatal(err)
	}
	report, err := d.Report()
	if err != nil {
		t.Fatal(err)
	}
	for _, damaged := range []bool{false, true} {
		if damaged {
			evidenceTurn(t, fs, "crawl/items.jsonl", 0)
		}
		r, err := d.OpenItems(b.ItemBytes, report)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, r)
		if err := errors.Join(err, r.Close()); (err != nil) != damaged || damaged && !errors.Is(err, frontier.ErrDamaged) {
			t.Errorf("damaged %v: %v", damaged, err)
		}
		if err := d.CheckItems(b.ItemBytes, report); (err != nil) != damaged {
			t.Errorf("checked, damaged %v: %v", damaged, err)
		}
	}
}
