package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/clew-crawler/clew"
)

// A column is one field of the entries of a kind.
type column struct {
	title string
	most  int // characters; 0 gives it what the others leave
	cell  func(e *clew.Entry) string
}

// columnsOf are the columns of a kind. The last one takes what is left of a line.
func columnsOf(kind string) []column {
	handler := column{"HANDLER", 16, func(e *clew.Entry) string { return e.Handler }}
	url := column{"URL", 0, func(e *clew.Entry) string { return strings.TrimPrefix(e.Method+" "+e.URL, " ") }}
	attempts := column{"TRIES", 5, func(e *clew.Entry) string { return strconv.Itoa(e.Attempts) }}
	key := column{"KEY", 40, func(e *clew.Entry) string { return e.Key }}
	host := column{"HOST", 40, func(e *clew.Entry) string { return e.Host }}
	value := column{"VALUE", 0, func(e *clew.Entry) string { return string(e.Value) }}
	switch kind {
	case "pending":
		return []column{
			{"PRIO", 6, func(e *clew.Entry) string { return strconv.Itoa(e.Priority) }},
			{"DEPTH", 5, func(e *clew.Entry) string { return strconv.Itoa(e.Depth) }},
			handler, url,
		}
	case "delayed":
		return []column{{"DUE", 12, due}, attempts, handler, url}
	case "failed":
		return []column{attempts, handler, {"REASON", 30, func(e *clew.Entry) string { return e.Reason }}, url}
	case "seen":
		return []column{{"FINGERPRINT", 0, func(e *clew.Entry) string { return e.Fingerprint }}}
	case "hosts":
		return []column{
			{"PENDING", 10, func(e *clew.Entry) string { return strconv.FormatInt(e.Pending, 10) }},
			{"NEXT", 12, due},
			{"HOST", 0, host.cell},
		}
	case "items":
		return []column{{"ITEM", 0, value.cell}}
	case "robots":
		return []column{host, {"EXPIRES", 12, due}, {"ROBOTS.TXT", 0, robots}}
	case "sessions":
		return []column{
			{"SESSION", 16, func(e *clew.Entry) string { return or(e.Session, "default") }},
			{"BYTES", 10, func(e *clew.Entry) string { return strconv.FormatInt(e.Bytes, 10) }},
			{"KEY", 0, key.cell},
		}
	}
	return []column{key, value} // state
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// due says how far away a time is.
func due(e *clew.Entry) string {
	in := time.Until(e.Due)
	if in <= 0 {
		return "now"
	}
	return "in " + in.Round(time.Second).String()
}

func robots(e *clew.Entry) string {
	if e.Reason != "" {
		return "unavailable: " + e.Reason
	}
	text, err := strconv.Unquote(string(e.Value))
	if err != nil {
		text = string(e.Value)
	}
	return or(strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; "), "none: everything is allowed")
}

// A table writes entries in columns that fit the first of them and the terminal.
// Its memory does not grow with the entries.
type table struct {
	w       io.Writer
	width   int // of the terminal; 0 is none, where nothing is shortened
	columns []column
	rows    [][]string // that the widths are taken from, until they are known
	widths  []int
	err     error
}

// sampleRows is how many rows the widths are taken from.
const sampleRows = 100

func (p *program) table(kind string) *table {
	return &table{w: p.out, width: terminalWidth(p.out), columns: columnsOf(kind)}
}

// terminalWidth is 0 for what is no terminal.
func terminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		return 80
	}
	return width
}

// add writes an entry, sooner or later.
func (t *table) add(e *clew.Entry) error {
	row := make([]string, len(t.columns))
	for i, c := range t.columns {
		row[i] = printable(c.cell(e))
	}
	if t.widths != nil {
		t.write(row)
		return t.err
	}
	if t.rows = append(t.rows, row); len(t.rows) == sampleRows {
		return t.flush()
	}
	return nil
}

// flush writes what has waited for the widths.
func (t *table) flush() error {
	if t.widths == nil && len(t.rows) > 0 {
		t.measure()
		titles := make([]string, len(t.columns))
		for i, c := range t.columns {
			titles[i] = c.title
		}
		t.write(titles)
		for _, row := range t.rows {
			t.write(row)
		}
		t.rows = nil
	}
	return t.err
}

// measure chooses the widths.
func (t *table) measure() {
	t.widths = make([]int, len(t.columns))
	left := t.width
	for i, c := range t.columns {
		t.widths[i] = len(c.title)
		for _, row := range t.rows {
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(row[i]))
		}
		if c.most > 0 && t.width > 0 {
			t.widths[i] = min(t.widths[i], max(c.most, len(c.title)))
		}
		if i < len(t.columns)-1 {
			left -= t.widths[i] + 2
		}
	}
	if last := len(t.widths) - 1; t.width > 0 {
		t.widths[last] = max(left, 20)
	}
}

func (t *table) write(row []string) {
	var b strings.Builder
	for i, cell := range row {
		if t.width > 0 {
			cell = shorten(cell, t.widths[i])
		}
		if b.WriteString(cell); i < len(row)-1 {
			b.WriteString(strings.Repeat(" ", max(t.widths[i]-utf8.RuneCountInString(cell), 0)+2))
		}
	}
	if _, err := fmt.Fprintln(t.w, strings.TrimRight(b.String(), " ")); t.err == nil {
		t.err = err
	}
}

// shorten leaves out the middle of a URL, where its host and its page are not, and
// the end of other texts.
func shorten(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	end := 0
	if strings.Contains(text, "://") && !strings.Contains(text, " ") {
		end = width / 2
	}
	return string(runes[:width-1-end]) + "…" + string(runes[len(runes)-end:])
}

// printable keeps what a site has sent from speaking to the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, text)
}
