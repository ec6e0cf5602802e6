package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/clew-crawler/clew"
)

type requeueFlags struct {
	inspectFlags

	match string
	dry   bool
}

func (p *program) requeueCommand() *cobra.Command {
	f := new(requeueFlags)
	cmd := &cobra.Command{
		Use:   "requeue <dir> [flags]",
		Short: "Put failed requests back in the queue",
		Long: "Put the requests of a crawl that failed for good back in its queue, all of them\n" +
			"or those that match every flag given. Run the crawl again to make them.",
		Example: p.name + " requeue ./crawl_data\n" +
			p.name + " requeue ./crawl_data --reason 'status 50[0-9]' --dry-run\n" +
			p.name + " requeue ./crawl_data --host example.com --url '/products/'",
		DisableFlagsInUseLine: true,
		Args:                  p.oneDirectory,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.hintDir(p.requeue(cmd.Context(), args[0], f), args[0])
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.match, "match", "", "only requests whose URL or reason `PATTERN` matches")
	cmd.Flags().BoolVar(&f.dry, "dry-run", false, "list them, and put none back")
	cmd.Flags().IntVar(&f.limit, "limit", 0, "list at most `N` of them (default 50; with --json all)")
	cmd.Flags().BoolVar(&f.all, "all", false, "list all of them")
	cmd.Flags().BoolVar(&f.json, "json", false, "list one JSON object a line, or say as one how many were put back")
	return cmd
}

func (p *program) requeue(ctx context.Context, dir string, f *requeueFlags) error {
	if err := f.compile(); err != nil {
		return err
	}
	either, err := pattern("--match", f.match)
	if err != nil {
		return err
	}
	if f.match != "" {
		f.either = either
	}
	if f.dry {
		return p.inspect(ctx, dir, "failed", &f.inspectFlags)
	}
	n, err := clew.Requeue(ctx, dir, func(failure clew.Failure) bool { return f.matches(failed(&failure)) })
	switch {
	case err != nil:
		return err
	case f.json:
		return writeJSON(p.out, map[string]int{"requeued": n})
	}
	_, err = fmt.Fprintf(p.out, "%s put back\n", count(int64(n), "request"))
	return err
}
