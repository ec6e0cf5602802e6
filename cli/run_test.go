package cli

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/internal/testsite"
)

func titles(name, base string) *clew.Spider {
	return &clew.Spider{
		Name: name, StartURLs: []string{base + "/"}, AllowedDomains: []string{"127.0.0.1"},
		Concurrency: 3, Delay: time.Nanosecond,
		Parse: func(_ context.Context, page *clew.Response, out *clew.Output) error {
			out.Item(map[string]string{"title": page.CSS("title::text").Get()})
			for _, href := range page.CSS("a::attr(href)").GetAll() {
				out.Follow(href)
			}
			return nil
		},
	}
}

func TestRunSpiders(t *testing.T) {
	_, base := testsite.Start(t, testsite.Config{Pages: 15})
	one, two := titles("one", base), titles("two", base)
	tests := map[string]struct {
		spiders []*clew.Spider
		args    []string
		code    int
		says    string
	}{
		"the only one":    {[]*clew.Spider{one}, []string{"run"}, 0, "finished: 15 pages"},
		"by name":         {[]*clew.Spider{one, two}, []string{"run", "two"}, 0, "finished: 15 pages"},
		"which":           {[]*clew.Spider{one, two}, []string{"run"}, exitUsage, "run needs the name of a spider: one, two\nTry: clew run one"},
		"unknown":         {[]*clew.Spider{one, two}, []string{"run", "three"}, exitUsage, `no spider is named "three": there is one, two`},
		"too many":        {[]*clew.Spider{one, two}, []string{"run", "one", "two"}, exitUsage, "run takes one spider, not 2"},
		"no crawl":        {[]*clew.Spider{one}, []string{"crawl", base}, exitUsage, `unknown command "crawl"`},
		"nil":             {[]*clew.Spider{one, nil}, []string{"run"}, exitFailed, "spider 2 of 2 is nil"},
		"twice":           {[]*clew.Spider{one, one}, []string{"run"}, exitFailed, `two spiders are named "one"`},
		"fault of spider": {[]*clew.Spider{{Name: "bare"}}, []string{"run"}, exitFailed, `clew: spider "bare": Parse: no handler`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			term := newTerminal()
			term.spiders = test.spiders
			if code := term.run(t.Context(), test.args); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if !strings.Contains(term.err.String(), test.says) {
				t.Errorf("%q is not in:\n%s", test.says, term.err.String())
			}
			if items := strings.Count(term.out.String(), "\n"); (test.code == 0) != (items == 15) {
				t.Errorf("%d items", items)
			}
		})
	}
	if one.Concurrency != 3 || one.Logger != nil || one.OnStart != nil {
		t.Errorf("the spider was changed: %+v", one)
	}
}

// TestRunFlags checks that flags override a spider's settings, and only when given.
func TestRunFlags(t *testing.T) {
	_, base := testsite.Start(t, testsite.Config{Pages: 5})
	settings := func(args ...string) (s clew.Stats) {
		term := newTerminal()
		term.spiders = []*clew.Spider{titles("titles", base)}
		dir := crawlDir(t)
		if code := term.run(t.Context(), append([]string{"run", "--crawl-dir", dir, "--json"}, args...)); code != 0 {
			t.Fatalf("exit code %d: %s", code, term.err.String())
		}
		var result struct{ Stats clew.Stats }
		if err := json.Unmarshal(term.out.Bytes(), &result); err != nil {
			t.Fatal(err)
		}
		return result.Stats
	}
	s := settings()
	if s.Concurrency != 3 || s.ConcurrencyPerHost != 3 || s.Delay != time.Nanosecond || s.RobotsFetches != 1 {
		t.Errorf("without flags: %+v", s)
	}
	s = settings("--concurrency", "7", "--concurrency-per-host", "2", "--delay", "2ns", "--ignore-robots", "--user-agent", "me", "--lenient")
	if s.Concurrency != 7 || s.ConcurrencyPerHost != 2 || s.Delay != 2*time.Nanosecond || s.RobotsFetches != 0 {
		t.Errorf("with flags: %+v", s)
	}
}

// TestJSONWithoutDirectory checks that the items go to standard output, and that every
// line on standard error is JSON: the log, and the result as the last.
func TestJSONWithoutDirectory(t *testing.T) {
	_, base := testsite.Start(t, testsite.Config{Pages: 5})
	code, out, errs := typed(t, "crawl", base, "--json", "--max-pages", "2")
	if pages := parsePages(t, out); code != exitPaused || len(pages) != 2 {
		t.Errorf("exit code %d, %d items", code, len(pages))
	}
	lines := strings.Split(strings.TrimSuffix(errs, "\n"), "\n")
	last := len(lines) - 1
	for _, line := range lines[:last] {
		var record struct{ Level, Msg string }
		if err := json.Unmarshal([]byte(line), &record); err != nil || record.Msg == "" {
			t.Errorf("%q: %v", line, err)
		}
	}
	var r clew.Result
	if err := json.Unmarshal([]byte(lines[last]), &r); err != nil || r.Status != clew.Stopped || r.Stats.Items != 2 {
		t.Errorf("%q: %v", lines[last], err)
	}
}

func TestGreet(t *testing.T) {
	term := newTerminal()
	called := false
	s := &clew.Spider{OnStart: func(context.Context, clew.StartInfo) error { called = true; return nil }}
	greet(s, newScreen(&term.err))
	info := clew.StartInfo{Resuming: true, Why: "resumed after a pause", Run: 2, Stats: clew.Stats{Pages: 1, Items: 3, Pending: 4, Delayed: 1}}
	if err := s.OnStart(t.Context(), info); err != nil || !called {
		t.Errorf("the spider's own OnStart: called %v, %v", called, err)
	}
	if got, want := term.err.String(), "resumed after a pause: run 2, 1 page and 3 items so far, 5 requests left\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLogForPeople(t *testing.T) {
	term := newTerminal()
	log := newLog(&term.err, false, slog.LevelInfo).With("spider", "s")
	log.Info("hello", "n", 1)
	log.Warn("careful")
	log.Debug("never")
	lines := strings.Split(term.err.String(), "\n")
	if len(lines) != 3 || !strings.HasSuffix(lines[0], " msg=hello n=1") || strings.Contains(lines[0], "level") || !strings.HasSuffix(lines[1], " level=WARN msg=careful") {
		t.Errorf("got %q", lines)
	}
}
