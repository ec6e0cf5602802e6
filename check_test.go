package clew

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/clew-crawler/clew/internal/testsite"
)

// checkDir checks a crawl directory that nobody runs any more.
func checkDir(t *testing.T, dir string) {
	t.Helper()
	checkFS(t, nil, dir)
}

// checkFS is checkDir on another file system; nil is the machine's.
func checkFS(t *testing.T, fs vfs.FS, dir string) {
	t.Helper()
	if err := check(context.Background(), fs, dir); err != nil {
		t.Errorf("check %s: %v", dir, err)
	}
}

// checkRun checks the directory that a run with these options has left, if there is one.
func checkRun(t *testing.T, opts []Option) {
	t.Helper()
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if o.dir != "" {
		checkFS(t, o.fs, o.dir)
	}
}

// lookSpider crawls a site of which some pages are busy, some fail, and all are many.
func lookSpider(base string) *Spider {
	s := siteSpider(base)
	parse := s.Parse
	s.Parse = func(ctx context.Context, page *Response, out *Output) error {
		if strings.HasSuffix(page.URL, "7") {
			return fmt.Errorf("a fault, see http://user:secret@host/%s", page.URL[len(page.URL)-1:])
		}
		Update(out, "pages", func(n int) int { return n + 1 })
		return parse(ctx, page, out)
	}
	return s
}

// lookDirs makes a crawl directory in each of the states that one can be in while
// nobody runs it.
func lookDirs(t *testing.T) (site *testsite.Site, base string, dirs map[string]string) {
	t.Helper()
	site, base = testsite.Start(t, testsite.Config{Seed: 11, Pages: 60, Login: true})
	dirs = map[string]string{}
	for _, name := range []string{"paused", "failed", "finished"} {
		dir := filepath.Join(t.TempDir(), "crawl")
		s := lookSpider(base)
		opts := []Option{CrawlDir(dir)}
		switch name {
		case "paused":
			opts = append(opts, MaxPages(20))
		case "finished":
			s = siteSpider(base)
		}
		r, err := Run(t.Context(), s, opts...)
		if err != nil || (r.Status == Finished) == (name == "paused") || name != "paused" && (r.Stats.Failed > 0) != (name == "failed") {
			t.Fatalf("%s: %+v, %v", name, r, err)
		}
		dirs[name] = dir
	}
	dirs["interrupted"] = interrupted(t, base)
	return site, base, dirs
}

// interrupted returns a copy of a crawl directory as a kill in the middle leaves it.
func interrupted(t *testing.T, base string) string {
	t.Helper()
	dir, copied := filepath.Join(t.TempDir(), "crawl"), filepath.Join(t.TempDir(), "copy")
	s := lookSpider(base)
	parse, pages := s.Parse, 0
	s.Concurrency = 1
	s.Parse = func(ctx context.Context, page *Response, out *Output) error {
		if pages++; pages == 30 {
			if err := Snapshot(ctx, dir, copied); err != nil {
				t.Errorf("snapshot: %v", err)
			}
		}
		return parse(ctx, page, out)
	}
	if _, err := Run(t.Context(), s, CrawlDir(dir), Interval(0), func(o *options) { o.groupPages = 7 }); err != nil {
		t.Fatal(err)
	}
	checkDir(t, dir)
	return copied
}

func TestCheck(t *testing.T) {
	_, base, dirs := lookDirs(t)
	for name, dir := range dirs {
		before := tree(t, dir)
		checkDir(t, dir)
		if after := tree(t, dir); !slices.Equal(before, after) {
			t.Errorf("%s: the check has changed\n%v\nto\n%v", name, before, after)
		}
	}
	if err := Check(t.Context(), t.TempDir()); !errors.Is(err, ErrNoCrawl) {
		t.Errorf("no crawl: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Check(ctx, dirs["paused"]); !errors.Is(err, context.Canceled) || errors.Is(err, ErrDamaged) {
		t.Errorf("cancelled: %v", err)
	}
	s := siteSpider(base)
	dir := filepath.Join(t.TempDir(), "crawl")
	s.OnStart = func(ctx context.Context, _ StartInfo) error {
		if err := Check(ctx, dir); !errors.Is(err, ErrInUse) {
			t.Errorf("check of a running crawl: %v", err)
		}
		return nil
	}
	if _, err := Run(t.Context(), s, CrawlDir(dir)); err != nil {
		t.Fatal(err)
	}
}

// tree lists the files of a directory with their sizes.
func tree(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			files = append(files, fmt.Sprint(path, " ", info.Size(), " ", info.ModTime()))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestCheckFinds damages crawls in ways that only a whole check can see.
func TestCheckFinds(t *testing.T) {
	_, _, dirs := lookDirs(t)
	set := func(key, value string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			db, err := pebble.Open(filepath.Join(dir, "frontier"), &pebble.Options{FormatMajorVersion: pebble.FormatNewest})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(db.Set([]byte(key), []byte(value), pebble.Sync), db.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, test := range map[string]struct {
		of     string
		damage func(t *testing.T, dir string)
		says   string
	}{
		"state":   {"paused", set("vstate\x00pages", "{"), `state "pages" cannot be read`},
		"robots":  {"paused", set("vrobots\x00http://a.test", "no"), `robots "http://a.test" cannot be read`},
		"deaths":  {"paused", set("vdeaths\x000123456789abcdef", "x"), `cannot be read`},
		"key":     {"interrupted", set("vdeaths\x00short", "1"), `its key is no fingerprint`},
		"task":    {"interrupted", set("phttp://a.test\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01", "x"), "has no known format"},
		"request": {"paused", set("f\x00\x00\x00\x00\x00\x00\x00\x01", "\x01\x00"+strings.Repeat("\x00", 16)+"\x00\x00\x00\x01h\x00\x00\x01r{}"), "failed request 1: "},
		"longer": {"finished", func(t *testing.T, dir string) {
			t.Helper()
			f, err := os.OpenFile(filepath.Join(dir, "items.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.WriteString("{}\n")
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
		}, "the report says"},
		"no frontier": {"failed", func(t *testing.T, dir string) {
			t.Helper()
			if err := os.RemoveAll(filepath.Join(dir, "frontier")); err != nil {
				t.Fatal(err)
			}
		}, "the frontier that keeps them is missing"},
		"only items": {"paused", func(t *testing.T, dir string) {
			t.Helper()
			if err := os.RemoveAll(filepath.Join(dir, "frontier")); err != nil {
				t.Fatal(err)
			}
		}, "nothing says how many"},
		"noted": {"paused", func(t *testing.T, dir string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, "damaged"), []byte("it smells\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "it smells"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "copy")
			if err := os.CopyFS(dir, os.DirFS(dirs[test.of])); err != nil {
				t.Fatal(err)
			}
			checkDir(t, dir)
			test.damage(t, dir)
			err := Check(t.Context(), dir)
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("found %v, want %q", err, test.says)
			}
		})
	}
}
