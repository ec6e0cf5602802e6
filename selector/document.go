package selector

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/clew-crawler/clew/selector/dom"
)

// Document is one page: a body, its declared type and its address. It is read
// lazily and keeps what it has read, so it is for one goroutine at a time.
//
// The zero value is an empty page.
type Document struct {
	compiler    *Compiler
	body        []byte
	contentType string
	url         string

	decoded  bool
	text     string
	copied   bool // text is nobody else's memory, see source
	encoding string

	nodes *dom.Tree
	isXML bool
	html  *htmlTree // for what works on trees of the html package only

	based bool
	base  string

	memory *memory // of queries, nil before the first
	spare  []match // room for results

	err   error
	limit int // steps of one query; 0 means maxSteps
}

// maxSteps bounds the work of one query. A step takes some ten nanoseconds.
const maxSteps = 100_000_000

// Parse makes a Document of a body. contentType is the value of the
// Content-Type header, "" if there was none; url is the page's final address.
// Nothing is read yet, and the body must not be changed from here on.
//
// Parse never fails: any bytes are a page, if perhaps an empty one.
func Parse(body []byte, contentType, url string) *Document {
	return new(Compiler).Parse(body, contentType, url)
}

// CSS selects by a CSS selector; see the package for what is understood.
func (d *Document) CSS(query string) Selection {
	p := d.compileCSS(query)
	if p == nil {
		return Selection{doc: d}
	}
	return d.runCSS(query, p, []dom.Node{d.tree()})
}

// XPath selects by an XPath expression. One that gives a string, a number or a
// boolean gives a Selection of that one value.
func (d *Document) XPath(query string) Selection {
	x := d.compileXPath(query)
	if x == nil {
		return Selection{doc: d}
	}
	return d.runXPath(query, x, []dom.Node{d.tree()})
}

// Re returns what a regular expression finds in [Document.Text]: of each match
// the groups in order, or the whole match if the pattern has no groups. A group
// that took no part is "".
func (d *Document) Re(pattern string) []string {
	re := d.compileRe(pattern)
	if re == nil {
		return nil
	}
	found := findAll(nil, re, d.source())
	for i, view := range found {
		found[i] = d.clone(view)
	}
	return found
}

// Text returns the decoded body, without a byte order mark.
func (d *Document) Text() string {
	text := d.source()
	if !d.copied {
		d.text, d.copied = strings.Clone(text), true
	}
	return d.text
}

// source is the text, which may be the memory of the body itself.
func (d *Document) source() string {
	d.decode()
	return d.text
}

// Encoding returns the name of the character encoding the body was read with,
// as the WHATWG Encoding Standard spells it in lower case ("utf-8",
// "windows-1252"). It is, in this order, what the byte order mark, the
// Content-Type header, a <meta> element or the XML declaration says; else
// utf-8 if the body is valid, else windows-1252.
func (d *Document) Encoding() string {
	d.decode()
	return d.encoding
}

func (d *Document) decode() {
	if !d.decoded {
		d.text, d.encoding = decode(d.body, d.contentType)
		d.decoded = true
	}
}

// JSON decodes the body into v, as [json.Unmarshal] does. An error names the
// page and the place.
func (d *Document) JSON(v any) error {
	if err := unmarshal(d.source(), v); err != nil {
		return fmt.Errorf("decode JSON of %s: %w", d.name(), err)
	}
	return nil
}

// Base returns the address that relative links of the page are resolved
// against: the first <base href>, itself resolved against the page's address,
// or that address (HTML, section 4.2.3).
func (d *Document) Base() string {
	if !d.based {
		d.base = d.findBase()
		d.based = true
	}
	return d.base
}

func (d *Document) findBase() string {
	href, ok := d.baseHref()
	if !ok {
		return d.url
	}
	page, err := url.Parse(d.url)
	if err != nil {
		return d.url
	}
	base, err := page.Parse(strings.TrimSpace(href))
	if err != nil || base.Scheme == "data" || base.Scheme == "javascript" {
		return d.url // a page's mistake: as if there were no base
	}
	return base.String()
}

func (d *Document) baseHref() (string, bool) {
	root := d.tree()
	if d.isXML {
		return "", false
	}
	order := d.order()
	end := order.End(order.Place(root))
	for p := order.Next(dom.Mark(dom.Base), 1, end); p < end; p = order.Next(dom.Mark(dom.Base), p+1, end) {
		if n := order.At(p); n.Namespace() == "" {
			if href, ok := attribute(n, "href"); ok {
				return href, true
			}
		}
	}
	return "", false
}

// Err returns the first query that could not be answered because of the query
// itself, as a [*QueryError], and nil if there was none. Faults of the page are
// never errors.
func (d *Document) Err() error { return d.err }

// Close gives the page's memory to pages that are read later. The page and all that was
// selected in it are empty from then on; strings that were read stay, but for those of a
// [dom.Node]. Nobody may read the page meanwhile. A page that is not closed is left to
// the garbage collector.
func (d *Document) Close() {
	if d.memory != nil {
		d.memory.release(d.compiler)
	}
	if d.nodes != nil {
		d.nodes.Release()
	}
	*d = Document{decoded: true, err: d.err}
}

// tree returns the root of the tree, built at the first call.
func (d *Document) tree() dom.Node {
	if d.nodes == nil {
		text := d.source()
		d.isXML = isXML(d.contentType, text)
		if d.isXML {
			d.nodes = dom.ParseXML(text)
		} else {
			d.nodes = dom.ParseHTML(text)
		}
	}
	return d.nodes.Root()
}

func (d *Document) compile() *Compiler {
	if d.compiler == nil {
		d.compiler = new(Compiler)
	}
	return d.compiler
}

func (d *Document) compileRe(pattern string) *regexp.Regexp {
	re, err := d.compile().regexps.get(pattern, regexp.Compile)
	if err != nil {
		d.fail("parse", "regular expression", pattern, err)
		return nil
	}
	return re
}

// name is how errors call the page.
func (d *Document) name() string {
	if d.url == "" {
		return "the page"
	}
	return d.url
}

func (d *Document) budget() int {
	if d.limit > 0 {
		return d.limit
	}
	return maxSteps
}

// findAll appends what re finds in text.
func findAll(found []string, re *regexp.Regexp, text string) []string {
	for _, m := range re.FindAllStringSubmatch(text, -1) {
		if len(m) > 1 {
			m = m[1:]
		}
		found = append(found, m...)
	}
	return found
}

// unmarshal decodes JSON and says where it fails.
func unmarshal(text string, v any) error {
	data := []byte(text)
	err := json.Unmarshal(data, v)
	if err == nil {
		return nil
	}
	offset := int64(-1)
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = e.Offset
	} else if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		offset = e.Offset
	}
	if offset < 0 {
		return err
	}
	before := data[:min(int(offset), len(data))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - (bytes.LastIndexByte(before, '\n') + 1)
	return fmt.Errorf("line %d, byte %d: %w", line, column, err)
}
