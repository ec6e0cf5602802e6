package crashtest

import (
	"strings"
	"syscall"
	"testing"

	"github.com/clew-crawler/clew/internal/testsite"
)

// leaf is a page that no other page hangs on, so that the rest can do without it.
func leaf(w *web) string {
	paths := w.site.PagePaths()
	return paths[len(paths)-1]
}

// without is what is left of the lines when a page's are gone.
func without(lines []string, path string) []string {
	var rest []string
	for _, l := range lines {
		if !strings.Contains(l, `"path":"`+path+`"`) {
			rest = append(rest, l)
		}
	}
	return rest
}

// pageLines are the lines that belong to a page, authors apart.
func pageLines(lines []string) []string {
	var rest []string
	for _, l := range lines {
		if strings.Contains(l, `"path":`) {
			rest = append(rest, l)
		}
	}
	return rest
}

// TestPanicFailsThePage: code of the user's that panics on a page costs that page,
// nothing of which is kept, and nothing else.
func TestPanicFailsThePage(t *testing.T) {
	t.Parallel()
	st := setStage(t, testsite.Config{Seed: 3, Pages: 60, RedirectRate: 0.1}, order{})
	for _, fault := range []string{
		"error", "panic in handler", "panic in MarshalJSON", "panic in OnItem", "panic in Update",
		"panic in IsBlocked", "panic in OnBlocked",
	} {
		t.Run(fault, func(t *testing.T) {
			o := st.begin(t)
			o.Fault, o.On = fault, leaf(st.web)
			p := launch(t, o)
			if code := p.wait(); code != exitFinished {
				t.Fatalf("exit code %d: %s\n%s", code, p.last.Error, p.stderr.String())
			}
			got := endingOf(t, o.Dir, p.last.Result)
			compareLines(t, "items", pageLines(got.items), without(pageLines(st.want.items), o.On))
			if len(got.failures) != 1 || !strings.HasPrefix(got.failures[0], o.On+": ") || !strings.Contains(got.failures[0], "scripted") {
				t.Errorf("failures %q, want %s for what was scripted", got.failures, o.On)
			}
		})
	}
}

// TestPanicEndsTheRun: a hook of the run that panics ends it with an error that
// says so, and the next run goes on.
func TestPanicEndsTheRun(t *testing.T) {
	t.Parallel()
	st := setStage(t, testsite.Config{Seed: 3, Pages: 60, RedirectRate: 0.1}, order{})
	for _, hook := range []string{"OnStart", "OnClose", "StartRequests"} {
		t.Run(hook, func(t *testing.T) {
			o := st.begin(t)
			o.Fault = "panic in " + hook
			p := launch(t, o)
			if code := p.wait(); code != exitError || !strings.Contains(p.last.Error, o.Fault+": scripted panic") {
				t.Fatalf("exit code %d: %s\n%s", code, p.last.Error, p.stderr.String())
			}
			st.resume(t, o)
		})
	}
}

// TestPanicInOnError is logged; the crawl ends as it would have.
func TestPanicInOnError(t *testing.T) {
	t.Parallel()
	st := setStage(t, smallSite(), order{})
	o := st.begin(t)
	o.Fault = "panic in OnError"
	p := launch(t, o)
	if code := p.wait(); code != exitFinished {
		t.Fatalf("exit code %d: %s\n%s", code, p.last.Error, p.stderr.String())
	}
	endingOf(t, o.Dir, p.last.Result).compare(t, st.want)
}

// TestDeadlyPage: a page that takes the process with it fails after three deaths,
// and the crawl comes to its end without it.
func TestDeadlyPage(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, fault string
		cfg         testsite.Config
	}{
		{"exit", "exit", testsite.Config{}},
		{"kill", "kill", testsite.Config{}},
		{"stack overflow", "stack overflow", testsite.Config{}},
		{"concurrent map write", "concurrent map write", testsite.Config{}},
		{"in a hook", "death in IsBlocked", testsite.Config{}},
		// It is handled before the request is committed that its handler runs for.
		{"behind a redirect", "exit", testsite.Config{RedirectRate: 1}},
		{"after a retry", "exit", testsite.Config{RetryRate: 1}},
	}
	stages := map[testsite.Config]*stage{}
	for _, c := range cases {
		c.cfg.Seed, c.cfg.Pages = 3, 60
		if stages[c.cfg] == nil {
			stages[c.cfg] = setStage(t, c.cfg, order{})
		}
		st := stages[c.cfg]
		t.Run(c.name, func(t *testing.T) {
			o := st.begin(t)
			o.Fault, o.On = c.fault, leaf(st.web)
			deaths := 0
			p := launch(t, o)
			for p.wait() != exitFinished {
				if code := p.wait(); code == exitError || code == exitPaused {
					t.Fatalf("run %d: exit code %d: %s\n%s", o.Run, code, p.last.Error, p.stderr.String())
				}
				if deaths++; deaths > 8 {
					t.Fatalf("the page has ended %d processes", deaths)
				}
				inspect(t, o.Dir).close(t)
				o.Run++
				p = launch(t, o)
			}
			if deaths != 3 {
				t.Errorf("%d deaths, want 3", deaths)
			}
			got := endingOf(t, o.Dir, p.last.Result)
			compareLines(t, "items", pageLines(got.items), without(pageLines(st.want.items), o.On))
			if len(got.failures) != 1 || !strings.Contains(got.failures[0], "ended the process 3 times") {
				t.Errorf("failures %q", got.failures)
			}
		})
	}
}

// TestInnocentSuspects: pages that are being handled when somebody else ends the
// process, however often, are none the worse for it.
func TestInnocentSuspects(t *testing.T) {
	t.Parallel()
	st := setStage(t, testsite.Config{Seed: 3, Pages: 40}, order{})
	o := st.begin(t)
	o.Fault, o.On = "stuck", st.site.Path(7)
	for range 2 {
		p := launch(t, o)
		p.expect("waiting")
		p.signal(syscall.SIGKILL)
		p.wait()
		o.Run++
	}
	st.resume(t, o)
}
