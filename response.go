package clew

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/clew-crawler/clew/links"
	"github.com/clew-crawler/clew/selector"
)

// A Response is a page, as its handler sees it. It is valid until the handler
// returns, since the memory of its tree and of its Body is used again for other pages:
// selections are empty from then on, strings that they gave stay, and of Body what is to
// be kept is copied; items and requests are, when they are put out. A hook has it until the
// hook returns. It is for one goroutine at a time; goroutines that read it must end before
// the handler does.
type Response struct {
	// URL is where the page finally was, after redirects.
	URL string
	// Status is the HTTP status. Handlers get pages of every status that is
	// neither retried, nor a block, nor a redirect: 404 pages, too.
	Status int
	// Header is the response's header.
	Header http.Header
	// Body is the body, decompressed. Its text is in the charset that the page says.
	// It becomes another page's when the handler has returned and its page is admitted.
	Body []byte
	// Request is what was fetched, as it was stored.
	Request *Request
	// Depth is the number of links between a start request and this page.
	Depth int
	// Redirects are the URLs that led here, oldest first.
	Redirects []string
	// Proto is the protocol, for example "HTTP/1.1".
	Proto string
	// Elapsed is how long the fetch took.
	Elapsed time.Duration

	doc *selector.Document
}

// CSS selects parts of the page. Beside CSS itself it understands ::text and
// ::attr(name), see package selector. A selector that does not parse fails the
// page and says where it stands.
func (r *Response) CSS(query string) selector.Selection { return r.document().CSS(query) }

// XPath selects parts of the page.
func (r *Response) XPath(query string) selector.Selection { return r.document().XPath(query) }

// Re returns what a regular expression finds in the page: its first group, or all of it.
func (r *Response) Re(pattern string) []string { return r.document().Re(pattern) }

// Text returns the body as UTF-8 text.
func (r *Response) Text() string { return r.document().Text() }

// JSON decodes a JSON body into v.
func (r *Response) JSON(v any) error { return r.document().JSON(v) }

// Document returns the page for package links or for selections by hand. Like the
// Response it is valid until the handler returns; nobody needs to close it.
func (r *Response) Document() *selector.Document { return r.document() }

func (r *Response) document() *selector.Document {
	if r.doc == nil {
		r.doc = selector.Parse(r.Body, r.Header.Get("Content-Type"), r.URL)
	}
	return r.doc
}

// Resolve returns the absolute URL of a link on the page, with <base href> taken
// into account.
func (r *Response) Resolve(href string) (string, error) {
	return links.Resolve(r.document().Base(), href)
}

// Meta decodes a value of the request's Meta into v. It reports whether there was
// one; a value of another type is an error.
func (r *Response) Meta(key string, v any) (bool, error) {
	raw, ok := r.Request.Meta[key]
	if !ok {
		return false, nil
	}
	data, err := json.Marshal(raw)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		return true, fmt.Errorf("meta %q: %w", key, err)
	}
	return true, nil
}
