package cli

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/clew-crawler/clew"
)

// Main runs the command line of this process and returns its exit code. Without
// spiders it is the command clew; with spiders it can run those:
//
//	func main() { os.Exit(cli.Main(quotes, authors)) }
func Main(spiders ...*clew.Spider) int {
	p := &program{
		name: "clew", invoked: os.Args[0], spiders: spiders,
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		notify: notifySignals, exit: os.Exit,
	}
	if len(spiders) > 0 {
		p.name = strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	}
	return p.run(context.Background(), os.Args[1:])
}

// A program is one run of a command line.
type program struct {
	name    string // in help and messages
	invoked string // how the process was started
	args    []string
	spiders []*clew.Spider

	in       io.Reader
	out, err io.Writer
	notify   func() (signals <-chan os.Signal, stop func())
	exit     func(code int) // ends the process at once
}

func (p *program) run(ctx context.Context, args []string) int {
	p.args = args
	err := checkSpiders(p.spiders)
	if err == nil {
		root := p.root()
		root.SetArgs(args)
		err = root.ExecuteContext(ctx)
	}
	if text := p.describe(err); text != "" {
		_, _ = io.WriteString(p.err, text) // there is nowhere else to say it
	}
	return exitCode(err)
}

// checkSpiders reports what would make spiders impossible to tell apart.
func checkSpiders(spiders []*clew.Spider) error {
	names := map[string]bool{}
	for i, s := range spiders {
		switch {
		case s == nil:
			return fmt.Errorf("spider %d of %d is nil", i+1, len(spiders))
		case names[s.Name]:
			return fmt.Errorf("two spiders are named %q", s.Name)
		}
		names[s.Name] = true
	}
	return nil
}

// root builds the command tree.
func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   p.name,
		Short: "Crawl web sites, and resume exactly after any stop",
		Long: "Crawl web sites, and resume exactly after any stop: Ctrl+C, kill -9 or a power\n" +
			"cut. Run the same command again and it goes on where it was; no page that was\n" +
			"committed is fetched twice.",
		Annotations:                map[string]string{exitCodes: "all"},
		SilenceUsage:               true,
		SilenceErrors:              true,
		SuggestionsMinimumDistance: 2,
		CompletionOptions:          cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:                       p.knownCommand,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	root.SetFlagErrorFunc(p.flagError)
	root.SetHelpFunc(p.help)
	if len(p.spiders) == 0 {
		root.AddCommand(p.crawlCommand(), p.demoCommand(), p.demoRunCommand())
		root.Example = "clew demo\n" +
			"clew crawl https://example.com --crawl-dir ./crawl_data\n" +
			"clew status ./crawl_data"
	} else {
		root.AddCommand(p.runCommand())
		root.Example = p.name + " run --crawl-dir ./crawl_data\n" + p.name + " status ./crawl_data"
	}
	root.AddCommand(p.statusCommand(), p.inspectCommand(), p.pauseCommand(), p.requeueCommand(), p.salvageCommand(),
		p.snapshotCommand(), p.checkCommand(), p.versionCommand())
	return root
}

// knownCommand refuses what is left of a command line that names no command.
func (p *program) knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := p.name + " --help"
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = p.name + " " + near[0]
	}
	return usage(hint, "unknown command %q", args[0])
}

// notifySignals delivers the signals that pause a crawl.
func notifySignals() (<-chan os.Signal, func()) {
	signals := make(chan os.Signal, 3)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	return signals, func() { signal.Stop(signals) }
}

// again is the command line that was given, to be typed once more: without what
// must not be repeated.
func (p *program) again() string {
	invoked := p.invoked
	if strings.Contains(invoked, "go-build") {
		invoked = p.name // go run deletes what it has built
	}
	words := []string{quote(invoked)}
	for _, arg := range p.args {
		if arg == "--fresh" || strings.HasPrefix(arg, "--fresh=") {
			continue
		}
		words = append(words, quote(hidePassword(arg)))
	}
	return strings.Join(words, " ")
}

// hidePassword puts xxxxx in the place of the password in a URL: what is printed ends
// up in logs.
func hidePassword(arg string) string {
	u, err := url.Parse(arg)
	if err != nil {
		return arg
	}
	if _, has := u.User.Password(); !has {
		return arg
	}
	return u.Redacted()
}

// quote writes a word so that a shell reads it back as it is.
func quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=,@%+", r)
	}
	if word != "" && strings.TrimFunc(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
