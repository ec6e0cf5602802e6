package cli

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/clew-crawler/clew/store/pebblestore"
)

// exitCodes is the annotation of commands whose help lists the exit codes; its
// value is not read.
const exitCodes = "exit-codes"

// helpWidth is that of lines of help, if the terminal has as much.
const helpWidth = 80

// help writes the help of a command: what it does, then how it is called.
func (p *program) help(cmd *cobra.Command, _ []string) {
	width := helpWidth
	if has := terminalWidth(p.out); has > 0 {
		width = min(width, has)
	}
	var b strings.Builder
	section := func(title, text string) {
		if text = strings.Trim(text, "\n"); text != "" {
			fmt.Fprintf(&b, "\n%s\n%s\n", title, text)
		}
	}
	text := cmd.Long
	if text == "" {
		text = cmd.Short
	}
	b.WriteString(fill(text, width) + "\n")
	line := cmd.UseLine()
	if cmd.HasAvailableSubCommands() {
		line = cmd.CommandPath() + " <command> [flags]"
	}
	section("USAGE", "  "+line)
	section("COMMANDS", commandList(cmd, width))
	section("FLAGS", cmd.LocalFlags().FlagUsagesWrapped(width))
	section("EXAMPLES", indent(cmd.Example, "  $ "))
	if _, ok := cmd.Annotations[exitCodes]; ok {
		section("EXIT CODES", "  0 finished   1 failed   2 wrong usage   3 paused, work left\n"+
			"  4 crawl directory damaged")
	}
	if cmd.HasAvailableSubCommands() {
		section("LEARN MORE", "  "+cmd.CommandPath()+" <command> --help")
	}
	_, _ = io.WriteString(cmd.OutOrStdout(), b.String()) // whoever asked has gone
}

func commandList(cmd *cobra.Command, width int) string {
	const margin = "             "
	var b strings.Builder
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && c.Name() != "help" {
			text := strings.ReplaceAll(fill(c.Short, width-len(margin)), "\n", "\n"+margin)
			fmt.Fprintf(&b, "  %-10s %s\n", c.Name(), text)
		}
	}
	return b.String()
}

// fill breaks each paragraph of a text into lines of at most so many characters.
func fill(text string, width int) string {
	paragraphs := strings.Split(text, "\n\n")
	for i, paragraph := range paragraphs {
		var b strings.Builder
		column := 0
		for word := range strings.FieldsSeq(paragraph) {
			length := utf8.RuneCountInString(word)
			switch {
			case column == 0:
			case column+1+length > width:
				b.WriteByte('\n')
				column = 0
			default:
				b.WriteByte(' ')
				column++
			}
			b.WriteString(word)
			column += length
		}
		paragraphs[i] = b.String()
	}
	return strings.Join(paragraphs, "\n\n")
}

func indent(text, with string) string {
	if text == "" {
		return ""
	}
	return with + strings.ReplaceAll(text, "\n", "\n"+with)
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which version this is",
		Args:  p.noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "clew %s\ncrawl directories of format %d\n%s %s/%s\n",
				version(), pebblestore.Format, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// modulePath is the module whose version this is, in whatever program.
const modulePath = "github.com/clew-crawler/clew"

// version is the version of Clew in this program.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	module := &info.Main
	for _, dep := range info.Deps {
		if dep.Path == modulePath {
			module = dep
		}
	}
	v := module.Version
	if v == "" || v == "(devel)" {
		v = "development version"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && module == &info.Main && len(s.Value) >= 12 && !strings.Contains(v, s.Value[:12]) {
			v += " " + s.Value[:12]
		}
	}
	return v
}

// noArguments refuses arguments of a command that has none.
func (p *program) noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(cmd.CommandPath()+" --help", "%s takes no arguments, not %q", cmd.Name(), args[0])
	}
	return nil
}

// oneDirectory asks for a crawl directory and nothing else.
func (p *program) oneDirectory(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage(cmd.CommandPath()+" ./crawl_data", "%s takes one crawl directory, not %d arguments", cmd.Name(), len(args))
	}
	if info, err := os.Stat(args[0]); err == nil && !info.IsDir() {
		return usage(cmd.CommandPath()+" ./crawl_data", "%s is a file, not a crawl directory", args[0])
	}
	return nil
}
