package crashtest

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/internal/testsite"
)

// smallSite is big enough to be stopped in, and quick to crawl.
func smallSite() testsite.Config {
	return testsite.Config{
		Seed: 3, Pages: 150, Latency: 2 * time.Millisecond, Jitter: 8 * time.Millisecond,
		RetryRate: 0.05, RedirectRate: 0.1, BrokenRate: 0.03, Login: true,
	}
}

// A stage is a site with the ending of a crawl of it that nothing stopped.
type stage struct {
	*web
	want *ending
}

func setStage(t *testing.T, cfg testsite.Config, o order) *stage {
	t.Helper()
	w := startWeb(t, cfg)
	return &stage{w, uninterrupted(t, w, o)}
}

// begin returns the order for the first run of a crawl in a new directory.
func (s *stage) begin(t *testing.T) order {
	t.Helper()
	s.reset()
	return order{Base: s.base, Dir: filepath.Join(t.TempDir(), "crawl"), Run: 1}
}

// resume runs the crawl to its end without any fault and compares that.
func (s *stage) resume(t *testing.T, o order) {
	t.Helper()
	got := s.finish(t, o)
	got.compare(t, s.want)
}

func (s *stage) finish(t *testing.T, o order) *ending {
	t.Helper()
	o.Run++
	o.Fault, o.On = "", ""
	p := launch(t, o)
	if code := p.wait(); code != exitFinished {
		t.Fatalf("last run: exit code %d: %s\n%s", code, p.last.Error, p.stderr.String())
	}
	return endingOf(t, o.Dir, p.last.Result)
}

// committedAll checks that a run which paused lost nothing that it had fetched, but
// for pages that it gave up, and that its books are in order.
func (s *stage) committedAll(t *testing.T, o order, givenUp int) {
	t.Helper()
	snap := inspect(t, o.Dir)
	defer snap.close(t)
	if !snap.books.Clean {
		t.Error("the books do not say that the run ended in an orderly way")
	}
	snap.checkItems(t, s.base, nil)
	var urls []string
	for _, h := range s.hits() {
		if isFinal(h.status) {
			urls = append(urls, s.base+h.path)
		}
	}
	over := snap.over(t, urls)
	lost := map[string]bool{}
	for _, u := range urls {
		if !over[u] {
			lost[u] = true
		}
	}
	if len(lost) > givenUp {
		t.Errorf("a pause lost %d requests, want at most %d: %v", len(lost), givenUp, lost)
	}
}

func TestSignals(t *testing.T) {
	t.Parallel()
	st := setStage(t, smallSite(), order{})
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			o := st.begin(t)
			p := launch(t, o)
			p.expect("running")
			<-st.after(60)
			p.signal(sig)
			if code := p.wait(); code != exitPaused || p.last.Result.Status != clew.Paused {
				t.Fatalf("exit code %d: %+v\n%s", code, p.last, p.stderr.String())
			}
			if !strings.Contains(p.last.Result.Reason, sig.String()) {
				t.Errorf("reason %q does not name %s", p.last.Result.Reason, sig)
			}
			st.committedAll(t, o, 0)
			st.resume(t, o)
		})
	}
}

// TestSignalTwice gives up a handler that waits for its context.
func TestSignalTwice(t *testing.T) {
	t.Parallel()
	st := setStage(t, smallSite(), order{})
	o := st.begin(t)
	o.Fault, o.On = "patient", st.site.Path(7)
	p := launch(t, o)
	p.expect("waiting")
	p.signal(syscall.SIGINT)
	select {
	case <-p.done:
		t.Fatal("the first signal did not wait for the page in flight")
	case <-time.After(500 * time.Millisecond):
	}
	begin := time.Now()
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != exitPaused {
		t.Fatalf("exit code %d: %s\n%s", code, p.last.Error, p.stderr.String())
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("giving up took %v", took)
	}
	st.committedAll(t, o, 1)
	st.resume(t, o)
}

// TestHandlerThatNeverReturns is abandoned after the second signal; a third one
// does not even wait for that.
func TestHandlerThatNeverReturns(t *testing.T) {
	t.Parallel()
	st := setStage(t, smallSite(), order{})
	stuck := func(t *testing.T) (*process, order) {
		t.Helper()
		o := st.begin(t)
		o.Fault, o.On = "stuck", st.site.Path(7)
		p := launch(t, o)
		p.expect("waiting")
		p.signal(syscall.SIGTERM)
		<-in(100 * time.Millisecond)
		p.signal(syscall.SIGTERM)
		return p, o
	}
	t.Run("abandoned", func(t *testing.T) {
		p, o := stuck(t)
		if code := p.wait(); code != exitError {
			t.Fatalf("exit code %d\n%s", code, p.stderr.String())
		}
		for _, part := range []string{st.base + st.site.Path(7), "Parse", "commitFault"} {
			if !strings.Contains(p.last.Error, part) {
				t.Errorf("the error does not name %s:\n%s", part, p.last.Error)
			}
		}
		st.committedAll(t, o, 1)
		st.resume(t, o)
	})
	t.Run("third signal", func(t *testing.T) {
		p, o := stuck(t)
		<-in(50 * time.Millisecond)
		p.signal(syscall.SIGTERM)
		if code := p.wait(); code != 130 && code != exitError {
			t.Errorf("exit code %d\n%s", code, p.stderr.String())
		}
		st.resume(t, o)
	})
}

func TestCancelledContext(t *testing.T) {
	t.Parallel()
	st := setStage(t, smallSite(), order{})
	o := st.begin(t)
	o.Fault, o.On = "cancel", st.site.Path(40)
	p := launch(t, o)
	if code := p.wait(); code != exitPaused {
		t.Fatalf("exit code %d: %s\n%s", code, p.last.Error, p.stderr.String())
	}
	if !strings.Contains(p.last.Result.Reason, errScripted.Error()) {
		t.Errorf("reason %q does not name the cause", p.last.Result.Reason)
	}
	st.committedAll(t, o, 0)
	st.resume(t, o)
}

// TestKillWithStartsOnHold kills when start requests have been counted whose group
// is not committed. They must not be counted twice.
func TestKillWithStartsOnHold(t *testing.T) {
	t.Parallel()
	cfg := testsite.Config{Seed: 3, Pages: 60, Latency: 5 * time.Millisecond, Jitter: 200 * time.Millisecond}
	starts := order{Starts: 300}
	w := startWeb(t, cfg)
	st := &stage{w, uninterrupted(t, w, starts)}
	o := st.begin(t)
	o.Starts, o.Fault = starts.Starts, "starts that stall"
	p := launch(t, o)
	p.expect("waiting")
	p.killAfter(st.after(60))
	inspect(t, o.Dir).close(t)
	st.resume(t, o)
}
