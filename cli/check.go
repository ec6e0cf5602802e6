package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clew-crawler/clew"
)

// A verdict is what came of checking a directory.
type verdict struct {
	Dir      string           `json:"dir"`
	OK       bool             `json:"ok"`
	Findings []string         `json:"findings,omitempty"`
	State    clew.CrawlState  `json:"state,omitempty"`
	Verified map[string]int64 `json:"verified,omitempty"` // how many of each
}

func (p *program) checkCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check <dir> [flags]",
		Short: "Verify everything in a crawl directory",
		Long: "Read everything in a crawl directory that nobody runs, and report every\n" +
			"contradiction: requests, fingerprints and hosts against the books, items against\n" +
			"their checksums, the report against the items. It changes nothing. To check a\n" +
			"crawl that runs, check a snapshot of it.\n\n" +
			"The exit code is 4 if anything is wrong.",
		Example:               p.name + " check ./crawl_data\n" + p.name + " check ./crawl_data --json",
		DisableFlagsInUseLine: true,
		Args:                  p.oneDirectory,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := clew.Check(cmd.Context(), args[0])
			if errors.Is(err, clew.ErrInUse) {
				return &hintedError{err, p.name + " snapshot " + quote(args[0]) + " ./copy, and check that"}
			}
			if err != nil && !errors.Is(err, clew.ErrDamaged) {
				return p.hintDir(err, args[0])
			}
			return p.verdict(args[0], err, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON object")
	return cmd
}

// verdict tells what a check has found.
func (p *program) verdict(dir string, found error, asJSON bool) error {
	v := verdict{Dir: dir, OK: found == nil, Findings: findings(found)}
	if v.OK {
		i, err := clew.Inspect(dir)
		if err != nil {
			return p.hintDir(err, dir)
		}
		s := &i.Stats
		v.State = i.State
		v.Verified = map[string]int64{
			"pending": s.Pending, "delayed": s.Delayed, "failed": s.Failed, "seen": s.Seen,
			"items": s.Items, "item_bytes": s.ItemBytes,
		}
	}
	if asJSON {
		if err := writeJSON(p.out, v); err != nil {
			return err
		}
	} else if err := p.verdictText(&v); err != nil {
		return err
	}
	if v.OK {
		return nil
	}
	return p.hintDir(fmt.Errorf("%w: %s in %s", clew.ErrDamaged, count(int64(len(v.Findings)), "finding"), dir), dir)
}

func (p *program) verdictText(v *verdict) error {
	var b strings.Builder
	for _, text := range v.Findings {
		b.WriteString(printable(text) + "\n")
	}
	if n := v.Verified; v.OK {
		fmt.Fprintf(&b, "%d pending, %d delayed and %s\n", n["pending"], n["delayed"], count(n["failed"], "failed request"))
		if v.State != clew.StateFinished || n["failed"] > 0 {
			fmt.Fprintf(&b, "%s\n", count(n["seen"], "fingerprint"))
		}
		fmt.Fprintf(&b, "%s in %s\nOK, %s\n", count(n["items"], "item"), size(n["item_bytes"]), v.State)
	}
	if _, err := fmt.Fprint(p.out, b.String()); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	return nil
}

// findings takes joined errors apart, one line for each.
func findings(err error) []string {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok && strings.Contains(err.Error(), "\n") {
		var all []string
		for _, e := range joined.Unwrap() {
			all = append(all, findings(e)...)
		}
		return all
	}
	return []string{strings.TrimPrefix(oneLine(err), clew.ErrDamaged.Error()+": ")}
}
