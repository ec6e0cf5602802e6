package clew

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var errLog = errors.New("log is damaged")

// linesOf yields the lines of text; the line "!" is an error.
func linesOf(text string) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			if line == "!" {
				yield(nil, errLog)
				return
			}
			if !yield(json.RawMessage(line), nil) {
				return
			}
		}
	}
}

const mixedLines = `{"b":12345678901234567890123,"a":1.10,"c":null}
{"a":"x <&> \"y\", é 日本","d":{"z":1,"y":[true,null]}}
`

func TestRenderJSON(t *testing.T) {
	tests := map[string]struct {
		lines  string
		indent bool
		want   string
	}{
		"empty":           {"", false, "[]\n"},
		"empty, indented": {"", true, "[]\n"},
		"compact": {
			mixedLines, false,
			`[{"b":12345678901234567890123,"a":1.10,"c":null},{"a":"x <&> \"y\", é 日本","d":{"z":1,"y":[true,null]}}]` + "\n",
		},
		"spaces go":    {"{ \"a\" : [ 1, 2 ] }\n3\n", false, "[{\"a\":[1,2]},3]\n"},
		"values":       {"1e400\n\"s\"\nnull\n[]\n", false, "[1e400,\"s\",null,[]]\n"},
		"indented":     {"{\"b\":1.0,\"a\":[]}\n7\n", true, "[\n  {\n    \"b\": 1.0,\n    \"a\": []\n  },\n  7\n]\n"},
		"brackets":     {"\"[\"\n[\"[\"]\n\"[\"\n", false, "[\"[\",[\"[\"],\"[\"]\n"},
		"keys doubled": {"{\"a\":1,\"a\":2}\n", false, "[{\"a\":1,\"a\":2}]\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := renderJSON(&out, linesOf(test.lines), test.indent); err != nil {
				t.Fatal(err)
			}
			if out.String() != test.want {
				t.Errorf("got\n%s\nwant\n%s", out.String(), test.want)
			}
			if !json.Valid(out.Bytes()) {
				t.Error("not valid JSON")
			}
		})
	}
}

func TestRenderCSV(t *testing.T) {
	tests := map[string]struct {
		lines  string
		fields []string
		comma  rune
		want   string
	}{
		"empty":              {"", nil, 0, ""},
		"empty, with fields": {"", []string{"a", "b"}, 0, "a,b\n"},
		"union of keys": {
			mixedLines, nil, 0,
			"b,a,c,d\n12345678901234567890123,1.10,,\n,\"x <&> \"\"y\"\", é 日本\",,\"{\"\"z\"\":1,\"\"y\"\":[true,null]}\"\n",
		},
		"chosen fields":    {mixedLines, []string{"a", "none", "b"}, ';', "a;none;b\n1.10;;12345678901234567890123\n\"x <&> \"\"y\"\", é 日本\";;\n"},
		"values":           {"1\n{\"a\":true}\n\"s\"\n[1, 2]\nnull\n", nil, 0, "value,a\n1,\n,true\ns,\n\"[1,2]\",\n,\n"},
		"one empty column": {"null\n\"\"\n1\n", nil, 0, "value\n\"\"\n\"\"\n1\n"},
		"huge number":      {"1e400\n{\"a\":-1e-700}\n", nil, 0, "value,a\n1e400,\n,-1e-700\n"},
		"one empty name":   {"{\"\":1}\n", nil, 0, "\"\"\n1\n"},
		"line breaks":      {`{"a":"x\ny"}`, nil, 0, "a\n\"x\ny\"\n"},
		"last of doubled":  {`{"a":1,"a":2}`, nil, 0, "a\n2\n"},
		"no keys":          {"{}\n{}\n", nil, 0, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			lines := func() iter.Seq2[json.RawMessage, error] { return linesOf(test.lines) }
			if err := renderCSV(&out, lines, test.fields, test.comma); err != nil {
				t.Fatal(err)
			}
			if out.String() != test.want {
				t.Errorf("got\n%s\nwant\n%s", out.String(), test.want)
			}
		})
	}
}

// A reader must find as many records as there are items.
func TestCSVReadsBack(t *testing.T) {
	lines := func() iter.Seq2[json.RawMessage, error] { return linesOf(strings.Repeat("null\n1\n", 3000)) }
	var out bytes.Buffer
	if err := renderCSV(&out, lines, nil, 0); err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(records) != 6001 || records[1][0] != "" || records[6000][0] != "1" {
		t.Errorf("%d records, %v", len(records), err)
	}
}

func TestRenderXML(t *testing.T) {
	tests := map[string]struct {
		lines      string
		root, item string
		indent     bool
		want       string
	}{
		"empty": {"", "", "", true, "<items></items>\n"},
		"names": {"1\n\"a\"\n", "crawl", "one-x", false, "<crawl><one-x>1</one-x><one-x>a</one-x></crawl>\n"},
		"nested": {
			mixedLines, "", "", false,
			"<items><item><b>12345678901234567890123</b><a>1.10</a><c></c></item>" +
				"<item><a>x &lt;&amp;&gt; &#34;y&#34;, é 日本</a><d><z>1</z><y><value>true</value><value></value></y></d></item></items>\n",
		},
		"indented": {
			`{"b":[1],"a":{},"t":"x"}`, "", "", true,
			"<items>\n  <item>\n    <b>\n      <value>1</value>\n    </b>\n    <a></a>\n    <t>x</t>\n  </item>\n</items>\n",
		},
		"bad names": {
			`{"":1,"1a":2,"a b":3,"x:y":4,"xmlThing":5,"\"<\u0001é>":6}`, "", "", false,
			`<items><item><field name="">1</field><field name="1a">2</field><field name="a b">3</field>` +
				`<field name="x:y">4</field><field name="xmlThing">5</field><field name="&#34;&lt;é&gt;">6</field></item></items>` + "\n",
		},
		"forbidden": {`"a\u0000\u001f\ufffe\uffffb\n\t😀"`, "", "", false, "<items><item>ab&#xA;&#x9;😀</item></items>\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := renderXML(&out, linesOf(test.lines), test.root, test.item, test.indent); err != nil {
				t.Fatal(err)
			}
			got, found := strings.CutPrefix(out.String(), xml.Header)
			if !found || got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
			wellFormed(t, out.Bytes())
		})
	}
	for _, name := range []string{"1", "a b", "xml", "a>", "é"} {
		if err := renderXML(io.Discard, linesOf(""), name, "", false); err == nil {
			t.Errorf("root %q accepted", name)
		}
		if err := renderXML(io.Discard, linesOf(""), "", name, false); err == nil {
			t.Errorf("item %q accepted", name)
		}
	}
}

func wellFormed(t *testing.T, text []byte) {
	t.Helper()
	for decoder := xml.NewDecoder(bytes.NewReader(text)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("read XML back: %v\n%s", err, text)
		}
	}
}

// fullDisk takes some bytes, then no more.
type fullDisk struct{ left int }

var errDisk = errors.New("disk is full")

func (d *fullDisk) Write(p []byte) (int, error) {
	if len(p) > d.left {
		return 0, errDisk
	}
	d.left -= len(p)
	return len(p), nil
}

// renderers are all formats with their options fixed.
func renderers(lines string) map[string]func(io.Writer) error {
	again := func() iter.Seq2[json.RawMessage, error] { return linesOf(lines) }
	return map[string]func(io.Writer) error{
		"json":          func(w io.Writer) error { return renderJSON(w, again(), false) },
		"json indented": func(w io.Writer) error { return renderJSON(w, again(), true) },
		"csv":           func(w io.Writer) error { return renderCSV(w, again, nil, 0) },
		"csv fields":    func(w io.Writer) error { return renderCSV(w, again, []string{"a"}, 0) },
		"xml":           func(w io.Writer) error { return renderXML(w, again(), "", "", false) },
		"xml indented":  func(w io.Writer) error { return renderXML(w, again(), "", "", true) },
	}
}

func TestRenderErrors(t *testing.T) {
	many := strings.Repeat(`{"a":"some text to fill the buffer"}`+"\n", 5000)
	for name, render := range renderers("{\"a\":1}\n!\n") {
		if err := render(io.Discard); !errors.Is(err, errLog) || !strings.HasPrefix(err.Error(), "read item 2: ") {
			t.Errorf("%s: damaged log: %v", name, err)
		}
	}
	for _, bad := range []string{"{\"a\":", "{\"a\":1} 2", "", "{\"a\":[1}}"} {
		for name, render := range renderers("1\n" + bad + "\n") {
			if err := render(io.Discard); err == nil || !strings.HasPrefix(err.Error(), "render item 2: ") {
				t.Errorf("%s: line %q: %v", name, bad, err)
			}
		}
	}
	for _, room := range []int{0, 10_000} {
		for name, render := range renderers(many) {
			if err := render(&fullDisk{left: room}); !errors.Is(err, errDisk) {
				t.Errorf("%s: disk full after %d bytes: %v", name, room, err)
			}
		}
	}
	again := func() iter.Seq2[json.RawMessage, error] { return linesOf("1\n") }
	if err := renderCSV(io.Discard, again, nil, '"'); err == nil {
		t.Error("comma '\"' accepted")
	}
}

func TestWriteFileAtomic(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there")
	path := filepath.Join(dir, "items.json")
	for _, text := range []string{"first", "second, longer"} {
		err := writeFileAtomic(path, func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		wantFile(t, path, text)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o644 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	wantNames(t, dir, "items.json")
}

func TestWriteFileAtomicFailure(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "items.csv")
	for name, render := range renderers("{\"a\":1}\n!\n") {
		if err := writeFileAtomic(path, render); !errors.Is(err, errLog) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		wantNames(t, dir)
	}
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeFileAtomic(path, renderers("!")["json"]); !errors.Is(err, errLog) {
		t.Error(err)
	}
	wantFile(t, path, "old")
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was lost")
			}
		}()
		_ = writeFileAtomic(path, func(io.Writer) error { panic("in render") })
	}()
	wantNames(t, dir, "items.csv")
	if err := writeFileAtomic(dir, renderers("1")["json"]); err == nil {
		t.Error("a folder was replaced by a file")
	}
	wantNames(t, filepath.Dir(dir), filepath.Base(dir))
}

func TestWriteFileAtomicUnwritable(t *testing.T) {
	never := func(io.Writer) error {
		t.Error("rendered although there is nowhere to write")
		return nil
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeFileAtomic(filepath.Join(file, "items.json"), never); err == nil {
		t.Error("written below a file")
	}
	if os.Geteuid() == 0 {
		t.Log("running as root, to whom every folder is writable")
		return
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if err := writeFileAtomic(filepath.Join(dir, "items.json"), never); !errors.Is(err, os.ErrPermission) {
		t.Errorf("unwritable folder: %v", err)
	}
}

func wantFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q, want %q (%v)", path, got, want, err)
	}
}

func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", dir, got, want)
	}
}

// Whatever the items, all formats are readable and none loses an item.
func FuzzRender(f *testing.F) {
	f.Add(`{"a":1,"b":[null,{"c":"\u0000"}]}`)
	f.Add(`"x\ud800y"`)
	f.Add(`{"":{"":{}},"<>&":" "}`)
	f.Add("[1,\r\n2]")
	f.Add(`-0.0e+10`)
	f.Fuzz(func(t *testing.T, line string) {
		lines := func() iter.Seq2[json.RawMessage, error] {
			return func(yield func(json.RawMessage, error) bool) {
				for range 2 {
					if !yield(json.RawMessage(line), nil) {
						return
					}
				}
			}
		}
		var array, table, tree bytes.Buffer
		errs := []error{
			renderJSON(&array, lines(), true),
			renderCSV(&table, lines, nil, 0),
			renderXML(&tree, lines(), "", "", false),
		}
		for _, err := range errs {
			if (err == nil) != json.Valid([]byte(line)) {
				t.Fatalf("valid %t, errors %v", json.Valid([]byte(line)), errs)
			}
		}
		if errs[0] != nil {
			return
		}
		var back []json.RawMessage
		if err := json.Unmarshal(array.Bytes(), &back); err != nil || len(back) != 2 {
			t.Errorf("%d items in the JSON: %v", len(back), err)
		}
		records, err := csv.NewReader(&table).ReadAll()
		if err != nil || len(records) != 3 && len(records) != 0 {
			t.Errorf("%d records in the CSV: %v", len(records), err)
		}
		wellFormed(t, tree.Bytes())
	})
}
