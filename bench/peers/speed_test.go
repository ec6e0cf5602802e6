package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clew-crawler/clew/bench/site"
)

// careless is a racer like Clew that loses the last so many lines of its output.
func careless(lines int) racer {
	return racer{
		name: "careless", share: 1, items: "items.jsonl", args: []string{"memory"},
		install: func(ctx context.Context, folder string) (*installed, error) {
			in, err := clewAs(raceRole)(ctx, folder)
			if err != nil {
				return nil, err
			}
			script := fmt.Sprintf(`"$@" && mv "$4/items.jsonl" "$4/all" && head -n -%d "$4/all" > "$4/items.jsonl"`, lines)
			in.command = append([]string{"sh", "-c", script, in.command[0]}, in.command...)
			return in, nil
		},
	}
}

// TestSpeed runs every job on Clew alone, and on a peer that skips work.
func TestSpeed(t *testing.T) {
	t.Setenv("GORACE", "atexit_sleep_ms=0") // or every run of the crawler ends a second late
	r := &race{cfg: &config{work: t.TempDir(), pages: 100, rounds: 1, limit: time.Minute, corpus: filepath.Join("testdata", "corpus")}, host: thisHost()}
	for _, j := range jobs() {
		r.jobs = append(r.jobs, &j)
	}
	for _, p := range racers() {
		if strings.HasPrefix(p.name, reference) || strings.HasPrefix(p.name, limit) {
			if err := r.enter(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := r.enter(t.Context(), careless(1)); err != nil {
		t.Fatal(err)
	}
	if err := r.warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, j := range r.jobs {
		if i == 1 {
			r.racers = r.racers[1:3] // once is enough of the others
		}
		if err := r.round(t.Context(), j, 1); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range r.runs {
		want := ""
		if f.Peer == "careless" {
			want = "1 items lost, 0 lines that are none"
		}
		if f.Problem != want || f.Seen.Unseen+f.Seen.Again+f.Seen.Plain+f.Doubled > 0 {
			t.Errorf("%s, %s: problem %q, want %q; %+v", f.Job, f.Peer, f.Problem, want, f.Seen)
		}
		if f.Seconds <= 0 || f.Before <= 0 || f.Processor <= 0 {
			t.Errorf("%s, %s: %+v", f.Job, f.Peer, f)
		}
	}
	r.racers = append(r.racers, &entrant{racer: careless(1)})
	r.jobs = r.jobs[:1]
	text := r.markdown()
	for _, want := range []string{"| careless | 100 | not ranked: 1 items lost", "\n| clew | 100 | ", "### 10k: "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
}

// TestFaults: an output that lost, doubled or tore something is found out.
func TestFaults(t *testing.T) {
	const pages = 20
	var whole []string
	for it, n := range truth(pages) {
		line, err := json.Marshal(it)
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			whole = append(whole, string(line))
		}
	}
	if len(whole) != pages*site.Items {
		t.Fatalf("%d items on %d pages", len(whole), pages)
	}
	for _, c := range []struct {
		name    string
		lines   []string
		want    string
		doubled int
	}{
		{"whole", whole, "", 0},
		{"lost", whole[1:], "1 items lost, 0 lines that are none", 0},
		{"doubled", append(slices.Clone(whole), whole[3], whole[3]), "", 2},
		{"torn", append(slices.Clone(whole[2:]), whole[0][:9], `{"text":"other"}`), "2 items lost, 2 lines that are none", 0},
		{"nothing", nil, "200 items lost, 0 lines that are none", 0},
	} {
		path := filepath.Join(t.TempDir(), "items")
		if err := os.WriteFile(path, []byte(strings.Join(c.lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, doubled, err := faults(path, pages); err != nil || got != c.want || doubled != c.doubled {
			t.Errorf("%s: %q, %d doubled, want %q, %d (%v)", c.name, got, doubled, c.want, c.doubled, err)
		}
	}
}

// TestUnseen: a page that nobody fetched is told.
func TestUnseen(t *testing.T) {
	j := &jobs()[0]
	s, err := newSpeedServer(j, 5, 80)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"0.html", "3.html", "3.html", "5.html", "robots.txt"} {
		s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, prefix+path, nil))
	}
	if got := s.tally(); got.Unseen != 3 || got.Again != 1 || got.Others != 2 || got.First.IsZero() {
		t.Errorf("%+v", got)
	}
}

// TestPages: every job's pages are as its title says, and all can be reached.
func TestPages(t *testing.T) {
	const pages = 300
	real, err := readCorpus(filepath.Join("testdata", "corpus"))
	if err != nil || len(real) != 2 {
		t.Fatal(len(real), err)
	}
	for _, j := range jobs() {
		if j.corpus {
			j.real = real
		}
		known := map[string]bool{j.url(0, 80): true}
		queue := []int{0}
		for len(queue) > 0 {
			n := queue[0]
			queue = queue[1:]
			text := string(j.render(n, pages, 80))
			if got, want := strings.Count(text, `<div class="quote">`), site.Items; got != want {
				t.Fatalf("%s: page %d has %d items, want %d", j.name, n, got, want)
			}
			links := strings.Split(text, `<a class="title" href="`)[1:]
			if j.chain {
				links = strings.Split(text, `<li class="next"><a href="`)[1:]
			}
			if want := site.Links + j.links; !j.chain && len(links) != want {
				t.Fatalf("%s: page %d has %d links, want %d", j.name, n, len(links), want)
			}
			if size := len(text); j.filler > 0 && (size < 62_000 || size > 65_000) {
				t.Fatalf("%s: page %d has %d bytes", j.name, n, size)
			}
			for _, link := range links {
				url, _, _ := strings.Cut(link, `"`)
				to, err := site.Page(url)
				if err != nil {
					t.Fatal(err)
				}
				full := j.url(int(to), 80)
				if url != full && (j.hosts > 0 || !strings.HasSuffix(full, url)) {
					t.Fatalf("%s: page %d links to %s, want %s", j.name, n, url, full)
				}
				if !known[full] {
					known[full] = true
					queue = append(queue, int(to))
				}
			}
		}
		if len(known) != pages {
			t.Errorf("%s: %d of %d pages can be reached", j.name, len(known), pages)
		}
	}
}

// TestStandings: the fastest is first, the one with a fault last, and shares are
// those of the same round.
func TestStandings(t *testing.T) {
	j := &jobs()[0]
	r := &race{cfg: &config{rounds: 2}, jobs: []*job{j}}
	add := func(peer, problem string, seconds ...float64) {
		r.racers = append(r.racers, &entrant{racer: racer{name: peer}})
		for i, s := range seconds {
			r.runs = append(r.runs, &figures{Job: j.name, Peer: peer, Round: i + 1, Pages: 100, Seconds: s, Processor: s / 2, Peak: 10 * s, Problem: problem})
		}
	}
	add("slow", "", 4, 8)
	add("cheat", "7 pages never fetched", 0.1, 0.1)
	add(reference, "", 1, 4)
	got := r.markdown()
	want := "| clew | 100 | 62 (25 to 100) | 1.00 | 12.500 (5.000 to 20.000) | 1.00 | 25 (10 to 40) | 1.00 |\n" +
		"| slow | 100 | 19 (12 to 25) | 0.38 (0.25 to 0.50) | 30.000 (20.000 to 40.000) | 3.00 (2.00 to 4.00) | 60 (40 to 80) | 3.00 (2.00 to 4.00) |\n" +
		"| cheat | 100 | not ranked: 7 pages never fetched | | | | | |\n"
	if !strings.Contains(got, want) {
		t.Errorf("got:\n%s\nwant in it:\n%s", got, want)
	}
	for name, svg := range r.charts() {
		dec := xml.NewDecoder(strings.NewReader(svg))
		var err error
		for err == nil {
			_, err = dec.Token()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("%s is no XML: %v", name, err)
		}
		if strings.Count(svg, "<rect") != 2 || strings.Contains(svg, "cheat") {
			t.Errorf("%s:\n%s", name, svg)
		}
	}
}

// TestLate: a run that takes too long has no rank.
func TestLate(t *testing.T) {
	r := &race{cfg: &config{work: t.TempDir(), pages: 10, rounds: 1, limit: 300 * time.Millisecond}}
	p := racer{name: "sleeper", share: 1, items: "items.jsonl", install: func(context.Context, string) (*installed, error) {
		return &installed{command: []string{"sh", "-c", "sleep 60 & wait"}}, nil
	}}
	if err := r.enter(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	f, err := r.run(t.Context(), r.racers[0], &jobs()[0], 10)
	if err != nil || f.Problem != "not finished after 300ms" {
		t.Errorf("%+v: %v", f, err)
	}
}
