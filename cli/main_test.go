package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/clew-crawler/clew"
)

// asMain in the environment makes the test binary the command itself, for tests
// of what only a process of its own can show.
const asMain = "CLEW_TEST_AS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		os.Exit(Main())
	}
	goleak.VerifyTestMain(m)
}

// A terminal is where a test types commands.
type terminal struct {
	program
	out, err bytes.Buffer
	signals  chan os.Signal
	exited   chan int
}

func newTerminal() *terminal {
	t := &terminal{signals: make(chan os.Signal, 3), exited: make(chan int, 1)}
	t.program = program{
		name: "clew", invoked: "clew", in: strings.NewReader(""), out: &t.out, err: &t.err,
		notify: func() (<-chan os.Signal, func()) { return t.signals, func() {} },
		exit:   func(code int) { t.exited <- code },
	}
	return t
}

// typed runs a command line and returns its exit code and what it wrote.
func typed(t *testing.T, args ...string) (code int, out, err string) {
	t.Helper()
	term := newTerminal()
	code = term.run(t.Context(), args)
	return code, term.out.String(), term.err.String()
}

// crawlDir is a place for a crawl, which is checked when the test ends.
func crawlDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "crawl")
	t.Cleanup(func() { checkDir(t, dir) })
	return dir
}

func checkDir(t *testing.T, dir string) {
	t.Helper()
	if err := clew.Check(context.Background(), dir); err != nil {
		t.Errorf("check %s: %v", dir, err)
	}
}

// start runs a command line in the background.
func (t *terminal) start(ctx context.Context, args ...string) <-chan int {
	ended := make(chan int, 1)
	go func() { ended <- t.run(ctx, args) }()
	return ended
}
