package dom

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// ours writes a tree much as the html5lib tests do, with sorted attributes. It also
// checks that parents and siblings agree.
func ours(t *Tree) string {
	var b strings.Builder
	var walk func(n Node, line string)
	walk = func(n Node, line string) {
		var prev Node
		for c := range n.Children() {
			if c.Parent() != n || c.PrevSibling() != prev {
				fmt.Fprintf(&b, "node %d has a wrong parent or sibling\n", c.ID())
			}
			prev = c
			switch c.Kind() {
			case ElementNode:
				fmt.Fprintf(&b, "%s<%s|%s>\n", line, c.Namespace(), c.Name())
				var attrs []string
				for i := range c.NumAttr() {
					a := c.Attr(i)
					attrs = append(attrs, fmt.Sprintf("%s  %s|%s=%q\n", line, a.Namespace, a.Name, a.Value))
				}
				slices.Sort(attrs)
				b.WriteString(strings.Join(attrs, ""))
			case TextNode:
				fmt.Fprintf(&b, "%s%q\n", line, c.Data())
			case CommentNode:
				// html.Parse replaces character references in comments, the standard does not.
				fmt.Fprintf(&b, "%s<!--%q\n", line, html.UnescapeString(c.Data()))
			case DoctypeNode:
				fmt.Fprintf(&b, "%s<!DOCTYPE %q", line, c.Data())
				for i := range c.NumAttr() {
					fmt.Fprintf(&b, " %s=%q", c.Attr(i).Name, c.Attr(i).Value)
				}
				b.WriteString("\n")
			case DocumentNode:
				b.WriteString("a document in a document\n")
			}
			walk(c, line+"  ")
		}
	}
	walk(t.Root(), "")
	return b.String()
}

// theirs writes a tree of html.Parse in the same way.
func theirs(n *html.Node) string {
	var b strings.Builder
	var walk func(n *html.Node, line string)
	walk = func(n *html.Node, line string) {
		for c := range n.ChildNodes() {
			switch c.Type {
			case html.ElementNode:
				fmt.Fprintf(&b, "%s<%s|%s>\n", line, c.Namespace, c.Data)
				var attrs []string
				for _, a := range c.Attr {
					attrs = append(attrs, fmt.Sprintf("%s  %s|%s=%q\n", line, a.Namespace, a.Key, a.Val))
				}
				slices.Sort(attrs)
				b.WriteString(strings.Join(attrs, ""))
			case html.TextNode:
				fmt.Fprintf(&b, "%s%q\n", line, c.Data)
			case html.CommentNode:
				fmt.Fprintf(&b, "%s<!--%q\n", line, c.Data)
			case html.DoctypeNode:
				fmt.Fprintf(&b, "%s<!DOCTYPE %q", line, c.Data)
				for _, a := range c.Attr {
					fmt.Fprintf(&b, " %s=%q", a.Key, a.Val)
				}
				b.WriteString("\n")
			}
			walk(c, line+"  ")
		}
	}
	walk(n, "")
	return b.String()
}

var slashInValue = regexp.MustCompile(`=[^"'>]*/>`)

// comparable changes a page, or refuses it, where html.Parse is known to differ from
// the standard, which this package follows.
func comparable(page string) (string, bool) {
	// "</>" is nothing (13.2.5.7); html.Parse makes an empty comment of it.
	for strings.Contains(page, "</>") {
		page = strings.ReplaceAll(page, "</>", "")
	}
	lower := strings.ToLower(page)
	switch {
	case slashInValue.MatchString(page):
		return "", false // html.Parse may take the slash of an unquoted value for the end of an element
	case strings.Contains(lower, "<script") && strings.Contains(lower, "<!--"):
		return "", false // html.Parse leaves the escaped state at a "<" that no letter follows
	case strings.Contains(page, "[CDATA[") && strings.Contains(page, "&"):
		return "", false // html.Parse replaces character references in CDATA
	case strings.Contains(page, "\x00") && strings.Contains(page, "\uFFFD"):
		return "", false // html.Parse compares names of attributes before it replaces nulls
	}
	return page, true
}

// compare builds the tree of a page in both ways.
func compare(t *testing.T, page string) {
	t.Helper()
	page, ok := comparable(page)
	if !ok {
		return
	}
	want, err := html.Parse(strings.NewReader(page))
	got := parseHTML(page)
	if err != nil || got == nil {
		const short = 1400 // a page that is shorter cannot ask for too many copies
		if err == nil && len(page) < short || got != nil {
			t.Errorf("%q: too deep: %v, html.Parse says %v", page, got == nil, err)
		}
		return
	}
	defer got.Release()
	if g, w := strings.Split(ours(got), "\n"), strings.Split(theirs(want), "\n"); !slices.Equal(g, w) {
		at := 0
		for at < min(len(g), len(w)) && g[at] == w[at] {
			at++
		}
		part := func(lines []string) string {
			return strings.Join(lines[min(max(0, at-4), len(lines)):min(at+5, len(lines))], "\n")
		}
		t.Errorf("%q\nline %d\n%s\nof html.Parse\n%s", page, at, part(g), part(w))
	}
}

// suite is the folder of the html5lib tests, which the module golang.org/x/net carries.
func suite(tb testing.TB) string {
	tb.Helper()
	out, err := exec.CommandContext(tb.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/net").Output()
	if err != nil {
		tb.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "html", "testdata")
}

// cases are the pages of the suite: those for the tree and those for the tokenizer.
func cases(tb testing.TB) []string {
	tb.Helper()
	var pages []string
	err := filepath.WalkDir(suite(tb), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		switch filepath.Ext(path) {
		case ".dat":
			for _, part := range bytes.Split(data, []byte("#data\n"))[1:] {
				page, _, _ := bytes.Cut(part, []byte("\n#errors"))
				pages = append(pages, string(page))
			}
		case ".test":
			var file struct {
				Tests []struct{ Input string }
			}
			if err := json.Unmarshal(data, &file); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			for _, c := range file.Tests {
				pages = append(pages, c.Input, "<p title='"+c.Input+"'>", "<title>"+c.Input)
			}
		case ".html":
			pages = append(pages, string(data))
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return pages
}

// TestSuite builds the tree of each page of the html5lib tests as html.Parse does, which
// passes them.
func TestSuite(t *testing.T) {
	pages := cases(t)
	t.Logf("%d pages", len(pages))
	if len(pages) < 5000 {
		t.Errorf("only %d pages were found", len(pages))
	}
	for _, page := range pages {
		compare(t, page)
	}
}

// FuzzParse looks for pages of which html.Parse makes another tree.
func FuzzParse(f *testing.F) {
	for _, page := range cases(f) {
		if len(page) < 500 {
			f.Add(page)
		}
	}
	f.Fuzz(func(t *testing.T, page string) {
		compare(t, page)
		ParseHTML(page).Release()
		ParseXML(page).Release()
	})
}
