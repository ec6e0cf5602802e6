package cli

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clew-crawler/clew"
)

func (p *program) salvageCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "salvage <dir> [flags]",
		Short: "Bring back what can be read of a damaged crawl",
		Long: "Build a sound crawl from what can be read of a damaged one, and put it in its place.\n" +
			"The damaged one is kept whole, in a folder below. The directory may also be a folder\n" +
			"in which a damaged crawl was set aside. The exit code is 4 if something was lost.",
		Example:               p.name + " salvage ./crawl_data\n" + p.name + " salvage ./crawl_data/20260102T150405-damaged",
		DisableFlagsInUseLine: true,
		Args:                  p.oneDirectory,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := clew.Salvage(cmd.Context(), args[0])
			if err != nil {
				if errors.Is(err, clew.ErrDamaged) { // nothing could be brought back
					err = &hintedError{err, "the crawl again to set it aside and begin anew"}
				}
				return p.hintDir(err, args[0])
			}
			if asJSON {
				err = writeJSON(p.out, s)
			} else {
				_, err = io.WriteString(p.out, p.salvageText(s))
			}
			if err == nil && len(s.Lost) > 0 {
				return &hintedError{errLost, "the crawl again to go on with what was brought back"}
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON object")
	return cmd
}

func (p *program) salvageText(s *clew.Salvaged) string {
	if s.Sound {
		return "nothing is wrong with this crawl, and nothing was changed\n"
	}
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-9s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("crawl", "%s", s.Spider)
	line("items", "%d in %s", s.Items, filepath.Join(s.Dir, "items.jsonl"))
	line("left", "%d pending", s.Pending)
	line("failed", "%d", s.Failed)
	line("known", "%s", count(s.Known, "URL"))
	line("damaged", "kept in %s", s.Aside)
	if len(s.Lost) == 0 {
		b.WriteString("everything was brought back\n")
		return b.String()
	}
	b.WriteString("lost\n")
	for _, lost := range s.Lost {
		fmt.Fprintf(&b, "  %s\n", lost)
	}
	return b.String()
}
