package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// A stop is one way to end a crawl before it is finished.
type stop struct {
	name  string
	title string
	times int // how often; 0 leaves the crawl alone
	// strike makes the process stop; it may be one that ends by itself just now.
	strike func(t *trial, p *process) error
	// between happens when the process has ended, before the next run.
	between func(t *trial) error
	disk    bool // the crawl stands on a small disk of its own
}

// pause is the time between two signals of a hand that is not patient.
const pause = 500 * time.Millisecond

// stuck is how long a peer may go on after a stop before somebody does more.
const stuck = 15 * time.Second

// errSkip says that a stop makes no sense for a peer, or cannot be had here.
var errSkip = errors.New("not measured")

// stops are all there are, in the order of the table.
func stops() []stop {
	return []stop{
		{name: "none", title: "none"},
		{name: "kill", title: "SIGKILL at a third", times: 1, strike: send(syscall.SIGKILL)},
		{name: "kill5", title: "SIGKILL five times", times: 5, strike: send(syscall.SIGKILL)},
		{name: "int", title: "SIGINT", times: 1, strike: send(syscall.SIGINT)},
		{name: "int2", title: "SIGINT twice", times: 1, strike: twice},
		{name: "term", title: "SIGTERM", times: 1, strike: send(syscall.SIGTERM)},
		{name: "disk", title: "disk full, then space again", times: 1, strike: fill, between: free, disk: true},
		{name: "flip", title: "SIGINT, 16 bytes of the state turned", times: 1, strike: send(syscall.SIGINT), between: damage(flip)},
		{name: "cut", title: "SIGINT, half of the state cut off", times: 1, strike: send(syscall.SIGINT), between: damage(cut)},
	}
}

func stopNames() []string {
	var names []string
	for _, s := range stops() {
		names = append(names, s.name)
	}
	return names
}

func send(sig syscall.Signal) func(*trial, *process) error {
	return func(_ *trial, p *process) error {
		p.signal(sig)
		return nil
	}
}

// twice sends a second SIGINT while answers to the last requests are still out,
// as somebody does who is tired of waiting.
func twice(t *trial, p *process) error {
	held, letGo := t.web.hold()
	defer letGo()
	waitFor(held, pause)
	p.signal(syscall.SIGINT)
	if waitFor(p.done, pause) {
		return nil
	}
	p.signal(syscall.SIGINT)
	waitFor(p.done, stuck)
	return nil
}

// waitFor reports whether the channel was closed in time.
func waitFor(done <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// diskSize is small, so that it is soon full, and large enough for each crawl.
const diskSize = "64m"

// mount puts a disk of its own under a crawl. Only root can do that.
func mount(ctx context.Context, dir string) (unmount func() error, err error) {
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("%w: a small disk can be had by root only", errSkip)
	}
	if _, err := output(ctx, "mount", "-t", "tmpfs", "-o", "size="+diskSize, "tmpfs", dir); err != nil {
		return nil, fmt.Errorf("%w: %w", errSkip, err)
	}
	return func() error {
		_, err := output(context.WithoutCancel(ctx), "umount", dir)
		return err
	}, nil
}

func (t *trial) ballast() string { return filepath.Join(t.dir, "ballast") }

// fill leaves no space on the disk and waits for what the peer does about that.
func fill(t *trial, p *process) error {
	_, letGo := t.web.hold() // or a quick peer would be through first
	err := t.pour()
	letGo()
	if err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	if waitFor(p.done, stuck) {
		return nil
	}
	p.note = "stuck until SIGINT, "
	p.signal(syscall.SIGINT) // what whoever watches it would try first
	if waitFor(p.done, stuck) {
		return nil
	}
	p.note = "stuck even after SIGINT, "
	p.signal(syscall.SIGKILL)
	return nil
}

// pour writes until there is no space left.
func (t *trial) pour() error {
	file, err := os.Create(t.ballast()) //nolint:gosec // below the folder that the user named
	if err != nil {
		return err
	}
	_, err = io.Copy(file, zeros{})
	if cerr := file.Close(); !errors.Is(err, syscall.ENOSPC) {
		return errors.Join(err, cerr)
	}
	return nil
}

// free makes space again.
func free(t *trial) error { return os.Remove(t.ballast()) } //nolint:gosec // below the folder that the user named

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// damage changes the greatest file that the peer would resume from.
func damage(how func(path string, size int64) error) func(*trial) error {
	return func(t *trial) error {
		path, size, err := t.greatest()
		if err != nil {
			return err
		}
		if size == 0 {
			return fmt.Errorf("%w: it keeps no state", errSkip)
		}
		return how(path, size)
	}
}

// greatest finds the greatest file of the state.
func (t *trial) greatest() (path string, size int64, err error) {
	if t.peer.state == nil {
		return "", 0, nil
	}
	err = filepath.WalkDir(t.dir, func(name string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || !t.peer.state.MatchString(filepath.ToSlash(name[len(t.dir):])) {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Size() > size {
			path, size = name, info.Size()
		}
		return err
	})
	return path, size, err
}

// flip turns every bit of 16 bytes in the middle.
func flip(path string, size int64) (err error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // below the folder that the user named
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	b := make([]byte, min(16, size))
	at := (size - int64(len(b))) / 2
	if _, err := file.ReadAt(b, at); err != nil {
		return err
	}
	for i := range b {
		b[i] = ^b[i]
	}
	_, err = file.WriteAt(b, at)
	return err
}

func cut(path string, size int64) error { return os.Truncate(path, size/2) }
