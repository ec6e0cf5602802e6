package clew

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// openLog makes the logger of a crawl: the spider's own or text on standard error,
// the log file as well, and a count of records by level.
func (s *Spider) openLog() (*slog.Logger, *logCounts, io.Closer, error) {
	counts := &logCounts{n: map[string]int64{}}
	opts := &slog.HandlerOptions{Level: s.LogLevel}
	var handlers []slog.Handler
	if s.Logger != nil {
		handlers = append(handlers, s.Logger.Handler())
	} else {
		handlers = append(handlers, slog.NewTextHandler(os.Stderr, opts))
	}
	var closer io.Closer = io.NopCloser(nil)
	if s.LogFile != "" {
		if err := os.MkdirAll(filepath.Dir(s.LogFile), 0o750); err != nil {
			return nil, nil, nil, fmt.Errorf("create folder of log file: %w", err)
		}
		f, err := os.OpenFile(s.LogFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("open log file: %w", err)
		}
		handlers = append(handlers, slog.NewTextHandler(f, opts))
		closer = f
	}
	return slog.New(&logHandler{to: handlers, counts: counts}).With("spider", s.Name), counts, closer, nil
}

// logCounts counts log records by level.
type logCounts struct {
	mu sync.Mutex
	n  map[string]int64
}

func (c *logCounts) counts() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.n)
}

// A logHandler passes records on to several handlers and counts them.
type logHandler struct {
	to     []slog.Handler
	counts *logCounts
}

func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	for _, to := range h.to {
		if to.Enabled(ctx, level) {
			return true
		}
	}
	return false
}

func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	r = withoutEmpty(r)
	h.counts.mu.Lock()
	h.counts.n[strings.ToLower(r.Level.String())]++
	h.counts.mu.Unlock()
	var errs []error
	for _, to := range h.to {
		if to.Enabled(ctx, r.Level) {
			errs = append(errs, to.Handle(ctx, r.Clone()))
		}
	}
	return errors.Join(errs...)
}

// optional is the value of an attribute that is left out when it is empty.
type optional string

// withoutEmpty is a record without the optional attributes that are empty.
func withoutEmpty(r slog.Record) slog.Record {
	var kept []slog.Attr
	r.Attrs(func(a slog.Attr) bool {
		if a.Value.Kind() != slog.KindAny || a.Value.Any() != any(optional("")) {
			kept = append(kept, a)
		}
		return true
	})
	if len(kept) == r.NumAttrs() {
		return r
	}
	short := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	short.AddAttrs(kept...)
	return short
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.derive(func(to slog.Handler) slog.Handler { return to.WithAttrs(attrs) })
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	return h.derive(func(to slog.Handler) slog.Handler { return to.WithGroup(name) })
}

func (h *logHandler) derive(f func(slog.Handler) slog.Handler) slog.Handler {
	d := &logHandler{counts: h.counts}
	for _, to := range h.to {
		d.to = append(d.to, f(to))
	}
	return d
}
