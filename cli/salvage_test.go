package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/internal/testsite"
)

// TestSalvage salvages a crawl that is sound, one that lost nothing and one that lost
// some of its items.
func TestSalvage(t *testing.T) {
	_, base := testsite.Start(t, testsite.Config{Pages: 30})
	dir := crawlDir(t)
	if code, _, errs := typed(t, "crawl", base, "--crawl-dir", dir, "--max-pages", "10"); code != exitPaused {
		t.Fatalf("exit code %d, %q", code, errs)
	}
	if code, out, errs := typed(t, "salvage", dir); code != exitFinished || !strings.HasPrefix(out, "nothing is wrong") {
		t.Errorf("sound: exit code %d, %q, %q", code, out, errs)
	}
	spoil := func(name string, change func(data []byte) []byte) {
		t.Helper()
		path := filepath.Join(dir, name)
		data, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, change(data), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "damaged"), []byte("found by hand\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := typed(t, "salvage", dir)
	if code != exitFinished || !strings.HasSuffix(out, "everything was brought back\n") {
		t.Errorf("nothing lost: exit code %d, %q, %q", code, out, errs)
	}
	spoil("items.jsonl", func(data []byte) []byte { return bytes.Replace(data, []byte("title"), []byte("tItle"), 1) })
	code, out, errs = typed(t, "salvage", dir, "--json")
	var s clew.Salvaged
	if err := json.Unmarshal([]byte(out), &s); err != nil || code != exitDamaged || len(s.Lost) == 0 || s.Aside == "" ||
		!strings.HasPrefix(errs, "clew: part of the crawl was lost; what was brought back is sound\nTry: ") {
		t.Errorf("items lost: exit code %d, %q, %q, %v", code, out, errs, err)
	}
	if code, out, errs := typed(t, "crawl", base, "--crawl-dir", dir, "--refuse-damage"); code != exitFinished {
		t.Errorf("going on: exit code %d, %q, %q", code, out, errs)
	}
	if code, _, _ := typed(t, "salvage", filepath.Join(dir, "nothing")); code != exitFailed {
		t.Errorf("nothing there: exit code %d", code)
	}
}
