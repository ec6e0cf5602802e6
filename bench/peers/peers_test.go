package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

// TestMain lets the test binary be the crawler, as the program is.
func TestMain(m *testing.M) {
	if is, err := played(os.Args[1:]); is {
		if err != nil {
			fmt.Fprintln(os.Stderr, "peers:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// TestClew runs the protocol on Clew alone, with all that it promises.
func TestClew(t *testing.T) {
	t.Setenv("GORACE", "atexit_sleep_ms=0") // or every run of the crawler ends a second late
	// Slow enough for a disk to be filled before the crawl is at its end.
	cfg := &config{work: t.TempDir(), pages: 150, seed: 1, rounds: 1, latency: 10 * time.Millisecond, limit: time.Minute}
	w, err := serve(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	}()
	p := theClew(t)
	in, err := p.install(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stops() {
		e, err := newTrial(cfg, w, p, in, filepath.Join(cfg.work, s.name)).play(t.Context(), &s)
		switch {
		case err != nil:
			t.Fatalf("%s: %v", s.name, err)
		case e.skipped != "":
			t.Logf("%s: %s", s.name, e)
			continue
		}
		if e.lost+e.doubled+e.torn+e.unseen > 0 || !strings.HasSuffix(e.said, "finished, exit code 0") && s.name != "flip" && s.name != "cut" {
			t.Errorf("%s: %s", s.name, e)
		}
		wants := map[string]string{
			"none": "finished", "kill": "died of SIGKILL → ", "kill5": "5 × died of SIGKILL → ", "int": "paused, ",
			"int2": "paused, ", "term": "paused, ", "disk": "exit code 1, errors logged → ", "flip": "paused, ", "cut": "paused, ",
		}
		if !strings.HasPrefix(e.said, wants[s.name]) {
			t.Errorf("%s: it said %q, want %q first", s.name, e.said, wants[s.name])
		}
		switch s.name {
		case "none", "int", "int2", "term":
			if e.again > 0 {
				t.Errorf("%s: %s", s.name, e)
			}
		case "cut":
			if len(e.complaints) == 0 {
				t.Errorf("%s: half of a table is gone and nobody complains: %s", s.name, e)
			}
		}
	}
}

func theClew(t *testing.T) *peer {
	t.Helper()
	for _, p := range peers() {
		if p.name == "clew" {
			return &p
		}
	}
	t.Fatal("no peer named clew")
	return nil
}

// TestEnding counts what a careless crawler left.
func TestEnding(t *testing.T) {
	cfg := &config{pages: 4, seed: 1}
	w, err := serve(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	}()
	tr := newTrial(cfg, w, &peer{items: "items.jsonl"}, nil, t.TempDir())
	fetch := func(pages ...int) {
		for _, i := range pages {
			get(t, strings.TrimSuffix(w.url, "/")+tr.pages[i].path)
		}
	}
	keep := func(texts ...string) {
		var b strings.Builder
		for _, text := range texts {
			fmt.Fprintf(&b, "{\"text\":%q}\n", text)
		}
		b.WriteString(`{"text":"cut o`)
		if err := os.WriteFile(tr.output(), []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fetch(0, 1, 2)
	first, second := tr.pages[0].items, tr.pages[1].items
	keep(append(append([]string(nil), first...), second[0])...) // page 0 is finished, page 1 is not
	kept, torn, err := tr.kept()
	if err != nil || torn != 1 {
		t.Fatalf("%d torn lines: %v", torn, err)
	}
	tr.seen = []sight{{w.site.Hits(), kept}}
	fetch(0, 1, 1)
	keep(append(append([]string(nil), first...), first[0], first[0], "no item of this site")...)
	tr.runs = []*verdict{{how: "died"}, {how: "died"}, {how: "finished"}}
	got, err := tr.ending()
	if err != nil {
		t.Fatal(err)
	}
	want := &ending{lost: 9, doubled: 2, torn: 2, unseen: 1, again: 3, finished: 1, said: "2 × died → finished"}
	if got.String() != want.String() {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func get(t *testing.T, url string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestAbsent: a peer that cannot be installed is named in the table, and the
// others are measured.
func TestAbsent(t *testing.T) {
	r := &report{cfg: &config{rounds: 1}}
	p := &peer{name: "nobody", install: func(context.Context, string) (*installed, error) {
		return nil, errors.New("no such package")
	}}
	if err := measure(t.Context(), r.cfg, nil, p, r); err != nil {
		t.Fatal(err)
	}
	if want := "**nobody**: not measured"; !strings.Contains(r.markdown(), want) {
		t.Errorf("no %q in:\n%s", want, r.markdown())
	}
}

func TestTable(t *testing.T) {
	r := &report{cfg: &config{rounds: 3}}
	p, all := &peer{name: "p"}, stops()
	r.add(p, &all[1], &ending{lost: 7, said: "a"})
	r.add(p, &all[1], &ending{lost: 1, said: "b", complaints: []string{"first | one", "second"}})
	r.add(p, &all[1], &ending{lost: 9, said: "a"})
	r.add(p, &all[0], &ending{skipped: "not measured: why"})
	got := r.markdown()
	for _, want := range []string{
		"| SIGKILL at a third | p | 7 (1 to 9) | 0 | 0 | 0 | 0 | 0 | a; or b |\n",
		"| none | p | | | | | | | not measured: why |\n| SIGKILL", "- SIGKILL at a third, p: `first / one`\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}

// TestStalls: a standstill is killed after two limits at most, any other process
// in the end.
func TestStalls(t *testing.T) {
	const limit = time.Second
	for _, c := range []struct {
		name  string
		step  int           // progress from one look to the next
		ends  time.Duration // of the process, by itself
		want  bool
		after time.Duration
	}{
		{"ends", 0, limit / 2, false, limit / 2},
		{"stands still", 0, time.Hour, true, 2 * limit},
		{"works", 1, 5 * limit / 2, false, 5 * limit / 2},
		{"works for ever", 1, time.Hour, true, longest * limit},
	} {
		synctest.Test(t, func(t *testing.T) {
			begin, made, ended := time.Now(), 0, make(chan struct{})
			time.AfterFunc(c.ends, func() { close(ended) })
			got := stalls(ended, limit, func() int { made += c.step; return made })
			if took := time.Since(begin); got != c.want || took != c.after {
				t.Errorf("%s: stalls is %v after %v, want %v after %v", c.name, got, took, c.want, c.after)
			}
		})
	}
}

func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name       string
		how        func(string, int64) error
		text, want string
	}{
		{"flip", flip, strings.Repeat("a", 20), "aa" + strings.Repeat("\x9e", 16) + "aa"},
		{"flip little", flip, "ab", "\x9e\x9d"},
		{"cut", cut, "abcde", "ab"},
	} {
		write(c.text)
		if err := c.how(path, int64(len(c.text))); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != c.want {
			t.Errorf("%s: %q became %q, want %q (%v)", c.name, c.text, got, c.want, err)
		}
	}
}

func TestParse(t *testing.T) {
	for _, bad := range [][]string{{"-peer", "nobody"}, {"-stop", "never"}, {"-rounds", "0"}, {"more"}, {"-no"}, {"-jobs", "gzip"}} {
		if cfg, err := parse(append([]string{"reliability"}, bad...)); err == nil {
			t.Errorf("%q is understood as %+v", bad, cfg)
		}
	}
	cfg, err := parse([]string{"reliability", "-peer", "scrapy,clew"})
	if err != nil || len(cfg.peers) != 2 || len(cfg.stops) != len(stops()) {
		t.Errorf("%+v: %v", cfg, err)
	}
	cfg, err = parse([]string{"speed", "-peer", "scrapy-job,clew", "-jobs", "gzip"})
	if err != nil || len(cfg.peers) != 2 || len(cfg.jobs) != 1 || cfg.rounds != 5 {
		t.Errorf("%+v: %v", cfg, err)
	}
	if err := run(t.Context(), []string{"beauty"}, nil); err == nil {
		t.Error("beauty is measured")
	}
}
