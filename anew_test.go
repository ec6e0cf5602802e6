package clew

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clew-crawler/clew/internal/testsite"
)

// TestDamageBeforeTheFirstFetch spoils the only table of a paused crawl here and there.
// Opening does not read all of it; wherever the damage is met before the first fetch
// the run sets the crawl aside and begins anew.
func TestDamageBeforeTheFirstFetch(t *testing.T) {
	site, base := testsite.Start(t, testsite.Config{Seed: 3, Pages: 40})
	paused := filepath.Join(t.TempDir(), "paused")
	s := siteSpider(base)
	if r, err := Run(t.Context(), s, CrawlDir(paused), MaxPages(20)); err != nil || r.Status != Paused {
		t.Fatalf("pause: %v, %v", r, err)
	}
	want := strings.Join(wantItems(site, 40), "\n")
	length := len(onlyTable(t, paused, nil))
	const step = 300
	late := 0
	for at := 0; at < length; at += step {
		dir := filepath.Join(t.TempDir(), "damaged")
		spoil := func() {
			if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(paused))); err != nil {
				t.Fatal(err)
			}
			onlyTable(t, dir, func(data []byte) {
				for i := at; i < min(at+16, length); i++ {
					data[i] ^= 0xff
				}
			})
		}
		spoil()
		c, err := Open(s, CrawlDir(dir), OnDamage(Refuse))
		if err == nil {
			if _, err = c.Run(t.Context()); errors.Is(err, ErrDamaged) {
				late++
				oneClearLine(t, dir)
			}
		}
		if errors.Is(err, ErrDamaged) && strings.Contains(err.Error(), "carrier") {
			t.Errorf("at byte %d: %v", at, err)
		}
		spoil()
		r, err := Run(t.Context(), s, CrawlDir(dir))
		if err != nil || r.Status != Finished {
			t.Fatalf("at byte %d: %v, %v", at, r, err)
		}
		if got := strings.Join(gotItems(t, r), "\n"); got != want {
			t.Errorf("at byte %d: %d items, want those of a crawl begun anew", at, r.Stats.Items)
		}
		checkDir(t, dir)
	}
	if late == 0 {
		t.Error("opening met all damage, and nothing was tried")
	}
}

// onlyTable reads, and changes, the only table of a crawl.
func onlyTable(t *testing.T, dir string, change func([]byte)) []byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "frontier", "*.sst"))
	if err != nil || len(names) != 1 {
		t.Fatalf("tables: %q, %v", names, err)
	}
	data, err := os.ReadFile(names[0])
	if err == nil && change != nil {
		change(data)
		err = os.WriteFile(names[0], data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// oneClearLine checks what is noted of damage, and that a check does not repeat it.
func oneClearLine(t *testing.T, dir string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "damaged"))
	text := string(data)
	if err != nil || strings.Count(text, "\n") != 1 || strings.Contains(text, "carrier") || strings.Contains(text, ErrDamaged.Error()) {
		t.Errorf("noted: %q, %v", text, err)
	}
	checked := filepath.Join(t.TempDir(), "copy") // the lock is kept until the process ends
	if err := os.CopyFS(checked, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	found := unjoined(Check(t.Context(), checked))
	if !strings.Contains(found[0].Error(), "found earlier: "+strings.TrimSpace(text)) || len(found) != 2 {
		t.Errorf("checked: %q", found)
	}
}

// TestEmptyAttributes checks that optional attributes are left out when they are empty,
// and others kept.
func TestEmptyAttributes(t *testing.T) {
	var out bytes.Buffer
	to := slog.NewTextHandler(&out, nil)
	log := slog.New(&logHandler{to: []slog.Handler{to}, counts: &logCounts{n: map[string]int64{}}})
	log.Info("ended", "status", "", "stack", stackOf(errors.New("no panic")), "reason", optional("asked"), "n", []int{1})
	got := strings.Fields(out.String())
	if !slices.Equal(got[1:], []string{"level=INFO", "msg=ended", "status=\"\"", "reason=asked", "n=[1]"}) {
		t.Errorf("logged %q", got)
	}
}

// TestSnapshotWhereSomethingIs asks a crawl that runs for a copy where something stands.
func TestSnapshotWhereSomethingIs(t *testing.T) {
	_, base := testsite.Start(t, testsite.Config{Pages: 3})
	dir, taken := filepath.Join(t.TempDir(), "crawl"), t.TempDir()
	if err := os.WriteFile(filepath.Join(taken, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := siteSpider(base)
	var err error
	s.Parse = func(ctx context.Context, _ *Response, _ *Output) error {
		err = Snapshot(ctx, dir, taken)
		return nil
	}
	if _, rerr := Run(t.Context(), s, CrawlDir(dir)); rerr != nil {
		t.Fatal(rerr)
	}
	checkDir(t, dir)
	if !errors.Is(err, os.ErrExist) || strings.Contains(err.Error(), "ask the crawl") {
		t.Errorf("asked: %v", err)
	}
}
