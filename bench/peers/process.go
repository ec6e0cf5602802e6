package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// A process is one run of a peer.
type process struct {
	cmd  *exec.Cmd
	log  *os.File
	done chan struct{}
	hung bool   // killed for getting nowhere; once done
	note string // what it took to end it; written by who started it
}

// longest is after how many limits a process is killed in any case.
const longest = 20

// launch starts a command whose output goes to a file, and kills it when it makes
// no progress for as long as the limit.
func launch(ctx context.Context, command []string, log string, limit time.Duration, progress func() int) (*process, error) {
	file, err := os.Create(log) //nolint:gosec // below the folder that the user named
	if err != nil {
		return nil, err
	}
	p := &process{log: file, done: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // a peer that was installed
	p.cmd.Stdout, p.cmd.Stderr = file, file
	// A signal for this program is not one for a peer.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	ended := make(chan struct{})
	go func() {
		_ = p.cmd.Wait() // how it ended is in its state
		close(ended)
	}()
	go func() {
		defer close(p.done)
		p.hung = stalls(ended, limit, progress)
		if p.hung {
			p.signal(syscall.SIGKILL)
			<-ended
		}
	}()
	return p, nil
}

// stalls waits for the end of a process, and reports true if it came to a
// standstill before.
func stalls(ended <-chan struct{}, limit time.Duration, progress func() int) bool {
	before := -1
	for range longest {
		if waitFor(ended, limit) {
			return false
		}
		now := progress()
		if now == before {
			return true
		}
		before = now
	}
	return true
}

// signal sends a signal to a process that may have ended.
func (p *process) signal(sig syscall.Signal) {
	_ = p.cmd.Process.Signal(sig) // it fails only when there is nobody to send it to
}

// A verdict is what a peer says of one run.
type verdict struct {
	how        string // as the table says it
	finished   bool
	hung       bool
	complaints []string // lines of its log
}

// wait returns the verdict once the process has ended.
func (p *process) wait(of *peer) (*verdict, error) {
	<-p.done
	if err := p.log.Close(); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(p.log.Name())
	if err != nil {
		return nil, err
	}
	v := &verdict{hung: p.hung}
	for line := range strings.Lines(string(text)) {
		if of.complaint.MatchString(line) {
			v.complaints = append(v.complaints, strings.TrimSpace(line))
		}
	}
	said := ""
	switch {
	case of.finished.Match(text):
		said = "finished, "
	case of.paused.Match(text):
		said = "paused, "
	}
	status, _ := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case p.hung:
		v.how = "did not end"
	case status.Signaled():
		v.how = p.note + "died of " + signalName(status.Signal())
	default:
		v.how = fmt.Sprintf("%s%sexit code %d", p.note, said, status.ExitStatus())
		v.finished = said == "finished, " && status.ExitStatus() == 0
	}
	if len(v.complaints) > 0 {
		v.how += ", errors logged"
	}
	return v, nil
}

// signalName spells a signal as people do who send it.
func signalName(sig syscall.Signal) string {
	names := map[syscall.Signal]string{syscall.SIGKILL: "SIGKILL", syscall.SIGINT: "SIGINT", syscall.SIGTERM: "SIGTERM"}
	return cmp.Or(names[sig], sig.String())
}
