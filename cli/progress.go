package cli

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/clew-crawler/clew"
)

// A screen is standard error. On a terminal its last line is live: it is replaced
// again and again, and whatever else is written goes above it.
type screen struct {
	live  bool
	width func() int

	mu   sync.Mutex
	w    io.Writer
	line string
}

func newScreen(w io.Writer) *screen {
	s := &screen{w: w}
	f, ok := w.(*os.File)
	if ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		s.live = true
		s.width = func() int {
			if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
				return width
			}
			return 80
		}
	}
	return s
}

// eraseLine goes to the beginning of a terminal's line and empties it.
const eraseLine = "\r\x1b[K"

// Write writes above the live line. It is what the log goes through.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draw(eraseLine)
	n, err := s.w.Write(p)
	s.draw(s.line)
	return n, err
}

// printTo writes to another writer that may be the same terminal.
func (s *screen) printTo(w io.Writer, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draw(eraseLine)
	_, err := io.WriteString(w, text)
	s.draw(s.line)
	return err
}

// set replaces the live line; "" removes it.
func (s *screen) set(line string) {
	if !s.live {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if width := s.width() - 1; utf8.RuneCountInString(line) > width {
		line = string([]rune(line)[:width])
	}
	s.line = line
	s.draw(eraseLine + line)
}

// draw writes what is only for the eye; that it fails is no news.
func (s *screen) draw(text string) {
	if s.live && (s.line != "" || strings.HasPrefix(text, eraseLine)) {
		_, _ = io.WriteString(s.w, text)
	}
}

// newLog makes the logger of a run: JSON lines, or short lines for people.
func newLog(w io.Writer, asJSON bool, level slog.Level) *slog.Logger {
	if asJSON {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
	}
	short := func(groups []string, a slog.Attr) slog.Attr {
		switch {
		case len(groups) > 0:
			return a
		case a.Key == slog.TimeKey:
			return slog.String(a.Key, a.Value.Time().Format(time.TimeOnly))
		case a.Key == slog.LevelKey && a.Value.String() == slog.LevelInfo.String(), a.Key == "spider":
			return slog.Attr{} // one spider runs, and says little that is not information
		}
		return a
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: short}))
}

// How often progress is told.
const (
	everyFrame = 250 * time.Millisecond // on a terminal
	everyLine  = 10 * time.Second       // in a log
	everyJSON  = time.Second            // for a program
)

// A watch shows the progress of a crawl and turns signals into pauses.
type watch struct {
	crawl   *clew.Crawl
	screen  *screen
	log     *slog.Logger
	json    bool
	signals <-chan os.Signal
	exit    func(code int)

	state string
	pace  pace
}

// run watches until done.
func (w *watch) run(done <-chan struct{}) {
	w.state = "running"
	every := everyLine
	switch {
	case w.json:
		every = everyJSON
	case w.screen.live:
		every = everyFrame
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	defer w.screen.set("")
	for asked := 0; ; {
		select {
		case <-done:
			return
		case sig := <-w.signals:
			asked++
			w.stop(asked, sig)
		case <-ticker.C:
			w.tell()
		}
	}
}

// stop is what the signal does that comes as the nth.
func (w *watch) stop(nth int, sig os.Signal) {
	again := "press Ctrl+C again"
	if sig != os.Interrupt {
		again = "signal again"
	}
	switch nth {
	case 1:
		w.state = "pausing"
		w.say("pausing… " + again + " to stop at once")
	case 2:
		w.say("stopping at once; pages in flight will be fetched again")
	default:
		w.exit(exitSignal)
	}
	w.crawl.Pause()
}

// say writes a line for people; programs get it as a record of the log.
func (w *watch) say(text string) {
	if w.json {
		w.log.Info(text) //nolint:sloglint // one of two texts
		return
	}
	_, _ = w.screen.Write([]byte(text + "\n")) // the pause itself does not depend on it
}

// tell shows how far the crawl is.
func (w *watch) tell() {
	s := w.crawl.Stats()
	rate := w.pace.add(time.Now(), s.Pages)
	if w.screen.live && !w.json {
		w.screen.set(fmt.Sprintf("%s  %s  %.1f/s  %s  %d pending  %d failed  %s",
			w.state, count(s.Pages, "page"), rate, count(s.Items, "item"),
			s.Pending+s.Delayed, s.Failed, s.Elapsed.Round(time.Second)))
		return
	}
	w.log.Info("progress", "state", w.state, "pages", s.Pages, "pages_per_second", float64(int(rate*10))/10,
		"items", s.Items, "pending", s.Pending+s.Delayed, "failed", s.Failed, "elapsed", s.Elapsed.Round(100*time.Millisecond).String())
}

// pace tells pages per second, as of the last few seconds.
type pace struct {
	samples []sample
}

type sample struct {
	at    time.Time
	pages int64
}

// paceSpan is how far back a pace looks.
const paceSpan = 5 * time.Second

func (p *pace) add(now time.Time, pages int64) float64 {
	p.samples = append(p.samples, sample{now, pages})
	for len(p.samples) > 2 && now.Sub(p.samples[1].at) >= paceSpan {
		p.samples = p.samples[1:]
	}
	first := p.samples[0]
	if span := now.Sub(first.at); span > 0 {
		return float64(pages-first.pages) / span.Seconds()
	}
	return 0
}
