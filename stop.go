package clew

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// A stopper is the one mechanism of every stop. The first reason ends leasing,
// the second one, or the pause timeout, gives up what is in flight.
type stopper struct {
	soft   chan struct{} // closed: lease nothing more
	hard   chan struct{} // closed: give up what is in flight
	nudged chan struct{} // something outside the frontier changed
	log    *slog.Logger

	mu     sync.Mutex
	reason string
	timer  *time.Timer
	limit  time.Duration
}

func newStopper(pauseTimeout time.Duration, log *slog.Logger) *stopper {
	return &stopper{
		soft: make(chan struct{}), hard: make(chan struct{}), nudged: make(chan struct{}, 1),
		limit: pauseTimeout, log: log,
	}
}

// stop asks for a pause; asked again it changes nothing.
func (s *stopper) stop(reason string) {
	if s.close(s.soft, reason) {
		s.log.Info("pausing: pages in flight finish", "reason", reason, "timeout", s.limit)
	}
}

// close closes one of the channels and reports whether it was open. The log is not
// written under the lock, since whoever writes it may ask the crawl something.
func (s *stopper) close(c chan struct{}, reason string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if isClosed(c) {
		return false
	}
	if c == s.soft {
		s.reason = reason
		s.timer = time.AfterFunc(s.limit, func() { s.force("pause timeout") })
	}
	close(c)
	return true
}

// force gives up what is in flight.
func (s *stopper) force(reason string) {
	s.stop(reason)
	if s.close(s.hard, reason) {
		s.log.Warn("giving up pages in flight; they will be fetched again", "reason", reason)
	}
}

// again asks for a pause, or gives up what is in flight if one was asked for.
func (s *stopper) again(reason string) {
	if s.stopped() {
		s.force(reason)
		return
	}
	s.stop(reason)
}

func (s *stopper) stopped() bool { return isClosed(s.soft) }

// why returns the reason of the first stop, "" if there was none.
func (s *stopper) why() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason
}

func (s *stopper) nudge() {
	select {
	case s.nudged <- struct{}{}:
	default:
	}
}

// release stops the timer.
func (s *stopper) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
}

// watch turns the context, the time limit and signals into stops until done.
func (s *stopper) watch(ctx context.Context, o *options, done <-chan struct{}) {
	var limit <-chan time.Time
	if o.maxDuration > 0 {
		timer := time.NewTimer(o.maxDuration)
		defer timer.Stop()
		limit = timer.C
	}
	var signals chan os.Signal
	if o.signals {
		signals = make(chan os.Signal, 3)
		signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		defer signal.Stop(signals)
	}
	cancelled := ctx.Done()
	for n := 0; ; {
		select {
		case <-done:
			return
		case <-cancelled:
			s.stop("context ended: " + context.Cause(ctx).Error())
			cancelled = nil
		case <-limit:
			s.stop("time limit of " + o.maxDuration.String() + " reached")
		case sig := <-signals:
			n++
			if n == 3 {
				s.log.Error("third signal: exiting at once")
				os.Exit(exitSignal)
			}
			s.again("signal: " + sig.String())
		}
	}
}

// exitSignal is the exit code after a third signal: as a shell reports SIGINT.
const exitSignal = 130
