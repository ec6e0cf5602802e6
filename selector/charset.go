package selector

import (
	"bytes"
	"strings"
	"unicode/utf8"
	"unsafe"

	"golang.org/x/net/html"
	"golang.org/x/net/html/charset"
)

// prescanLimit is how far into a body a declaration of its encoding is looked
// for. HTML asks for 1024 bytes; pages that put scripts first need more.
const prescanLimit = 4096

// decode turns a body into text and names the encoding it took it for.
func decode(body []byte, contentType string) (text, name string) {
	body, name = cutBOM(body)
	if name == "" {
		name = knownCharset(charsetParam(contentType))
	}
	if name == "" {
		name = declaredCharset(body, contentType)
	}
	valid := utf8.Valid(body)
	switch {
	case valid && (name == "" || name == "utf-8"):
		// The body is not changed while the page is read, so it need not be copied yet.
		return unsafe.String(unsafe.SliceData(body), len(body)), "utf-8" //nolint:gosec // see above
	case name == "":
		name = "windows-1252"
	}
	encoding, _ := charset.Lookup(name)
	decoded, err := encoding.NewDecoder().Bytes(body)
	if err != nil {
		// Decoders put U+FFFD where they cannot read; if one gives up, what is
		// ASCII can still be read.
		return strings.ToValidUTF8(string(body), "\uFFFD"), "utf-8"
	}
	return string(decoded), name
}

// cutBOM removes a byte order mark and says which encoding it stands for.
func cutBOM(body []byte) ([]byte, string) {
	for _, b := range []struct{ bom, name string }{
		{"\xEF\xBB\xBF", "utf-8"},
		{"\xFE\xFF", "utf-16be"},
		{"\xFF\xFE", "utf-16le"},
	} {
		if rest, ok := bytes.CutPrefix(body, []byte(b.bom)); ok {
			return rest, b.name
		}
	}
	return body, ""
}

// declaredCharset looks for a declaration inside the body, which is known not
// to be UTF-16, so one that says so is wrong and means UTF-8 (HTML, 13.2.3.2).
func declaredCharset(body []byte, contentType string) string {
	head := body[:min(len(body), prescanLimit)]
	var name string
	switch {
	case isJSON(contentType, head):
		return ""
	case !isXML(contentType, string(head)):
		name = metaCharset(head)
	}
	if name == "" {
		name = xmlCharset(string(head))
	}
	if strings.HasPrefix(name, "utf-16") {
		return "utf-8"
	}
	return name
}

// knownCharset returns the canonical name for a label, "" if it means nothing.
func knownCharset(label string) string {
	if label == "" || label == "utf-8" {
		return label
	}
	_, name := charset.Lookup(label)
	if name == "replacement" {
		return "" // would turn the whole page into one U+FFFD
	}
	return name
}

// metaCharset finds <meta charset> or <meta http-equiv=content-type>.
func metaCharset(head []byte) string {
	z := html.NewTokenizer(bytes.NewReader(head))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return ""
		case html.StartTagToken, html.SelfClosingTagToken:
			if name := charsetOfMeta(z.Token()); name != "" {
				return name
			}
		}
	}
}

func charsetOfMeta(t html.Token) string {
	if t.Data != "meta" {
		return ""
	}
	attrs := make(map[string]string, len(t.Attr))
	for _, a := range t.Attr {
		if _, twice := attrs[a.Key]; !twice {
			attrs[a.Key] = a.Val
		}
	}
	if name := knownCharset(attrs["charset"]); name != "" {
		return name
	}
	if strings.EqualFold(strings.TrimSpace(attrs["http-equiv"]), "content-type") {
		return knownCharset(charsetParam(attrs["content"]))
	}
	return ""
}

// xmlCharset reads the encoding of an XML declaration.
func xmlCharset(head string) string {
	if !strings.HasPrefix(head, "<?xml") {
		return ""
	}
	declaration, _, ok := strings.Cut(head, "?>")
	if !ok {
		return ""
	}
	return knownCharset(param(declaration, "encoding"))
}

// charsetParam reads the charset of a Content-Type, however badly written.
func charsetParam(contentType string) string { return param(contentType, "charset") }

// param reads the value after the first name that is followed by "=": quoted,
// or up to white space or a semicolon.
func param(s, name string) string {
	const space = " \t\r\n\f"
	for {
		i := strings.Index(asciiLower(s), name)
		if i < 0 {
			return ""
		}
		s = strings.TrimLeft(s[i+len(name):], space)
		value, ok := strings.CutPrefix(s, "=")
		if !ok {
			continue
		}
		value = strings.TrimLeft(value, space)
		if value != "" && (value[0] == '"' || value[0] == '\'') {
			value, _, _ = strings.Cut(value[1:], value[:1])
			return value
		}
		if end := strings.IndexAny(value, space+";"); end >= 0 {
			value = value[:end]
		}
		return value
	}
}

// asciiLower lowers ASCII letters and keeps every byte where it is.
func asciiLower(s string) string {
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			lower := []byte(s)
			for ; i < len(lower); i++ {
				if c := lower[i]; 'A' <= c && c <= 'Z' {
					lower[i] = c + 'a' - 'A'
				}
			}
			return string(lower)
		}
	}
	return s
}

// mediaType is the type of a Content-Type header, without parameters.
func mediaType(contentType string) string {
	t, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// isJSON says whether a body is JSON, whose strings may contain markup that
// must not be taken for a declaration.
func isJSON(contentType string, head []byte) bool {
	t := mediaType(contentType)
	if t == "application/json" || strings.HasSuffix(t, "+json") {
		return true
	}
	head = bytes.TrimSpace(head)
	return len(head) > 0 && (head[0] == '{' || head[0] == '[')
}

// isXML says whether a page is to be read as XML: by its type or, if the type
// says otherwise, by its declaration. XHTML is read as HTML, which is what
// browsers did with it as long as it was written.
func isXML(contentType, text string) bool {
	switch t := mediaType(contentType); {
	case t == "application/xhtml+xml":
		return false
	case t == "application/xml", t == "text/xml", strings.HasSuffix(t, "+xml"):
		return true
	}
	text = strings.TrimSpace(text[:min(len(text), prescanLimit)])
	if !strings.HasPrefix(text, "<?xml") {
		return false
	}
	root := firstElement(text)
	return root != "" && !strings.EqualFold(root, "html")
}

// firstElement returns the name of the first start tag, skipping declarations
// and comments.
func firstElement(text string) string {
	for {
		_, rest, ok := strings.Cut(text, "<")
		if !ok || rest == "" {
			return ""
		}
		end := ">"
		switch {
		case strings.HasPrefix(rest, "!--"):
			end = "-->"
		case rest[0] == '?':
			end = "?>"
		case rest[0] != '!':
			if i := strings.IndexAny(rest, " \t\r\n\f/>"); i >= 0 {
				return rest[:i]
			}
			return rest
		}
		if _, text, ok = strings.Cut(rest, end); !ok {
			return ""
		}
	}
}
