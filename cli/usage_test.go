package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/clew-crawler/clew"
)

func TestWrongUsage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const u = "http://127.0.0.1:1"
	tests := map[string]struct {
		args []string
		says string
		try  string
	}{
		"unknown command":      {[]string{"crwl"}, `unknown command "crwl"`, "clew crawl"},
		"far from any command": {[]string{"xyzzy"}, `unknown command "xyzzy"`, "clew --help"},
		"unknown flag":         {[]string{"crawl", u, "--frobnicate"}, "unknown flag --frobnicate", "clew crawl --help"},
		"slip in a flag":       {[]string{"crawl", u, "--dely", "1s"}, "unknown flag --dely", "--delay, or clew crawl --help"},
		"flag without dash":    {[]string{"crawl", u, "--crawldir", "d"}, "unknown flag --crawldir", "--crawl-dir, or clew crawl --help"},
		"short flag":           {[]string{"crawl", u, "-x"}, "unknown flag -x", "clew crawl --help"},
		"no value":             {[]string{"crawl", u, "--crawl-dir"}, "--crawl-dir needs a value", "clew crawl --help"},
		"empty directory":      {[]string{"crawl", u, "--crawl-dir", ""}, "--crawl-dir is empty", "--crawl-dir ./crawl_data"},
		"not a duration":       {[]string{"crawl", u, "--delay", "soon"}, `--delay: "soon" is not a duration`, "clew crawl --help"},
		"not a number":         {[]string{"crawl", u, "--concurrency", "many"}, `--concurrency: "many" is not a whole number`, "clew crawl --help"},
		"negative delay":       {[]string{"crawl", u, "--delay", "-1s"}, "--delay -1s is negative", "clew crawl --help"},
		"negative interval":    {[]string{"crawl", u, "--interval", "-1s"}, "--interval -1s is negative", "clew crawl --help"},
		"negative pages":       {[]string{"crawl", u, "--max-pages", "-5"}, "--max-pages -5 is negative", "clew crawl --help"},
		"negative concurrency": {[]string{"crawl", u, "--concurrency", "-1"}, "--concurrency -1 is negative", "clew crawl --help"},
		"absurd concurrency":   {[]string{"crawl", u, "--concurrency", "1000000"}, "--concurrency 1000000 is more than", "clew crawl --help"},
		"absurd delay":         {[]string{"crawl", u, "--delay", "1000h"}, "--delay 1000h0m0s is more than", "clew crawl --help"},
		"no url":               {[]string{"crawl"}, "crawl needs the URL of a site", "clew crawl https://example.com"},
		"url without scheme":   {[]string{"crawl", "example.com"}, `"example.com" is not an http or https URL`, "https://example.com"},
		"another scheme":       {[]string{"crawl", "ftp://example.com"}, `"ftp://example.com" is not`, "a URL such as"},
		"no host":              {[]string{"crawl", "http://"}, `"http://" is not`, "a URL such as"},
		"password in bad url":  {[]string{"crawl", "ftp://me:secret@example.com"}, `"ftp://example.com" is not`, "a URL such as"},
		"directory is a file":  {[]string{"crawl", u, "--crawl-dir", file}, "is a file", "--crawl-dir with the name of a directory"},
		"fresh alone":          {[]string{"crawl", u, "--fresh"}, "--fresh without --crawl-dir", "--crawl-dir ./crawl_data"},
		"status of nothing":    {[]string{"status"}, "status takes one crawl directory, not 0", "clew status ./crawl_data"},
		"status of two":        {[]string{"status", "a", "b"}, "status takes one crawl directory, not 2", "clew status ./crawl_data"},
		"status of a file":     {[]string{"status", file}, "is a file, not a crawl directory", "clew status ./crawl_data"},
		"pause of a file":      {[]string{"pause", file}, "is a file, not a crawl directory", "clew pause ./crawl_data"},
		"version of what":      {[]string{"version", "x"}, "version takes no arguments", "clew version --help"},
		"demo of few pages":    {[]string{"demo", "--pages", "5"}, "--pages 5 is not between", "clew demo --help"},
		"demo of many kills":   {[]string{"demo", "--kills", "51"}, "--kills 51 is not between", "clew demo --help"},
		"more kills than work": {[]string{"demo", "--pages", "100", "--kills", "20"}, "--kills 20 are too many", "clew demo --help"},
		"demo with nobody":     {[]string{"demo", "--concurrency", "0"}, "--concurrency 0 is not between", "clew demo --help"},
		"run without spiders":  {[]string{"run"}, `unknown command "run"`, "clew --help"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			code, out, err := typed(t, test.args...)
			if code != exitUsage || out != "" {
				t.Errorf("exit code %d, output %q", code, out)
			}
			lines := strings.Split(strings.TrimSuffix(err, "\n"), "\n")
			if len(lines) != 2 || !strings.HasPrefix(lines[0], "clew: ") || !strings.Contains(lines[0], test.says) {
				t.Fatalf("wrote %q, want one line with %q and a hint", err, test.says)
			}
			if !strings.HasPrefix(lines[1], "Try: "+test.try) {
				t.Errorf("hint %q, want %q", lines[1], test.try)
			}
			if strings.Contains(err, "secret") {
				t.Errorf("the password is in %q", err)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	for _, command := range []string{
		"", "crawl", "demo", "status", "inspect", "pause", "requeue", "salvage", "snapshot", "check", "version",
	} {
		t.Run(command, func(t *testing.T) {
			args := append(strings.Fields(command), "--help")
			code, out, err := typed(t, args...)
			if code != 0 || err != "" {
				t.Fatalf("exit code %d, error %q", code, err)
			}
			if !strings.Contains(out, "\nUSAGE\n  "+strings.TrimSpace("clew "+command)) || !strings.Contains(out, "\nFLAGS\n") {
				t.Errorf("help has no usage or flags:\n%s", out)
			}
			for line := range strings.Lines(out) {
				if len(line) > helpWidth+1 || strings.TrimRight(line, " \n") != strings.TrimSuffix(line, "\n") {
					t.Errorf("line is too long or ends in spaces: %q", line)
				}
			}
			if strings.Contains(out, "demo-run") || strings.Contains(out, "completion") {
				t.Errorf("help shows what is hidden:\n%s", out)
			}
		})
	}
	if _, out, _ := typed(t); !strings.Contains(out, "COMMANDS") {
		t.Errorf("no command: %q, want the help", out)
	}
}

func TestFill(t *testing.T) {
	text := "a b\nccc dd\n\nlonger-than-that é ö ü x"
	if got, want := fill(text, 6), "a b\nccc dd\n\nlonger-than-that\né ö ü\nx"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestVersion(t *testing.T) {
	code, out, _ := typed(t, "version")
	if code != 0 || !strings.HasPrefix(out, "clew ") || !strings.Contains(out, "crawl directories of format 1\ngo1.") {
		t.Errorf("exit code %d, %q", code, out)
	}
}

func TestNotWritable(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write anywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	code, _, err := typed(t, "crawl", "http://127.0.0.1:1", "--crawl-dir", filepath.Join(dir, "crawl"))
	if code != exitFailed || !strings.Contains(err, "permission denied") || !strings.Contains(err, "Try: a directory that you may write to") {
		t.Errorf("exit code %d, %q", code, err)
	}
}

func TestDescribe(t *testing.T) {
	tests := map[string]struct {
		err  error
		code int
		want string
	}{
		"none":     {nil, exitFinished, ""},
		"paused":   {errPaused, exitPaused, ""},
		"plain":    {errors.New("it broke"), exitFailed, "clew: it broke\n"},
		"hinted":   {&hintedError{errors.New("it broke"), "another"}, exitFailed, "clew: it broke\nTry: another\n"},
		"joined":   {errors.Join(errors.New("one"), errors.New("two")), exitFailed, "clew: one; two\n"},
		"stack":    {errors.New("abandoned a page:\ngoroutine 1\nmain.go:7"), exitFailed, "clew: abandoned a page\n"},
		"damaged":  {fmt.Errorf("open: %w", clew.ErrDamaged), exitDamaged, "clew: open: " + clew.ErrDamaged.Error() + "\nTry: clew salvage DIR to bring back what can be read, or the same crawl again to begin anew\n"},
		"denied":   {fmt.Errorf("open: %w", os.ErrPermission), exitFailed, "clew: open: permission denied\nTry: a directory that you may write to\n"},
		"no space": {fmt.Errorf("sync: %w", syscall.ENOSPC), exitFailed, "clew: sync: no space left on device\nTry: the same command again when there is space; nothing committed is lost\n"},
	}
	for name, test := range tests {
		if got := newTerminal().describe(test.err); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
		if got := exitCode(test.err); got != test.code {
			t.Errorf("%s: exit code %d, want %d", name, got, test.code)
		}
	}
}

func TestAgain(t *testing.T) {
	p := newTerminal()
	p.args = []string{"crawl", "http://x/?a=1&b=it's", "--fresh", "--crawl-dir", "my crawl", "--fresh=true", "", "http://bob:secret@x/"}
	if got, want := p.again(), `clew crawl 'http://x/?a=1&b=it'\''s' --crawl-dir 'my crawl' '' http://bob:xxxxx@x/`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	p.invoked, p.args = "/tmp/go-build12/b001/exe/clew", nil
	if got := p.again(); got != "clew" {
		t.Errorf("got %s, want clew", got)
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "", 3}, {"", "abc", 3}, {"dely", "delay", 1}, {"kitten", "sitting", 3}, {"ab", "ba", 2}} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
