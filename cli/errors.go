package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/clew-crawler/clew"
)

// The exit codes.
const (
	exitFinished = 0
	exitFailed   = 1
	exitUsage    = 2
	exitPaused   = 3
	exitDamaged  = 4
	exitSignal   = 130 // a third signal, as shells report Ctrl+C
)

// errPaused says that a run ended with work left; what is to be said about it has
// been said.
var errPaused = errors.New("paused with work left")

// errLost says that a salvage has lost something.
var errLost = errors.New("part of the crawl was lost; what was brought back is sound")

// A usageError is a command line that cannot be meant.
type usageError struct {
	text string
	try  string
}

func (e *usageError) Error() string { return e.text }

func usage(try, format string, args ...any) error {
	return &usageError{text: fmt.Sprintf(format, args...), try: try}
}

// A hintedError is an error with something to try.
type hintedError struct {
	error

	try string
}

func (e *hintedError) Unwrap() error { return e.error }

func exitCode(err error) int {
	var wrong *usageError
	switch {
	case err == nil:
		return exitFinished
	case errors.Is(err, errPaused):
		return exitPaused
	case errors.As(err, &wrong):
		return exitUsage
	case errors.Is(err, clew.ErrDamaged), errors.Is(err, errLost):
		return exitDamaged
	}
	return exitFailed
}

// describe is what a user is told about an error.
func (p *program) describe(err error) string {
	if err == nil || errors.Is(err, errPaused) {
		return ""
	}
	text := p.name + ": " + inFlags(oneLine(err)) + "\n"
	if try := p.try(err); try != "" {
		text += "Try: " + try + "\n"
	}
	return text
}

// inFlags puts the names of flags where the library's errors name options.
func inFlags(text string) string {
	return strings.NewReplacer(
		" or Fresh to ", " or --fresh to ", " use Lenient to ", " use --lenient to ", "without Refuse it ", "without --refuse-damage it ",
	).Replace(text)
}

func (p *program) try(err error) string {
	var wrong *usageError
	var hinted *hintedError
	switch {
	case errors.As(err, &wrong):
		return wrong.try
	case errors.As(err, &hinted):
		return hinted.try
	case errors.Is(err, clew.ErrInUse):
		return p.name + " status DIR, or " + p.name + " pause DIR"
	case errors.Is(err, clew.ErrMismatch):
		return "another --crawl-dir, or --fresh to set that crawl aside"
	case errors.Is(err, clew.ErrNewerFormat):
		return "a newer version of Clew; this is " + version()
	case errors.Is(err, clew.ErrDamaged):
		return p.name + " salvage DIR to bring back what can be read, or the same crawl again to begin anew"
	case errors.Is(err, clew.ErrNotRunning):
		return p.name + " status DIR"
	case errors.Is(err, clew.ErrNoCrawl):
		return "the directory that was given as --crawl-dir"
	case errors.Is(err, syscall.ENOSPC):
		return "the same command again when there is space; nothing committed is lost"
	case errors.Is(err, fs.ErrPermission):
		return "a directory that you may write to"
	}
	return ""
}

// oneLine is an error's text without line breaks: the first line of each of the
// errors that were joined. What follows in one is a stack, which the log has.
func oneLine(err error) string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && strings.Contains(err.Error(), "\n") {
		var lines []string
		for _, e := range joined.Unwrap() {
			lines = append(lines, oneLine(e))
		}
		return strings.Join(lines, "; ")
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimSuffix(line, ":")
}

// flagError says in plain words what is wrong with a flag.
func (p *program) flagError(cmd *cobra.Command, err error) error {
	help := cmd.CommandPath() + " --help"
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	var missing *pflag.ValueRequiredError
	switch {
	case errors.As(err, &unknown):
		if near := nearestFlag(cmd.Flags(), unknown.GetSpecifiedName()); near != "" {
			help = "--" + near + ", or " + help
		}
		name := "--" + unknown.GetSpecifiedName()
		if unknown.GetSpecifiedShortnames() != "" {
			name = "-" + unknown.GetSpecifiedName()
		}
		return usage(help, "unknown flag %s", name)
	case errors.As(err, &invalid):
		return usage(help, "--%s: %q is not %s", invalid.GetFlag().Name, invalid.GetValue(), kindOf(invalid.GetFlag()))
	case errors.As(err, &missing):
		return usage(help, "--%s needs a value", missing.GetFlag().Name)
	}
	return usage(help, "%s", err)
}

func kindOf(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "duration":
		return "a duration such as 500ms, 1.5s or 2m"
	case "int", "int64":
		return "a whole number"
	case "uint64":
		return "a whole number that is not negative"
	case "bool":
		return "true or false"
	}
	return "a " + f.Value.Type()
}

// nearestFlag finds the flag that somebody may have meant, "" if there is none.
func nearestFlag(flags *pflag.FlagSet, name string) (near string) {
	plain := strings.NewReplacer("-", "", "_", "")
	want := strings.ToLower(plain.Replace(name))
	best := 3 // slips of the keyboard that are forgiven, plus one
	flags.VisitAll(func(f *pflag.Flag) {
		have := plain.Replace(f.Name)
		d := distance(want, have)
		if len(want) >= 4 && strings.HasPrefix(have, want) {
			d = min(d, 1)
		}
		if !f.Hidden && d < best && d < len(have) {
			best, near = d, f.Name
		}
	})
	return near
}

// distance counts the letters to insert, delete or replace to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
