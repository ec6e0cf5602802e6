package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"unicode/utf8"
)

// bodyTag is where what the job needs is put into a real page: whatever comes before it
// is closed, and the page's own faults come behind.
var bodyTag = regexp.MustCompile(`(?i)<body[^>]*>`)

// largestReal bounds a page of a corpus, in bytes.
const largestReal = 1 << 20

// readCorpus reads the HTML pages below a folder, in the order of their names: those
// that are in UTF-8, as the server says of all of them.
func readCorpus(folder string) (pages []string, err error) {
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error { //nolint:gosec // the folder that the user named
		if err != nil || d.IsDir() || filepath.Ext(path) != ".html" {
			return err
		}
		text, err := os.ReadFile(path) //nolint:gosec // below it
		if err != nil {
			return err
		}
		if len(text) <= largestReal && utf8.Valid(text) && bodyTag.Match(text) {
			pages = append(pages, string(text))
		}
		return nil
	})
	if err == nil && len(pages) == 0 {
		err = fmt.Errorf("no HTML pages in UTF-8 below %s", folder)
	}
	return pages, err
}

// inReal puts what stands between the body's tags of a page of the job into a real one.
func inReal(real, text string) string {
	at := bodyTag.FindStringIndex(real)[1]
	begin, end := bodyTag.FindStringIndex(text)[1], len(text)-len("</body></html>\n")
	return real[:at] + text[begin:end] + real[at:]
}
