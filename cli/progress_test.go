package cli

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clew-crawler/clew"
)

func TestScreen(t *testing.T) {
	var term bytes.Buffer
	s := &screen{w: &term, live: true, width: func() int { return 11 }}
	s.set("0123456789abc")
	if got, want := term.String(), eraseLine+"0123456789"; got != want {
		t.Errorf("a long line: %q, want %q", got, want)
	}
	term.Reset()
	if _, err := s.Write([]byte("above\n")); err != nil {
		t.Fatal(err)
	}
	if got, want := term.String(), eraseLine+"above\n"+"0123456789"; got != want {
		t.Errorf("a log line: %q, want %q", got, want)
	}
	term.Reset()
	s.set("")
	if err := s.printTo(&term, "end\n"); err != nil {
		t.Fatal(err)
	}
	if got, want := term.String(), eraseLine+eraseLine+"end\n"; got != want {
		t.Errorf("the end: %q, want %q", got, want)
	}

	var file bytes.Buffer
	s = newScreen(&file)
	s.set("never")
	if err := s.printTo(&file, "line\n"); err != nil || file.String() != "line\n" {
		t.Errorf("not a terminal: %q, %v", file.String(), err)
	}
}

func TestPace(t *testing.T) {
	var p pace
	now := time.Unix(0, 0)
	for i, want := range []float64{0, 10, 10, 10, 10, 10, 10, 10, 8, 6, 4, 2, 0, 0} {
		if got := p.add(now.Add(time.Duration(i)*time.Second), int64(10*min(i, 7))); got != want {
			t.Errorf("second %d: %v, want %v", i, got, want)
		}
	}
	if len(p.samples) > 7 {
		t.Errorf("%d samples are kept", len(p.samples))
	}
}

// idle is a crawl that is open and does nothing.
func idle(t *testing.T) *clew.Crawl {
	t.Helper()
	spider := titles("titles", "http://127.0.0.1:1")
	spider.Logger = slog.New(slog.DiscardHandler)
	crawl, err := clew.Open(spider)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := crawl.Close(); err != nil {
			t.Error(err)
		}
	})
	return crawl
}

// TestProgress watches a crawl that does nothing, in each way.
func TestProgress(t *testing.T) {
	tests := map[string]struct {
		live, json bool
		wait       time.Duration
		says       string
	}{
		"terminal": {true, false, 300 * time.Millisecond, eraseLine + "running  0 pages  0.0/s  0 items  0 pending  0 failed  0s"},
		"log":      {false, false, 11 * time.Second, "msg=progress state=running pages=0 "},
		"json":     {false, true, 1100 * time.Millisecond, `"msg":"progress","state":"running","pages":0,`},
		"early":    {false, false, 9 * time.Second, ""},
	}
	crawl := idle(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				s := &screen{w: &out, live: test.live, width: func() int { return 100 }}
				w := &watch{crawl: crawl, screen: s, log: newLog(s, test.json, 0), json: test.json}
				done, ended := make(chan struct{}), make(chan struct{})
				go func() { defer close(ended); w.run(done) }()
				<-time.After(test.wait)
				close(done)
				<-ended
				if test.says == "" && out.Len() > 0 || !strings.Contains(out.String(), test.says) {
					t.Errorf("wrote %q, want %q", out.String(), test.says)
				}
			})
		})
	}
}

func TestThirdSignal(t *testing.T) {
	var out bytes.Buffer
	var codes []int
	s := newScreen(&out)
	w := &watch{crawl: idle(t), screen: s, log: newLog(s, false, 0), exit: func(code int) { codes = append(codes, code) }}
	for n := 1; n <= 3; n++ {
		w.stop(n, nil)
		if want := n / 3; len(codes) != want {
			t.Errorf("after signal %d the process exited %d times, want %d", n, len(codes), want)
		}
	}
	if len(codes) == 1 && codes[0] != exitSignal {
		t.Errorf("exit code %d", codes[0])
	}
	if !strings.Contains(out.String(), "pausing… signal again to stop at once\n") {
		t.Errorf("a signal that is not Ctrl+C: %q", out.String())
	}
}
