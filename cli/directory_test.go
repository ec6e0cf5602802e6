package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clew-crawler/clew/internal/testsite"
	"github.com/clew-crawler/clew/store/pebblestore"
)

// TestDirectories opens crawl directories that cannot simply be resumed.
func TestDirectories(t *testing.T) {
	_, base := testsite.Start(t, testsite.Config{Pages: 10})
	tests := map[string]struct {
		identity string // what crawl.json holds, "" for none
		args     []string
		code     int
		says     []string
	}{
		"another spider": {
			`{"format":1,"spider":"quotes","recipe":"x"}`, nil, exitFailed,
			[]string{`belongs to spider "quotes"`, "Try: another --crawl-dir, or --fresh"},
		},
		"another spider, set aside": {
			`{"format":1,"spider":"quotes","recipe":"x"}`,
			[]string{"--fresh"},
			exitFinished,
			[]string{"earlier crawl set aside"},
		},
		"newer format": {
			`{"format":99,"spider":"quotes"}`, nil, exitFailed,
			[]string{"says format 99", "Try: a newer version of Clew"},
		},
		"damaged, refused": {
			`{"form`,
			[]string{"--refuse-damage"},
			exitDamaged,
			[]string{"crawl.json cannot be read", "nothing was touched; without --refuse-damage it is set aside", "Try: clew salvage ", "without --refuse-damage to begin anew\n"},
		},
		"damaged, set aside": {
			`{"form`, nil, exitFinished,
			[]string{"CRAWL DIRECTORY IS DAMAGED"},
		},
		"new": {"", nil, exitFinished, []string{"crawl begins"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			identity := filepath.Join(dir, "crawl.json")
			if test.identity != "" {
				writeIdentity(t, dir, test.identity)
			}
			before, _ := os.ReadFile(identity)
			code, out, errs := typed(t, append([]string{"crawl", base, "--crawl-dir", dir}, test.args...)...)
			if code != test.code || (code == 0) != strings.HasPrefix(out, "finished: 10 pages") {
				t.Errorf("exit code %d, want %d; %q", code, test.code, out)
			}
			for _, says := range test.says {
				if !strings.Contains(errs, says) {
					t.Errorf("%q is not in:\n%s", says, errs)
				}
			}
			if code == 0 {
				checkDir(t, dir)
				return
			}
			if data, err := os.ReadFile(identity); err != nil || !bytes.Equal(data, before) {
				t.Errorf("a refused directory was changed: %q, %v", data, err)
			}
			if n := strings.Count(errs, "\n"); n != 2 {
				t.Errorf("%d lines, want the error and a hint:\n%s", n, errs)
			}
		})
	}
}

// writeIdentity writes a crawl.json, with its checksum if it can be read.
func writeIdentity(t *testing.T, dir, text string) {
	t.Helper()
	var id pebblestore.Identity
	if json.Unmarshal([]byte(text), &id) != nil {
		if err := os.WriteFile(filepath.Join(dir, "crawl.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	d, err := pebblestore.OpenDirectory(dir, id.Spider)
	if err == nil {
		err = errors.Join(d.SetIdentity(id), d.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestNoCrawl(t *testing.T) {
	for _, command := range []string{"status", "pause"} {
		code, out, errs := typed(t, command, filepath.Join(t.TempDir(), "nothing"))
		if code != exitFailed || out != "" || !strings.Contains(errs, "not a crawl directory") || !strings.Contains(errs, "Try: ") {
			t.Errorf("%s: exit code %d, %q, %q", command, code, out, errs)
		}
	}
}
