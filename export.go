package clew

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
)

// valueName stands where a key is missing: it is the CSV column of items that
// are not objects and the XML element of an array's members.
const valueName = "value"

// renderJSON writes items as one JSON array, holding one at a time. Numbers
// keep their digits and objects the order of their keys.
func renderJSON(w io.Writer, lines iter.Seq2[json.RawMessage, error], indent bool) error {
	out := bufio.NewWriter(w)
	before, end := "[", "]\n"
	if indent {
		before, end = "[\n  ", "\n]\n"
	}
	var text bytes.Buffer
	empty := true
	err := eachLine(lines, func(line json.RawMessage) error {
		text.Reset()
		text.WriteString(before)
		if empty {
			empty = false
			before = strings.Replace(before, "[", ",", 1)
		}
		appendJSON := json.Compact
		if indent {
			appendJSON = func(dst *bytes.Buffer, src []byte) error { return json.Indent(dst, src, "  ", "  ") }
		}
		if err := appendJSON(&text, line); err != nil {
			return err
		}
		_, err := out.Write(text.Bytes())
		return err
	})
	if err != nil {
		return err
	}
	if empty {
		end = "[]\n"
	}
	return finish(out, end)
}

// renderCSV writes items as a header and a row each; comma 0 is ','. With nil
// fields the columns are all keys that occur, in the order in which they are
// first met; lines is called a second time for that. Strings are written as
// they are, null as nothing, objects and arrays as JSON. An item that is not an
// object has its value in the column "value".
func renderCSV(w io.Writer, lines func() iter.Seq2[json.RawMessage, error], fields []string, comma rune) error {
	if fields == nil {
		var err error
		if fields, err = csvColumns(lines()); err != nil {
			return err
		}
	}
	if len(fields) == 0 {
		return nil
	}
	out := bufio.NewWriter(w)
	rows := csv.NewWriter(out)
	rows.Comma = cmp.Or(comma, ',')
	if err := writeRow(out, rows, fields); err != nil {
		return fmt.Errorf("write header: %w", err)
	}
	err := eachLine(lines(), func(line json.RawMessage) error {
		row, err := csvRow(line, fields)
		if err != nil {
			return err
		}
		return writeRow(out, rows, row)
	})
	if err != nil {
		return err
	}
	rows.Flush()
	return finish(out, "")
}

// writeRow writes one row through rows, which writes to out.
func writeRow(out *bufio.Writer, rows *csv.Writer, row []string) error {
	if len(row) > 1 || row[0] != "" {
		return rows.Write(row)
	}
	// encoding/csv would write a blank line, which readers skip.
	rows.Flush()
	_, err := out.WriteString("\"\"\n")
	return err
}

// csvColumns are the keys of all items, each once.
func csvColumns(lines iter.Seq2[json.RawMessage, error]) ([]string, error) {
	var columns []string
	known := make(map[string]bool)
	err := eachLine(lines, func(line json.RawMessage) error {
		members, err := jsonMembers(line)
		if err != nil {
			return err
		}
		for _, member := range members {
			if !known[member.key] {
				known[member.key] = true
				columns = append(columns, member.key)
			}
		}
		return nil
	})
	return columns, err
}

func csvRow(line json.RawMessage, fields []string) ([]string, error) {
	members, err := jsonMembers(line)
	if err != nil {
		return nil, err
	}
	cells := make(map[string]string, len(members))
	for _, member := range members {
		if cells[member.key], err = csvCell(member.value); err != nil {
			return nil, fmt.Errorf("field %q: %w", member.key, err)
		}
	}
	row := make([]string, len(fields))
	for i, field := range fields {
		row[i] = cells[field]
	}
	return row, nil
}

func csvCell(value json.RawMessage) (string, error) {
	switch value[0] {
	case 'n':
		return "", nil
	case '"':
		var text string
		err := json.Unmarshal(value, &text)
		return text, err
	default:
		var text bytes.Buffer
		err := json.Compact(&text, value)
		return text.String(), err
	}
}

// renderXML writes items as elements called item ("" is "item") inside one
// called root ("" is "items"). A member of an object is an element of its name,
// a member of an array one called "value". A key that cannot name an element
// becomes <field name="the key">; characters that XML forbids are left out.
func renderXML(w io.Writer, lines iter.Seq2[json.RawMessage, error], root, item string, indent bool) error {
	root, item = cmp.Or(root, "items"), cmp.Or(item, "item")
	for _, name := range []string{root, item} {
		if !isXMLName(name) {
			return fmt.Errorf("name XML element %q: letters, digits, '-', '_' and '.' are allowed, a letter or '_' first", name)
		}
	}
	out := xmlWriter{Writer: bufio.NewWriter(w), indent: indent}
	out.WriteString(xml.Header + "<" + root + ">") //nolint:errcheck // kept by the writer until finish
	empty := true
	err := eachLine(lines, func(line json.RawMessage) error {
		empty = false
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.UseNumber()
		if err := json.Unmarshal(line, new(json.RawMessage)); err != nil {
			return err
		}
		return out.element(decoder, item, 1)
	})
	if err != nil {
		return err
	}
	if !empty {
		out.newLine(0)
	}
	return finish(out.Writer, "</"+root+">\n")
}

// xmlWriter writes JSON values as elements. Its errors are those of the
// bufio.Writer, which keeps the first one.
type xmlWriter struct {
	*bufio.Writer
	indent bool
}

// element writes the next value of the decoder as an element called key.
func (x xmlWriter) element(decoder *json.Decoder, key string, depth int) error {
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	x.newLine(depth)
	tag := x.open(key)
	switch value := token.(type) {
	case json.Delim:
		if err := x.members(decoder, value == '{', depth); err != nil {
			return err
		}
	case nil:
	default:
		x.text(fmt.Sprint(value))
	}
	_, err = x.WriteString("</" + tag + ">")
	return err
}

// members writes what is left of an object or an array.
func (x xmlWriter) members(decoder *json.Decoder, object bool, depth int) error {
	empty := true
	for decoder.More() {
		empty = false
		key := valueName
		if object {
			token, err := decoder.Token()
			if err != nil {
				return err
			}
			key = fmt.Sprint(token)
		}
		if err := x.element(decoder, key, depth+1); err != nil {
			return err
		}
	}
	if !empty {
		x.newLine(depth)
	}
	_, err := decoder.Token() // the closing bracket
	return err
}

func (x xmlWriter) open(key string) (tag string) {
	if isXMLName(key) {
		x.WriteString("<" + key + ">") //nolint:errcheck // kept by the writer until finish
		return key
	}
	x.WriteString(`<field name="`) //nolint:errcheck // as above
	x.text(key)
	x.WriteString(`">`) //nolint:errcheck // as above
	return "field"
}

func (x xmlWriter) text(s string) {
	s = strings.Map(func(r rune) rune {
		if isXMLChar(r) {
			return r
		}
		return -1
	}, s)
	xml.EscapeText(x.Writer, []byte(s)) //nolint:errcheck // kept by the writer until finish
}

func (x xmlWriter) newLine(depth int) {
	if x.indent {
		x.WriteString("\n" + strings.Repeat("  ", depth)) //nolint:errcheck // kept by the writer until finish
	}
}

// isXMLChar reports whether XML 1.0, section 2.2, allows the character.
func isXMLChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' ||
		r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000
}

// isXMLName reports whether every XML reader takes s as the name of an element.
// Editions of the standard differ beyond ASCII, a colon means a namespace, and
// names in "xml" are reserved.
func isXMLName(s string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789-.", r)) {
			return false
		}
	}
	return s != "" && !strings.HasPrefix(strings.ToLower(s), "xml")
}

// eachLine visits the lines in order and says which one an error is about.
func eachLine(lines iter.Seq2[json.RawMessage, error], visit func(json.RawMessage) error) error {
	number := 0
	for line, err := range lines {
		number++
		if err != nil {
			return fmt.Errorf("read item %d: %w", number, err)
		}
		if err := visit(line); err != nil {
			return fmt.Errorf("render item %d: %w", number, err)
		}
	}
	return nil
}

// finish writes the end of a file, and with it everything still buffered.
func finish(out *bufio.Writer, end string) error {
	out.WriteString(end) //nolint:errcheck // Flush returns the first error
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write items: %w", err)
	}
	return nil
}

// jsonMember is one member of a JSON object, its value as it was written.
type jsonMember struct {
	key   string
	value json.RawMessage
}

// jsonMembers returns the members of an object in their order; any other value
// is the one member of an object that has only a "value".
func jsonMembers(line json.RawMessage) ([]jsonMember, error) {
	var value json.RawMessage
	if err := json.Unmarshal(line, &value); err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber() // a float64 would refuse 1e400
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return []jsonMember{{key: valueName, value: bytes.TrimSpace(value)}}, err
	}
	var members []jsonMember
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		members = append(members, jsonMember{key: fmt.Sprint(key), value: value})
	}
	return members, nil
}

// writeFileAtomic puts what render writes at path: the file that was there
// before, or the whole of the new one, survives any stop. Missing folders are
// made. An error leaves nothing behind.
func writeFileAtomic(path string, render func(io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // exports are for others to read
		return fmt.Errorf("make folder of export: %w", err)
	}
	temp, err := os.CreateTemp(dir, ".clew-*.tmp")
	if err != nil {
		return fmt.Errorf("create export: %w", err)
	}
	renamed := false
	defer func() { // also when render panics
		if !renamed {
			err = errors.Join(err, os.Remove(temp.Name()))
		}
	}()
	if err := fillFile(temp, render); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return fmt.Errorf("put export in place: %w", err)
	}
	renamed = true
	return syncFolder(dir)
}

// fillFile renders into the file, syncs it and closes it in any case.
func fillFile(file *os.File, render func(io.Writer) error) (err error) {
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := render(file); err != nil {
		return err
	}
	if err := file.Chmod(0o644); err != nil {
		return err
	}
	return file.Sync()
}

// syncFolder makes a rename inside the folder survive a loss of power.
func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder of export: %w", err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return fmt.Errorf("sync folder of export: %w", err)
	}
	return nil
}
