package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clew-crawler/clew"
)

func (p *program) statusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status <dir> [flags]",
		Short: "Tell how far a crawl is",
		Long: "Tell how far the crawl in a directory is. It changes nothing, and works while\n" +
			"another process runs the crawl, and when none does.",
		Example:               p.name + " status ./crawl_data\n" + p.name + " status ./crawl_data --json",
		DisableFlagsInUseLine: true,
		Args:                  p.oneDirectory,
		RunE: func(_ *cobra.Command, args []string) error {
			i, err := clew.Inspect(args[0])
			if errors.Is(err, clew.ErrInUse) {
				return &hintedError{err, "again in a moment: the process that has it is only just beginning or ending"}
			}
			if err != nil {
				return p.hintDir(err, args[0])
			}
			if asJSON {
				return writeJSON(p.out, i)
			}
			_, err = io.WriteString(p.out, p.statusText(i))
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON object")
	return cmd
}

// shownFailures is how many of the failures are listed for people.
const shownFailures = 10

func (p *program) statusText(i *clew.Inspection) string {
	var b strings.Builder
	b.WriteString(p.summaryText(i))
	for n, f := range i.Failures {
		if n == shownFailures {
			fmt.Fprintf(&b, "  and %d more: %s inspect %s failed\n", i.Stats.Failed-int64(n), p.name, quote(i.Dir))
			break
		}
		if n == 0 {
			b.WriteString("failed requests\n")
		}
		fmt.Fprintf(&b, "  %s: %s (%s)\n", printable(f.URL), printable(f.Reason), count(int64(f.Attempts), "attempt"))
	}
	return b.String()
}

// summaryText is what a look at the counters tells.
func (p *program) summaryText(i *clew.Inspection) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-9s %s\n", name, fmt.Sprintf(format, args...))
	}
	s := &i.Stats
	line("crawl", "%s", i.Spider)
	line("state", "%s", describeState(i))
	line("pages", "%d, %.1f a second", s.Pages, s.PagesPerSecond)
	line("items", "%d in %s", s.Items, filepath.Join(i.Dir, "items.jsonl"))
	line("left", "%d pending, %d to be tried again later, %d in flight", s.Pending-int64(s.InFlight), s.Delayed, s.InFlight)
	line("failed", "%d", s.Failed)
	line("fetches", "%d, %s; %s", s.Fetches, plural(s.Retries, "retry", "retries"), statuses(s.Statuses))
	line("time", "%s over %s", round(s.Elapsed), count(int64(s.Runs), "run"))
	if i.Down > 0 {
		line("hosts", "%s cannot be reached now", count(int64(i.Down), "host"))
	}
	return b.String()
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func describeState(i *clew.Inspection) string {
	text := string(i.State)
	switch i.State {
	case clew.StateRunning, clew.StatePausing:
		text += fmt.Sprintf(", by process %d", i.PID)
	case clew.StatePaused:
		text += ", run it again to go on"
	case clew.StateInterrupted:
		text += ", its process died; run it again to go on"
	case clew.StateFinished:
	}
	if i.Reason != "" {
		text += " (" + i.Reason + ")"
	}
	return text
}

func statuses(n map[int]int64) string {
	if len(n) == 0 {
		return "no answers yet"
	}
	var parts []string
	for _, code := range slices.Sorted(maps.Keys(n)) {
		parts = append(parts, fmt.Sprintf("%d× %d", n[code], code))
	}
	return strings.Join(parts, ", ")
}

func (p *program) pauseCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "pause <dir>",
		Short: "Pause a crawl that another process runs",
		Long: "Pause the crawl in a directory that another process runs: its pages in flight\n" +
			"finish, everything is committed, and that process ends. This command waits for it.",
		Example:               p.name + " pause ./crawl_data",
		DisableFlagsInUseLine: true,
		Args:                  p.oneDirectory,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.hintDir(p.pause(cmd.Context(), args[0]), args[0])
		},
	}
}

// pausePoll is how often a pausing crawl is looked at.
const pausePoll = 100 * time.Millisecond

func (p *program) pause(ctx context.Context, dir string) error {
	if err := clew.RequestPause(ctx, dir); err != nil {
		return err
	}
	ticker := time.NewTicker(pausePoll)
	defer ticker.Stop()
	for {
		i, err := clew.Inspect(dir)
		if err != nil && !errors.Is(err, clew.ErrInUse) { // it is just letting go of the directory
			return err
		}
		if err == nil && i.State != clew.StateRunning && i.State != clew.StatePausing {
			_, err := fmt.Fprintf(p.out, "%s: %s, %s, %s left\n", i.State,
				count(i.Stats.Pages, "page"), count(i.Stats.Items, "item"), count(i.Stats.Pending+i.Stats.Delayed, "request"))
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
