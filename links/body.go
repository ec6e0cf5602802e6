package links

import (
	"bytes"
	"cmp"
	"encoding/json"
	"mime"
	"slices"
	"strings"
	"unicode/utf8"
)

// The kinds of body, as they stand in front of it in a fingerprint.
const (
	bodyBytes = 'b'
	bodyForm  = 'f'
	bodyJSON  = 'j'
)

// appendBody writes the body of a request in the form in which it is compared.
func appendBody(buffer []byte, id Identity) []byte {
	if len(id.Body) > 0 {
		contentType := cmp.Or(id.ContentType, id.Header.Get("Content-Type"))
		switch mediaType := mediaTypeOf(contentType); {
		case mediaType == "application/x-www-form-urlencoded":
			return appendField(append(buffer, bodyForm), canonicalForm(id.Body))
		case mediaType == "application/json", strings.HasSuffix(mediaType, "+json"):
			if canonical, ok := canonicalJSON(id.Body); ok {
				return appendField(append(buffer, bodyJSON), canonical)
			}
		}
	}
	return appendField(append(buffer, bodyBytes), id.Body)
}

func mediaTypeOf(contentType string) string {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil { // bad parameters do not change what the body is
		mediaType, _, _ = strings.Cut(contentType, ";")
		mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	}
	return mediaType
}

// canonicalForm decodes a form and sorts it by key; the values of one key keep
// their order, "a" and "a=" are the same, empty parts are nothing (WHATWG URL
// standard, section 5.1).
func canonicalForm(body []byte) []byte {
	type field struct{ key, value string }
	var fields []field
	for part := range bytes.SplitSeq(body, []byte("&")) {
		if len(part) > 0 {
			key, value, _ := bytes.Cut(part, []byte("="))
			fields = append(fields, field{formText(key), formText(value)})
		}
	}
	slices.SortStableFunc(fields, func(a, b field) int { return cmp.Compare(a.key, b.key) })
	var canonical []byte
	for _, f := range fields {
		canonical = appendField(appendField(canonical, f.key), f.value)
	}
	return canonical
}

// formText decodes "+" and escapes; what is no escape stands for itself.
func formText(b []byte) string {
	s := string(b)
	if strings.IndexByte(s, '+') < 0 && strings.IndexByte(s, '%') < 0 {
		return s
	}
	var text strings.Builder
	text.Grow(len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			text.WriteByte(' ')
		case s[i] == '%' && isEscape(s, i):
			text.WriteByte(unhex(s[i+1])<<4 | unhex(s[i+2]))
			i += 2
		default:
			text.WriteByte(s[i])
		}
	}
	return text.String()
}

// canonicalJSON writes the content of a JSON document: no white space, strings
// decoded, the members of objects sorted by key (those of one key keep their
// order), numbers as they are. What it writes is not JSON. It reports false for
// what is no JSON in UTF-8.
func canonicalJSON(body []byte) ([]byte, bool) {
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, false
	}
	w := jsonWriter{in: body, out: make([]byte, 0, len(body))}
	w.value()
	return w.out, true
}

// jsonWriter copies a document known to be valid.
type jsonWriter struct {
	in  []byte // what is left to read
	out []byte
}

// peek skips white space and gives the next byte.
func (w *jsonWriter) peek() byte {
	w.in = bytes.TrimLeft(w.in, " \t\r\n")
	return w.in[0]
}

// value copies one value.
func (w *jsonWriter) value() {
	switch w.peek() {
	case '{':
		w.object()
	case '[':
		w.array()
	case '"':
		w.out = append(w.out, w.text()...)
	default: // a number or a word
		end := bytes.IndexAny(w.in, " \t\r\n,]}")
		if end < 0 {
			end = len(w.in)
		}
		w.out = append(w.out, w.in[:end]...)
		w.in = w.in[end:]
	}
}

func (w *jsonWriter) array() {
	w.in = w.in[1:]
	w.out = append(w.out, '[')
	for w.peek() != ']' {
		if w.in[0] == ',' {
			w.in = w.in[1:]
			w.out = append(w.out, ',')
		}
		w.value()
	}
	w.in = w.in[1:]
	w.out = append(w.out, ']')
}

func (w *jsonWriter) object() {
	w.in = w.in[1:]
	type member struct{ key, value string }
	var members []member
	start := len(w.out) // the values are written here and taken away again
	for w.peek() != '}' {
		if w.in[0] == ',' {
			w.in = w.in[1:]
			w.peek()
		}
		key := w.text()
		w.peek()
		w.in = w.in[1:] // the colon
		w.value()
		members = append(members, member{key, string(w.out[start:])})
		w.out = w.out[:start]
	}
	w.in = w.in[1:]
	slices.SortStableFunc(members, func(a, b member) int { return cmp.Compare(a.key, b.key) })
	w.out = append(w.out, '{')
	for _, m := range members {
		w.out = append(w.out, m.key...)
		w.out = append(w.out, ':')
		w.out = append(w.out, m.value...)
		w.out = append(w.out, ',')
	}
	w.out = append(w.out, '}')
}

// text takes a string and gives its content with the length in front, or what
// is written where that has no content of its own.
func (w *jsonWriter) text() string {
	end := 1
	for w.in[end] != '"' {
		if w.in[end] == '\\' {
			end++
		}
		end++
	}
	raw := w.in[:end+1]
	w.in = w.in[end+1:]
	text := string(raw[1:end])
	if strings.IndexByte(text, '\\') >= 0 {
		// Half a surrogate pair decodes to the replacement character, as any
		// other half does: such a string counts as it is written.
		if err := json.Unmarshal(raw, &text); err != nil || strings.ContainsRune(text, utf8.RuneError) {
			return string(appendField([]byte{'w'}, raw))
		}
	}
	return string(appendField([]byte{'s'}, text))
}
