package cli

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/clew-crawler/clew"
)

// TestDemo runs the demo with processes that are really killed.
func TestDemo(t *testing.T) {
	t.Setenv(asMain, "1")
	dir := crawlDir(t)
	code, out, errs := typed(t, "demo", "--pages", "120", "--kills", "3", "--latency", "50ms", "--dir", dir)
	if code != 0 {
		t.Fatalf("exit code %d\n%s\n%s", code, out, errs)
	}
	for _, want := range []string{
		`1\. Crawled without a stop\n   \d+ pages, \d+ items in `,
		`run 1  kill -9 after .*\n   run 2  kill -9 after .*\n   run 3  kill -9 after .*\n   run 4  finished after `,
		`committed +[1-9]\d* pages +[1-9]\d* items +pending +[1-9]`,
		`\n   items lost +0 +0   0\n`,
		`\n   committed pages fetched again +0 +0   0\n`,
		`\nKilled 3 times, and the result is the one of a crawl that never stopped\.\n\nThe crawl directory is ` + dir,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("%s is not in:\n%s", want, out)
		}
	}
	if i, err := clew.Inspect(dir); err != nil || i.State != clew.StateFinished {
		t.Errorf("the directory: %+v, %v", i, err)
	}
	code, _, errs = typed(t, "demo", "--dir", dir)
	if code != exitUsage || !strings.Contains(errs, "holds a crawl already") {
		t.Errorf("the same directory: exit code %d, %q", code, errs)
	}
}

// TestDemoChild checks that a process of the demo ends with the one that started it.
func TestDemoChild(t *testing.T) {
	base, reached := hanging(t)
	in, hold := io.Pipe()
	term := newTerminal()
	term.in = in
	ended := term.start(t.Context(), "demo-run", "--url", base+"/", "--run", "1", "--concurrency", "2", "--dir", crawlDir(t))
	<-reached
	if err := hold.Close(); err != nil {
		t.Fatal(err)
	}
	if code := <-ended; code != exitPaused {
		t.Errorf("exit code %d, %s", code, term.err.String())
	}
}

func TestDemoServe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	term := newTerminal()
	r, w := io.Pipe()
	term.program.out = w
	ended := term.start(ctx, "demo", "--serve", "127.0.0.1:0", "--pages", "20", "--latency", "0")
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url := regexp.MustCompile(`http://\S+`).FindString(line)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || !strings.Contains(string(body), `<div class="quote">`) {
		t.Errorf("%s: %q, %v", url, body, err)
	}
	http.DefaultClient.CloseIdleConnections()
	cancel()
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d, %s", code, term.err.String())
	}
}

// TestDemoVerdict checks that the demo fails when one number does not hold.
func TestDemoVerdict(t *testing.T) {
	good, bad := row{"pages", 3, 3, "the same", true}, row{"items", 3, 2, "the same", false}
	tests := map[string]struct {
		state clew.CrawlState
		rows  []row
		holds bool
	}{
		"holds":        {clew.StateFinished, []row{good, good}, true},
		"one does not": {clew.StateFinished, []row{good, bad, good}, false},
		"not finished": {clew.StatePaused, []row{good}, false},
	}
	for name, test := range tests {
		term := newTerminal()
		d := &demo{program: &term.program, flags: new(demoFlags), screen: newScreen(&term.err)}
		if err := d.verdict(test.state, test.rows); (err == nil) != test.holds {
			t.Errorf("%s: %v", name, err)
		}
		if out := term.out.String(); strings.Contains(out, "Killed 0 times") != test.holds || strings.Contains(out, "IT IS NOT") != (name == "one does not") {
			t.Errorf("%s:\n%s", name, out)
		}
	}
}

func TestDifference(t *testing.T) {
	for _, test := range []struct {
		want, got      string
		missing, extra int64
	}{
		{"", "", 0, 0},
		{"a b c", "a b c", 0, 0},
		{"a b c", "a c", 1, 0},
		{"a c", "a b b c", 0, 2},
		{"a a", "a", 1, 0},
		{"a b", "b c", 1, 1},
	} {
		missing, extra := difference(strings.Fields(test.want), strings.Fields(test.got))
		if missing != test.missing || extra != test.extra {
			t.Errorf("%q, %q: %d missing, %d extra", test.want, test.got, missing, extra)
		}
	}
}

func TestDemoSiteCounts(t *testing.T) {
	s := newDemoSite(&demoFlags{pages: 30})
	ask := func(run, path string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if run != "" {
			r.Header.Set(runHeader, run)
		}
		s.count(r)
	}
	due := s.reached(1, 2)
	for _, hit := range [][2]string{{"0", "/a"}, {"0", "/b"}, {"", "/a"}, {"1", "/a"}} {
		ask(hit[0], hit[1])
	}
	select {
	case <-due:
		t.Error("due after one request of two")
	default:
	}
	ask("1", "/b")
	<-due
	<-s.reached(1, 2) // already
	ask("2", "/b")
	ask("2", "/c")
	ask("3", "/a")
	if one, two, three := s.again(1), s.again(2), s.again(3); one != 0 || two != 1 || three != 1 {
		t.Errorf("asked again: %d, %d, %d; want 0, 1, 1", one, two, three)
	}
	for run, want := range map[int]int{1: 2, 2: 1, 3: 0} {
		if got := s.askedAfter(run, map[string]bool{"/a": true, "/b": true}); got != want {
			t.Errorf("asked after run %d: %d, want %d", run, got, want)
		}
	}
}

func TestMoments(t *testing.T) {
	for _, kills := range []int{0, 1, 4, 50} {
		total := 0
		for _, after := range moments(7, kills, 600) {
			total += after
		}
		if total >= 600 || kills > 0 && total < kills*600/(kills+1)/2-kills {
			t.Errorf("%d kills: after %d requests of 600 in all", kills, total)
		}
	}
}

func TestReadItems(t *testing.T) {
	path := filepath.Join(t.TempDir(), "items.jsonl")
	if lines, err := readItems(path, 0); err != nil || lines != nil {
		t.Errorf("no file: %v, %v", lines, err)
	}
	if _, err := readItems(path, 5); err == nil {
		t.Error("a missing file of 5 bytes is no error")
	}
	if err := os.WriteFile(path, []byte("{}\n[]\n{\"torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if lines, err := readItems(path, 6); err != nil || strings.Join(lines, "|") != "{}|[]" {
		t.Errorf("got %q, %v", lines, err)
	}
}
