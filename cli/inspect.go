package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clew-crawler/clew"
)

// kinds of what a crawl directory holds, as inspect takes them.
func kinds() []string {
	return []string{"pending", "delayed", "failed", "seen", "hosts", "items", "state", "robots", "sessions"}
}

type inspectFlags struct {
	filterFlags

	limit int
	all   bool
	json  bool
}

// defaultLimit is how many entries are shown to people.
const defaultLimit = 50

func (p *program) inspectCommand() *cobra.Command {
	f := new(inspectFlags)
	cmd := &cobra.Command{
		Use:   "inspect <dir> [kind] [flags]",
		Short: "Look at what a crawl directory holds",
		Long: "Look at what a crawl directory holds: an overview, or the entries of one kind,\n" +
			strings.Join(kinds(), ", ") + ".\n\n" +
			"It changes nothing, and works while another process runs the crawl, and when\n" +
			"none does. Cookies, headers and passwords are not shown.",
		Example: p.name + " inspect ./crawl_data\n" +
			p.name + " inspect ./crawl_data failed --reason 'status 50[0-9]'\n" +
			p.name + " inspect ./crawl_data pending --host example.com --json",
		DisableFlagsInUseLine: true,
		Args:                  p.directoryAnd("kind"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return kinds(), cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return p.hintDir(p.overview(cmd.Context(), args[0], f), args[0])
			}
			return p.hintDir(p.inspect(cmd.Context(), args[0], args[1], f), args[0])
		},
	}
	f.register(cmd)
	cmd.Flags().IntVar(&f.limit, "limit", 0, "at most `N` entries (default 50; with --json all)")
	cmd.Flags().BoolVar(&f.all, "all", false, "all entries")
	cmd.Flags().BoolVar(&f.json, "json", false, "one JSON object a line")
	return cmd
}

// directoryAnd asks for a crawl directory, and for one more argument if there is a second.
func (p *program) directoryAnd(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < 2 {
			return p.oneDirectory(cmd, args)
		}
		if len(args) > 2 {
			return usage(cmd.CommandPath()+" --help", "%s takes one crawl directory and one %s, not %d arguments", cmd.Name(), what, len(args))
		}
		return p.oneDirectory(cmd, args[:1])
	}
}

// most is how many entries are shown, 0 for all.
func (f *inspectFlags) most() int {
	if f.all || f.json && f.limit == 0 {
		return 0
	}
	return cmp.Or(f.limit, defaultLimit)
}

func (p *program) inspect(ctx context.Context, dir, kind string, f *inspectFlags) error {
	if !slices.Contains(kinds(), kind) {
		return usage(p.name+" inspect "+quote(dir)+" pending", "there is no kind %q but %s", kind, strings.Join(kinds(), ", "))
	}
	if f.limit < 0 {
		return usage(p.name+" inspect --help", "--limit %d is negative", f.limit)
	}
	if err := f.compile(); err != nil {
		return err
	}
	shown, more, err := p.list(ctx, dir, kind, f)
	if err != nil || f.json {
		return err
	}
	return p.afterList(dir, kind, f, shown, more)
}

// list writes the entries that are chosen, and reports whether there are more.
func (p *program) list(ctx context.Context, dir, kind string, f *inspectFlags) (shown int64, more bool, err error) {
	t := p.table(kind)
	enc := json.NewEncoder(p.out)
	enc.SetEscapeHTML(false)
	for e, err := range clew.List(ctx, dir, kind) {
		switch {
		case err != nil:
			return shown, false, errors.Join(t.flush(), err)
		case !f.matches(&e):
			continue
		case f.most() > 0 && shown == int64(f.most()):
			return shown, true, t.flush()
		case f.json:
			err = enc.Encode(&e)
		default:
			err = t.add(&e)
		}
		if err != nil {
			return shown, false, fmt.Errorf("write list: %w", err)
		}
		shown++
	}
	return shown, false, t.flush()
}

// things names what entries of a kind are.
func things(kind string) string {
	switch kind {
	case "pending", "delayed", "failed":
		return kind + " requests"
	case "seen":
		return "known URLs"
	case "state":
		return "values of state"
	case "robots":
		return "robots.txt files"
	case "sessions":
		return "values of sessions"
	}
	return kind
}

// afterList says how much a list leaves out.
func (p *program) afterList(dir, kind string, f *inspectFlags, shown int64, more bool) error {
	text := ""
	switch {
	case shown == 0 && f.filterFlags.all():
		text = "no " + things(kind) + "\n"
	case shown == 0:
		text = "no " + things(kind) + " match\n"
	case more:
		text = "and more; all of them with --all\n"
		if left := p.counted(dir, kind) - shown; f.filterFlags.all() && left > 0 {
			text = fmt.Sprintf("and %d more; all of them with --all\n", left)
		}
	}
	_, err := io.WriteString(p.out, text)
	return err
}

// counted is how many entries of a kind there are, 0 if nobody counts them.
func (p *program) counted(dir, kind string) int64 {
	i, err := clew.Inspect(dir)
	if err != nil {
		return 0 // the list itself was no problem
	}
	s := &i.Stats
	return map[string]int64{
		"pending": s.Pending, "delayed": s.Delayed, "failed": s.Failed, "seen": s.Seen, "items": s.Items,
	}[kind]
}

// An overview is what inspect tells without a kind.
type overview struct {
	*clew.Inspection

	Hosts   []clew.Entry     `json:"hosts,omitempty"`   // with most pending requests
	Reasons map[string]int64 `json:"reasons,omitempty"` // failures by reason
	Files   map[string]int64 `json:"files"`             // sizes in bytes
}

// Bounds of an overview.
const (
	shownHosts   = 10
	shownReasons = 10
	maxReasons   = 1000
)

func (p *program) overview(ctx context.Context, dir string, f *inspectFlags) error {
	if !f.filterFlags.all() || f.limit != 0 || f.all {
		return usage(p.name+" inspect "+quote(dir)+" pending", "filters choose entries of a kind: %s", strings.Join(kinds(), ", "))
	}
	i, err := clew.Inspect(dir)
	if err != nil {
		return err
	}
	o := &overview{Inspection: i}
	if o.Hosts, err = busiest(ctx, dir); err != nil {
		return err
	}
	if o.Reasons, err = reasons(ctx, dir); err != nil {
		return err
	}
	if o.Files, err = sizes(dir); err != nil {
		return err
	}
	if f.json {
		return writeJSON(p.out, o)
	}
	_, err = io.WriteString(p.out, p.overviewText(o))
	return err
}

// busiest are the hosts with most pending requests.
func busiest(ctx context.Context, dir string) (top []clew.Entry, err error) {
	for e, err := range clew.List(ctx, dir, "hosts") {
		if err != nil {
			return nil, err
		}
		at, _ := slices.BinarySearchFunc(top, e.Pending, func(t clew.Entry, n int64) int { return cmp.Compare(n, t.Pending) })
		if e.Pending == 0 || at == shownHosts {
			continue
		}
		top = slices.Insert(top, at, e)
		top = top[:min(len(top), shownHosts)]
	}
	return top, nil
}

// reasons counts failures by reason; those after the first thousand reasons together.
func reasons(ctx context.Context, dir string) (map[string]int64, error) {
	n := map[string]int64{}
	for e, err := range clew.List(ctx, dir, "failed") {
		if err != nil {
			return nil, err
		}
		if _, ok := n[e.Reason]; !ok && len(n) >= maxReasons {
			e.Reason = "other"
		}
		n[e.Reason]++
	}
	return n, nil
}

// sizes are those of the frontier and of the files beside it.
func sizes(dir string) (map[string]int64, error) {
	n := map[string]int64{}
	for _, name := range []string{"frontier", "items.jsonl", "report.json"} {
		top := filepath.Join(dir, name)
		err := filepath.WalkDir(top, func(_ string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			info, err := entry.Info()
			if err == nil {
				n[name] += info.Size()
			}
			return err
		})
		if err != nil && !errors.Is(err, os.ErrNotExist) { // the storage engine deletes a file now and then
			return nil, fmt.Errorf("look at %s: %w", top, err)
		}
	}
	return n, nil
}

func (p *program) overviewText(o *overview) string {
	var b strings.Builder
	b.WriteString(p.summaryText(o.Inspection))
	width := terminalWidth(p.out)
	section := func(title string, rows [][2]string) {
		if len(rows) > 0 {
			b.WriteString("\n" + title + "\n")
		}
		for _, row := range rows {
			text := printable(row[1])
			if width > 0 {
				text = shorten(text, max(width-13, 20))
			}
			fmt.Fprintf(&b, "%10s  %s\n", row[0], text)
		}
	}
	var hosts [][2]string
	for _, h := range o.Hosts {
		hosts = append(hosts, [2]string{fmt.Sprint(h.Pending), h.Host})
	}
	section("hosts with most pending requests", hosts)
	section("pending and delayed requests by handler", counts(o.Handlers, shownReasons))
	section("failures by reason", counts(o.Reasons, shownReasons))
	var files [][2]string
	for _, name := range slices.Sorted(maps.Keys(o.Files)) {
		files = append(files, [2]string{size(o.Files[name]), name})
	}
	section("files", files)
	return b.String()
}

// counts are rows of numbers and names, the highest first.
func counts(n map[string]int64, most int) (rows [][2]string) {
	names := slices.SortedFunc(maps.Keys(n), func(a, b string) int {
		return cmp.Or(cmp.Compare(n[b], n[a]), cmp.Compare(a, b))
	})
	for i, name := range names {
		if i == most {
			return append(rows, [2]string{"", fmt.Sprintf("and %d more", len(names)-most)})
		}
		rows = append(rows, [2]string{fmt.Sprint(n[name]), name})
	}
	return rows
}

// size writes a number of bytes.
func size(n int64) string {
	unit, value := "B", float64(n)
	for _, next := range []string{"kB", "MB", "GB", "TB"} {
		if value < 1000 {
			break
		}
		unit, value = next, value/1000
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}
