package links

import (
	"encoding/binary"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"
)

// Fingerprint is the identity of a request: two requests with one fingerprint
// are the same request. It is no protection against someone who makes requests
// collide on purpose.
type Fingerprint = [16]byte

// Identity is what a fingerprint is made of.
type Identity struct {
	Method string // case does not matter; "" is GET
	URL    string // absolute

	// Body is the request's body. A form and a JSON document count by their
	// content, so the order of keys does not matter; anything else counts by
	// its bytes.
	Body []byte

	// ContentType says what Body is; "" is the Content-Type of Header.
	ContentType string

	Session string      // the name of the session that fetches it
	Header  http.Header // only what the Recipe names counts
}

// Recipe says what makes two requests the same. The zero value takes method,
// canonical URL, body and session.
type Recipe struct {
	// KeepFragment makes URLs that differ in their fragment two.
	KeepFragment bool

	// Headers are the names of headers whose values count as well. Case and
	// order do not matter.
	Headers []string
}

// recipeVersion changes with every change to what a fingerprint is made of: the
// fingerprints that a crawl has kept are of no use then.
const recipeVersion = "v1"

// String names the recipe and its version, as "v1" or
// "v1+fragment+headers(accept,x-token)". Equal recipes have equal names, and
// different ones different names, in all versions of this package. Kept with a
// crawl, it tells whether its fingerprints still mean the same.
func (r Recipe) String() string {
	s := recipeVersion
	if r.KeepFragment {
		s += "+fragment"
	}
	if names := r.headerNames(); len(names) > 0 {
		s += "+headers(" + strings.Join(names, ",") + ")"
	}
	return s
}

// headerNames gives the names in lower case, sorted, each once.
func (r Recipe) headerNames() []string {
	if len(r.Headers) == 0 {
		return nil
	}
	names := make([]string, 0, len(r.Headers))
	for _, name := range r.Headers {
		names = append(names, strings.ToLower(strings.TrimSpace(name)))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Fingerprint gives the identity of a request: 128 bits of xxh3 over all that
// the recipe takes, each field with its length in front. The error is that of
// Canonicalizer.Canonical for the URL.
func (r Recipe) Fingerprint(id Identity) (Fingerprint, error) {
	fp, _, err := r.Identify(id)
	return fp, err
}

// Identify gives the identity of a request and the unit of politeness that it belongs
// to, as [Origin] does, for less than the two together. The error is that of
// Canonicalizer.Canonical for the URL.
func (r Recipe) Identify(id Identity) (fp Fingerprint, host string, err error) {
	url, host, err := Canonicalizer{KeepFragment: r.KeepFragment}.identify(id.URL)
	if err != nil {
		return fp, "", err
	}
	method := "GET"
	if id.Method != "" {
		method = strings.ToUpper(id.Method)
	}
	buffer := make([]byte, 0, 512)
	buffer = appendField(buffer, method)
	buffer = appendField(buffer, url)
	buffer = appendField(buffer, id.Session)
	buffer = appendBody(buffer, id)
	for _, name := range r.headerNames() {
		values := headerValues(id.Header, name)
		buffer = appendField(buffer, name)
		buffer = binary.AppendUvarint(buffer, uint64(len(values)))
		for _, value := range values {
			buffer = appendField(buffer, value)
		}
	}
	return xxh3.Hash128(buffer).Bytes(), host, nil
}

// headerValues gives the values of a header whose name may be spelled in any case.
func headerValues(header http.Header, name string) []string {
	var values []string
	for _, key := range slices.Sorted(maps.Keys(header)) {
		if strings.EqualFold(key, name) {
			values = append(values, header[key]...)
		}
	}
	return values
}

// appendField writes a text so that no two lists of texts look alike.
func appendField[T string | []byte](buffer []byte, field T) []byte {
	buffer = binary.AppendUvarint(buffer, uint64(len(field)))
	return append(buffer, field...)
}
