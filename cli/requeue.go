package cli

import (
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/clew-crawler/clew"
)

func (p *program) requeueCommand() *cobra.Command {
	var match string
	cmd := &cobra.Command{
		Use:   "requeue <dir>",
		Short: "Put failed requests back in the queue",
		Long: "Put the requests of a crawl that failed for good back in its queue, all of them\n" +
			"or those whose URL or reason a pattern matches. Run the crawl again to make them.",
		Example: p.name + " requeue ./crawl_data\n" +
			p.name + " requeue ./crawl_data --match 'status 50[0-9]'",
		DisableFlagsInUseLine: true,
		Args:                  p.oneDirectory,
		RunE: func(cmd *cobra.Command, args []string) error {
			pattern, err := regexp.Compile(match)
			if err != nil {
				return usage("a pattern in the syntax of Go's regexp package", "--match: %v", err)
			}
			n, err := clew.Requeue(cmd.Context(), args[0], func(f clew.Failure) bool {
				return pattern.MatchString(f.URL) || pattern.MatchString(f.Reason)
			})
			if err != nil {
				return p.hintDir(err, args[0])
			}
			_, err = fmt.Fprintf(p.out, "%s put back\n", count(int64(n), "request"))
			return err
		},
	}
	cmd.Flags().StringVar(&match, "match", "", "only requests whose URL or reason `PATTERN` matches")
	return cmd
}
