package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// figures are what one run came to.
type figures struct {
	Job       string  `json:"job"`
	Peer      string  `json:"peer"`
	Round     int     `json:"round"`
	Pages     int     `json:"pages"`
	Seconds   float64 `json:"seconds"`   // from the first request to the end of the process
	Before    float64 `json:"before"`    // seconds from its start to the first request
	Processor float64 `json:"processor"` // seconds, user and system, from its start
	Start     float64 `json:"start"`     // of them, what the peer took for a site of one page
	Peak      float64 `json:"peak"`      // MB
	Seen      tally   `json:"seen"`
	Doubled   int     `json:"doubled"`           // items that the output has once more
	Problem   string  `json:"problem,omitempty"` // why it has no rank
}

func (f *figures) rate() float64 { return float64(f.Pages) / f.Seconds }
func (f *figures) cost() float64 { return 1000 * (f.Processor - f.Start) / float64(f.Pages) }

func (f *figures) String() string {
	if f.Problem != "" {
		return f.Problem
	}
	return fmt.Sprintf("%d pages, %.0f pages/s, %.3f ms of processor per page, %.0f MB", f.Pages, f.rate(), f.cost(), f.Peak)
}

// run measures one run of a peer against a server of its own.
func (r *race) run(ctx context.Context, p *entrant, j *job, pages int) (*figures, error) {
	dir := filepath.Join(r.cfg.work, "crawls", p.name)
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o750)); err != nil {
		return nil, err
	}
	f := &figures{Pages: pages, Start: p.start}
	server, err := r.host.startServer(ctx, j.name, f.Pages, r.cfg.corpus)
	if err != nil {
		return nil, err
	}
	command := append(append(append([]string(nil), p.in.command...), server.url, dir), append(p.args, j.name)...)
	began, ended, err := r.clock(ctx, f, command, dir+".log")
	seen, serr := server.end()
	if err := errors.Join(err, serr, ctx.Err()); err != nil {
		return nil, err
	}
	f.Seen = *seen
	f.Seconds, f.Before = ended.Sub(seen.First).Seconds(), seen.First.Sub(began).Seconds()
	wrong := ""
	if p.items != "" {
		if wrong, f.Doubled, err = faults(filepath.Join(dir, p.items), f.Pages); err != nil {
			return nil, err
		}
	}
	if f.Problem == "" && seen.Unseen > 0 {
		f.Problem = fmt.Sprintf("%d pages never fetched", seen.Unseen)
	}
	if f.Problem == "" {
		f.Problem = wrong
	}
	return f, os.RemoveAll(dir)
}

// clock runs a command and takes its processor time and memory.
func (r *race) clock(ctx context.Context, f *figures, command []string, log string) (began, ended time.Time, err error) {
	file, err := os.Create(log) //nolint:gosec // below the folder that the user named
	if err != nil {
		return began, ended, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	limited, cancel := context.WithTimeout(ctx, r.cfg.limit)
	defer cancel()
	cmd := r.host.pinned(limited, 1, command...)
	cmd.Stdout, cmd.Stderr = file, file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	began = time.Now()
	if err := cmd.Start(); err != nil {
		return began, ended, err
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is in its state
		ended = time.Now()
		close(done)
	}()
	f.Peak = watch(cmd.Process.Pid, done)
	f.Processor = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	switch {
	case limited.Err() != nil:
		f.Problem = fmt.Sprintf("not finished after %v", r.cfg.limit)
	case !cmd.ProcessState.Success():
		f.Problem = cmd.ProcessState.String()
	}
	return began, ended, nil
}

// watch returns the most memory, in MB, that a process and those it has started
// had together, until it is done.
func watch(pid int, done <-chan struct{}) float64 {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	most := 0
	for {
		select {
		case <-done:
			return float64(most) / 1024
		case <-ticker.C:
			most = max(most, tree(pid))
		}
	}
}

// tree adds the peaks of a process and of those it has started, in KB; 0 where the
// kernel does not tell.
func tree(pid int) int {
	sum := 0
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // gone is nothing
	for line := range strings.Lines(string(status)) {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			sum, _ = strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
		}
	}
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for child := range strings.FieldsSeq(string(children)) {
		if n, err := strconv.Atoi(child); err == nil {
			sum += tree(n)
		}
	}
	return sum
}

// A site process is one server.
type siteProcess struct {
	url string
	cmd *exec.Cmd
	in  io.Closer
	out *bufio.Reader
}

// startServer starts a server of a site that no peer has seen yet.
func (h host) startServer(ctx context.Context, job string, pages int, corpus string) (*siteProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &siteProcess{cmd: h.pinned(ctx, 0, self, serveRole, job, fmt.Sprint(pages), corpus)}
	s.cmd.Stderr = os.Stderr
	in, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	s.in, s.out = in, bufio.NewReader(out)
	line, err := s.out.ReadString('\n')
	if err != nil {
		_, eerr := s.end()
		return nil, fmt.Errorf("start the server: %w", errors.Join(err, eerr))
	}
	s.url = strings.TrimSpace(line)
	return s, nil
}

// end stops the server and returns what it has seen.
func (s *siteProcess) end() (*tally, error) {
	err := s.in.Close()
	seen := new(tally)
	err = errors.Join(err, json.NewDecoder(s.out).Decode(seen), s.cmd.Wait())
	if err != nil {
		return nil, fmt.Errorf("end the server: %w", err)
	}
	return seen, nil
}
