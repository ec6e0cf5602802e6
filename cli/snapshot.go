package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/clew-crawler/clew"
)

func (p *program) snapshotCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "snapshot <dir> <dest>",
		Short: "Copy a crawl, also while it runs",
		Long: "Copy the crawl in a directory to dest, which may be an empty folder or nothing.\n" +
			"A crawl that runs goes on meanwhile: the copy is as one of its commits left it.\n" +
			"The copy is a crawl of its own; run it with its directory as --crawl-dir.\n\n" +
			"If anything fails dest is not there.",
		Example:               p.name + " snapshot ./crawl_data ./copy",
		DisableFlagsInUseLine: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage(cmd.CommandPath()+" ./crawl_data ./copy", "snapshot takes a crawl directory and the name of the copy, not %s",
					count(int64(len(args)), "argument"))
			}
			return p.oneDirectory(cmd, args[:1])
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, dest := args[0], args[1]
			if err := clew.Snapshot(cmd.Context(), dir, dest); err != nil {
				if errors.Is(err, fs.ErrExist) {
					err = &hintedError{err, "the name of a folder that is empty, or not there yet"}
				}
				return p.hintDir(err, dir)
			}
			i, err := clew.Inspect(dest)
			if err != nil {
				return p.hintDir(err, dest)
			}
			_, err = fmt.Fprintf(p.out, "%s: %s, %s, %s left\n", dest+string(os.PathSeparator), count(i.Stats.Pages, "page"),
				count(i.Stats.Items, "item"), count(i.Stats.Pending+i.Stats.Delayed, "request"))
			return err
		},
	}
}
