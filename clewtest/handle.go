package clewtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/clew-crawler/clew"
)

// A Page is what a site answers. The zero value is an empty page with status 200.
type Page struct {
	// Status is the HTTP status. Default 200, or 302 if there is a Redirect.
	Status int
	// Header is sent as it stands. The default Content-Type goes by the name of
	// File, and is HTML in UTF-8 without one.
	Header http.Header
	// Body is the page's text, in whatever encoding.
	Body string
	// File, if set, is read for the body, from the folder of the test. Its encoding
	// is then for the page to say.
	File string
	// Redirect, if set, is the Location.
	Redirect string

	// What follows is for pages of a [Site].

	// Latency is how long the answer takes.
	Latency time.Duration
	// Fail is how often the page fails before it is answered.
	Fail int
	// FailStatus is the status of those failures. 0 breaks the connection.
	FailStatus int
}

// Handle runs the handler of a request on a page, as a crawl would: see
// [clew.Spider.Handle]. Its error is the one that would fail the page. Only the URL
// of the request is needed; Handler and Meta say how the crawl got there.
func Handle(tb testing.TB, spider *clew.Spider, request *clew.Request, page Page) (*clew.Contents, error) {
	tb.Helper()
	page, err := page.read()
	if err != nil {
		tb.Fatalf("handle %s: %v", request.URL, err)
	}
	return spider.Handle(tb.Context(), &clew.Response{
		URL: request.URL, Status: page.Status, Header: page.Header, Body: []byte(page.Body), Request: request,
	}, nil)
}

// read fills in what a page leaves to its defaults.
func (p Page) read() (Page, error) {
	kind := "text/html; charset=utf-8"
	if p.File != "" {
		if p.Body != "" {
			return p, errors.New("a page has either Body or File")
		}
		data, err := os.ReadFile(p.File)
		if err != nil {
			return p, err
		}
		p.Body, kind = string(data), mediaType(p.File)
	}
	p.Header = p.Header.Clone()
	if p.Header == nil {
		p.Header = http.Header{}
	}
	if _, said := p.Header["Content-Type"]; !said {
		p.Header.Set("Content-Type", kind)
	}
	if p.Redirect != "" {
		p.Header.Set("Location", p.Redirect)
	}
	switch {
	case p.Status == 0 && p.Redirect != "":
		p.Status = http.StatusFound
	case p.Status == 0:
		p.Status = http.StatusOK
	}
	return p, nil
}

// mediaType goes by a file's name. It says no charset: a saved page does.
func mediaType(file string) string {
	switch filepath.Ext(file) {
	case ".xml":
		return "application/xml"
	case ".json":
		return "application/json"
	case ".txt":
		return "text/plain"
	default:
		return "text/html"
	}
}

// Items decodes what a handler put out as T. One that does not decode ends the test.
func Items[T any](tb testing.TB, c *clew.Contents) []T {
	tb.Helper()
	items := make([]T, len(c.Items))
	for i, line := range c.Items {
		if err := json.Unmarshal(line, &items[i]); err != nil {
			tb.Fatalf("item %d as %T: %v", i+1, items[i], err)
		}
	}
	return items
}

// Golden compares got, as indented JSON, with a file, usually below testdata. With
// CLEWTEST_UPDATE=1 in the environment it writes the file instead.
func Golden(tb testing.TB, file string, got any) {
	tb.Helper()
	data, err := indented(got)
	if err != nil {
		tb.Fatalf("golden file %s: %v", file, err)
	}
	if os.Getenv("CLEWTEST_UPDATE") == "1" {
		if err := writeGolden(file, data); err != nil {
			tb.Fatalf("update golden file: %v", err)
		}
		return
	}
	switch want, err := os.ReadFile(file); { //nolint:gosec // the test names the file
	case errors.Is(err, fs.ErrNotExist):
		tb.Fatalf("there is no golden file %s; run the test with CLEWTEST_UPDATE=1 to write it", file)
	case err != nil:
		tb.Fatalf("read golden file: %v", err)
	case !bytes.Equal(data, want):
		tb.Errorf("%s is out of date (CLEWTEST_UPDATE=1 writes it); got\n%s\nwant\n%s", file, data, want)
	}
}

func indented(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "\t")
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func writeGolden(file string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return fmt.Errorf("create folder: %w", err)
	}
	return os.WriteFile(file, data, 0o600)
}
