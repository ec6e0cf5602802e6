package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/internal/testsite"
)

// pausedCrawl is a crawl with pending requests, and one with failed ones.
func pausedCrawl(t *testing.T) (paused, failed string) {
	t.Helper()
	_, base := testsite.Start(t, testsite.Config{Pages: 120})
	paused, failed = crawlDir(t), crawlDir(t)
	if code, out, err := typed(t, "crawl", base, "--crawl-dir", paused, "--max-pages", "60"); code != exitPaused {
		t.Fatalf("exit code %d, %q, %q", code, out, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		for i := range 60 {
			_, _ = fmt.Fprintf(w, `<a href="/loop/%d">x</a>`, i)
		}
	})
	mux.HandleFunc("/loop/", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	if code, out, err := typed(t, "crawl", server.URL, "--crawl-dir", failed, "--ignore-robots"); code != 0 || !strings.Contains(out, "60 failed") {
		t.Fatalf("exit code %d, %q, %q", code, out, err)
	}
	return paused, failed
}

// entries parses JSON lines.
func entries(t *testing.T, out string) (all []clew.Entry) {
	t.Helper()
	for line := range strings.Lines(out) {
		var e clew.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, e)
	}
	return all
}

func TestInspectKinds(t *testing.T) {
	paused, failed := pausedCrawl(t)
	for _, kind := range kinds() {
		for _, dir := range []string{paused, failed} {
			code, out, errs := typed(t, "inspect", dir, kind)
			if code != 0 || errs != "" || out == "" {
				t.Errorf("%s: exit code %d, %q, %q", kind, code, out, errs)
			}
			code, out, errs = typed(t, "inspect", dir, kind, "--json")
			if code != 0 || errs != "" {
				t.Errorf("%s as JSON: exit code %d, %q", kind, code, errs)
			}
			for _, e := range entries(t, out) {
				if e.Kind != kind {
					t.Errorf("%s: %+v", kind, e)
				}
			}
		}
	}
	for _, test := range []struct {
		args []string
		n    int // JSON lines
		says string
	}{
		{[]string{failed, "failed"}, 60, "and 10 more; all of them with --all"},
		{[]string{failed, "failed", "--limit", "7"}, 7, "and 53 more"},
		{[]string{failed, "failed", "--all"}, 60, "/loop/59"},
		{[]string{failed, "failed", "--url", "/loop/1", "--limit", "5"}, 5, "and more; all"},
		{[]string{failed, "failed", "--url", "/loop/1.$"}, 10, "TRIES  HANDLER  REASON"},
		{[]string{failed, "failed", "--reason", "^no such reason"}, 0, "no failed requests match\n"},
		{[]string{failed, "failed", "--handler", "other"}, 0, "no failed requests match"},
		{[]string{failed, "failed", "--handler", "Parse", "--host", "127.0.0.1", "--url", "/2"}, 11, "/loop/2"},
		{[]string{failed, "failed", "--host", "127.0.0.2"}, 0, "no failed requests match"},
		{[]string{failed, "delayed"}, 0, "no delayed requests\n"},
	} {
		if code, out, errs := typed(t, append([]string{"inspect"}, test.args...)...); code != 0 || !strings.Contains(out, test.says) {
			t.Errorf("%q: exit code %d, %q, %q", test.args, code, out, errs)
		}
		code, out, errs := typed(t, append([]string{"inspect", "--json"}, test.args...)...)
		if got := entries(t, out); code != 0 || len(got) != test.n {
			t.Errorf("%q: exit code %d, %d entries, want %d, %q", test.args, code, len(got), test.n, errs)
		}
	}
}

func TestInspectOverview(t *testing.T) {
	paused, failed := pausedCrawl(t)
	for dir, says := range map[string][]string{
		paused: {"state     paused", "\nhosts with most pending requests\n", "\npending and delayed requests by handler\n", "  Parse\n", "  frontier\n", "  items.jsonl\n"},
		failed: {"state     finished", "\nfailures by reason\n        60  more than", "  report.json\n"},
	} {
		code, out, errs := typed(t, "inspect", dir)
		for _, text := range says {
			if code != 0 || !strings.Contains(out, text) {
				t.Errorf("exit code %d, %q is not in:\n%s%s", code, text, out, errs)
			}
		}
	}
	code, out, _ := typed(t, "inspect", failed, "--json")
	var o overview
	if err := json.Unmarshal([]byte(out), &o); code != 0 || err != nil || o.Spider == "" || len(o.Reasons) != 1 || o.Files["items.jsonl"] != o.Stats.ItemBytes {
		t.Errorf("exit code %d, %v, %+v", code, err, o)
	}
}

func TestInspectUsage(t *testing.T) {
	paused, _ := pausedCrawl(t)
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"inspect"}, exitUsage, "inspect takes one crawl directory"},
		{[]string{"inspect", paused, "pages"}, exitUsage, `no kind "pages" but pending`},
		{[]string{"inspect", paused, "pending", "x"}, exitUsage, "one kind, not 3"},
		{[]string{"inspect", paused, "pending", "--url", "("}, exitUsage, "--url: "},
		{[]string{"inspect", paused, "pending", "--limit", "-1"}, exitUsage, "negative"},
		{[]string{"inspect", paused, "--host", "a.test"}, exitUsage, "filters choose entries of a kind"},
		{[]string{"inspect", paused + "/nothing", "pending"}, exitFailed, "not a crawl directory"},
		{[]string{"inspect", paused + "/nothing"}, exitFailed, "not a crawl directory"},
		{[]string{"requeue", paused, "--reason", "["}, exitUsage, "--reason: "},
		{[]string{"check"}, exitUsage, "check takes one crawl directory"},
		{[]string{"check", paused + "/nothing"}, exitFailed, "not a crawl directory"},
		{[]string{"snapshot", paused}, exitUsage, "and the name of the copy, not 1 argument"},
		{[]string{"snapshot", paused, paused}, exitFailed, "is inside the crawl directory"},
		{[]string{"snapshot", paused, filepath.Dir(paused)}, exitFailed, "exists, and is not empty"},
		{[]string{"snapshot", paused + "/nothing", "x"}, exitFailed, "not a crawl directory"},
	} {
		code, out, errs := typed(t, test.args...)
		if code != test.code || out != "" || !strings.Contains(errs, test.says) || strings.Count(errs, "\n") > 2 {
			t.Errorf("%q: exit code %d, %q, %q", test.args, code, out, errs)
		}
	}
}

func TestSnapshotAndCheck(t *testing.T) {
	paused, failed := pausedCrawl(t)
	dest := filepath.Join(t.TempDir(), "copy")
	code, out, errs := typed(t, "snapshot", paused, dest)
	if code != 0 || out != dest+"/: 60 pages, 60 items, "+left(t, paused)+" left\n" {
		t.Errorf("snapshot: exit code %d, %q, %q", code, out, errs)
	}
	code, _, errs = typed(t, "snapshot", paused, dest)
	if code != exitFailed || !strings.HasSuffix(errs, "Try: the name of a folder that is empty, or not there yet\n") {
		t.Errorf("snapshot again: exit code %d, %q", code, errs)
	}
	for dir, says := range map[string]string{paused: "\nOK, paused\n", dest: "60 items in ", failed: " and 60 failed requests\n"} {
		if code, out, errs := typed(t, "check", dir); code != 0 || errs != "" || !strings.Contains(out, says) {
			t.Errorf("check: exit code %d, %q, %q", code, out, errs)
		}
	}
	spoiled := filepath.Join(t.TempDir(), "spoiled")
	err := errors.Join(os.CopyFS(spoiled, os.DirFS(failed)), os.Truncate(filepath.Join(spoiled, "items.jsonl"), 0))
	if err != nil {
		t.Fatal(err)
	}
	code, out, errs = typed(t, "check", spoiled)
	if code != exitDamaged || !strings.Contains(out, "items.jsonl") || !strings.HasPrefix(errs, "clew: frontier is damaged: ") ||
		!strings.HasSuffix(errs, "Try: clew salvage "+spoiled+" to bring back what can be read, or the same crawl again to begin anew\n") || strings.Count(errs, "\n") != 2 {
		t.Errorf("check of damage: exit code %d, %q, %q", code, out, errs)
	}
	code, out, _ = typed(t, "check", spoiled, "--json")
	var v verdict
	if err := json.Unmarshal([]byte(out), &v); code != exitDamaged || err != nil || v.OK || len(v.Findings) == 0 {
		t.Errorf("check of damage as JSON: exit code %d, %q, %v", code, out, err)
	}
	code, out, _ = typed(t, "check", dest, "--json")
	if err := json.Unmarshal([]byte(out), &v); code != 0 || err != nil || !v.OK || v.Verified["items"] != 60 || v.State != clew.StatePaused {
		t.Errorf("check as JSON: exit code %d, %q, %v", code, out, err)
	}
}

// left says how many requests a crawl has left.
func left(t *testing.T, dir string) string {
	t.Helper()
	i, err := clew.Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	return count(i.Stats.Pending+i.Stats.Delayed, "request")
}

func TestRequeueChosen(t *testing.T) {
	_, failed := pausedCrawl(t)
	code, out, _ := typed(t, "requeue", failed, "--url", "/loop/[12]$", "--dry-run")
	if code != 0 || strings.Count(out, "\n") != 3 || !strings.Contains(out, "/loop/2\n") {
		t.Errorf("dry run: exit code %d, %q", code, out)
	}
	code, out, _ = typed(t, "requeue", failed, "--match", "/loop/[12]$", "--dry-run", "--json")
	if code != 0 || len(entries(t, out)) != 2 {
		t.Errorf("dry run with JSON: exit code %d, %q", code, out)
	}
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{"--host", "other.test"}, "0 requests put back\n"},
		{[]string{"--url", "/loop/[12]$", "--handler", "Parse", "--host", "127.0.0.1"}, "2 requests put back\n"},
		{[]string{"--reason", "redirects"}, "58 requests put back\n"},
		{[]string{"--json"}, `{"requeued":0}` + "\n"},
	} {
		if code, out, errs := typed(t, append([]string{"requeue", failed}, test.args...)...); code != 0 || out != test.says {
			t.Errorf("%q: exit code %d, %q, %q", test.args, code, out, errs)
		}
	}
	if code, _, errs := typed(t, "check", failed); code != 0 {
		t.Errorf("check: exit code %d, %q", code, errs)
	}
}

// TestTable writes rows that are too long for a terminal, and what should not reach it.
func TestTable(t *testing.T) {
	var b strings.Builder
	tab := &table{w: &b, width: 40, columns: columnsOf("failed")}
	for i, e := range []clew.Entry{
		{Attempts: 1, Handler: "Parse", Reason: "short", URL: "http://example.com/"},
		{Attempts: 12, Handler: "a-very-long-name-of-a-handler", Reason: "\x1b[31mred", URL: "http://example.com/a/long/path/to/the/page.html?id=1234"},
	} {
		if err := tab.add(&e); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := tab.flush(); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"TRIES  HANDLER           REASON    URL",
		"1      Parse             short     http://example.com/",
		"12     a-very-long-nam…  ·[31mred  http://ex…ml?id=1234",
	}
	if got := strings.Split(strings.TrimSpace(b.String()), "\n"); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for range 3 * sampleRows {
		if err := tab.add(&clew.Entry{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(tab.rows) > 0 {
		t.Errorf("%d rows are kept", len(tab.rows))
	}
}
