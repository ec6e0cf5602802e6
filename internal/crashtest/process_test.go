package crashtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// patience is how long a child may take for anything before the test gives up.
const patience = 2 * time.Minute

// A process is a child that crawls.
type process struct {
	tb     testing.TB
	cmd    *exec.Cmd
	stderr bytes.Buffer
	events chan told     // what it says; closed when it has ended
	done   chan struct{} // closed after that
	last   told          // the event "ended", once done
	err    error         // of Wait, once done
}

// launch starts a child.
func launch(tb testing.TB, o order) *process {
	tb.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		tb.Fatal(err)
	}
	p := &process{tb: tb, events: make(chan told, 16), done: make(chan struct{})}
	p.cmd = exec.CommandContext(tb.Context(), os.Args[0])
	p.cmd.Env = append(append(os.Environ(), orderVariable+"="+string(text), "GOTRACEBACK=single"), o.Env...)
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() {
		defer close(p.done)
		defer close(p.events)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			var e told
			if json.Unmarshal(lines.Bytes(), &e) != nil {
				continue // a line that a kill cut off
			}
			if e.Event == "ended" {
				p.last = e
				continue
			}
			p.events <- e
		}
		p.err = p.cmd.Wait()
	}()
	tb.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		<-p.done
	})
	return p
}

// signal sends the child a signal; that it has ended already is no mistake.
func (p *process) signal(sig syscall.Signal) {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.tb.Errorf("signal child: %v", err)
	}
}

// expect waits until the child says event.
func (p *process) expect(event string) told {
	p.tb.Helper()
	deadline := time.After(patience)
	for {
		select {
		case e, ok := <-p.events:
			if !ok {
				p.tb.Fatalf("child ended before it said %q: %v\n%s", event, p.err, p.stderr.String())
			}
			if e.Event == event {
				return e
			}
		case <-deadline:
			p.tb.Fatalf("child did not say %q", event)
		}
	}
}

// wait returns the exit code of the child, -1 if a signal ended it.
func (p *process) wait() int {
	p.tb.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.signal(syscall.SIGQUIT)
		<-p.done
		p.tb.Fatalf("child did not end within %v:\n%s", patience, p.stderr.String())
	}
	return p.cmd.ProcessState.ExitCode()
}

// kill ends the child at once and waits until it is gone.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// killAfter ends the child when the signal comes. It reports false if the child
// had ended by itself.
func (p *process) killAfter(instant <-chan struct{}) bool {
	p.tb.Helper()
	select {
	case <-instant:
	case <-p.done:
		return false
	case <-time.After(patience):
		p.signal(syscall.SIGQUIT)
		<-p.done
		p.tb.Fatalf("child made no progress for %v:\n%s", patience, p.stderr.String())
	}
	p.kill()
	return p.cmd.ProcessState.ExitCode() == -1
}

// in returns a channel that is closed after a time.
func in(d time.Duration) <-chan struct{} {
	c := make(chan struct{})
	time.AfterFunc(d, func() { close(c) })
	return c
}
