package clew

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/clew-crawler/clew/frontier"
)

// FuzzRequest stores requests of all kinds and reads them back: nothing is lost, and
// stored again they have the same identity and the same bytes.
func FuzzRequest(f *testing.F) {
	s := &Spider{Name: "fuzz", Parse: func(context.Context, *Response, *Output) error { return nil }}
	f.Fuzz(func(t *testing.T, rawURL, method, name, value, cookie, meta string, body []byte, priority int32, timeout int64) {
		r := &Request{
			URL: rawURL, Method: method, Header: http.Header{name: {value}}, Body: body,
			Cookies: []*http.Cookie{{Name: cookie, Value: value}}, Priority: int(priority),
			Timeout: time.Duration(timeout), Meta: map[string]any{name: meta, "list": []any{meta, priority}},
		}
		task, err := s.encode(r, origin{depth: 3, referer: "https://e.com/", chain: []string{"https://e.com/from"}, plain: true})
		if text := utf8.ValidString(name + value + cookie + method); err == nil && !text {
			t.Errorf("%+v is stored, though it holds what is no text", r)
		}
		if err != nil || !utf8.ValidString(meta) {
			return // meta is JSON, which holds text only
		}
		back, st, err := decode(&task)
		if err != nil {
			t.Fatalf("%+v is stored as %s, which cannot be read: %v", r, task.Payload, err)
		}
		if st.Depth != 3 || !st.Plain || !bytes.Equal(back.Body, body) || back.Timeout != r.Timeout || back.Priority != r.Priority {
			t.Errorf("%+v comes back as %+v", r, back)
		}
		again, err := s.encode(back, origin{depth: st.Depth, referer: st.Referer, chain: st.Chain, plain: st.Plain})
		if err != nil || again.Fingerprint != task.Fingerprint || again.Host != task.Host || !bytes.Equal(again.Payload, task.Payload) {
			t.Errorf("stored again, %s becomes %s, %v", task.Payload, again.Payload, err)
		}
		if back.Header.Get(name) != r.Header.Get(name) || back.Method != strings.ToUpper(method) && method != "" {
			t.Errorf("%q %q: %q comes back as %q %v", method, name, value, back.Method, back.Header)
		}
		if len(back.Cookies) != 1 || back.Cookies[0].Name != cookie || back.Cookies[0].Value != value {
			t.Errorf("cookie %q=%q comes back as %v", cookie, value, back.Cookies)
		}
	})
}

// FuzzPayload reads any bytes as a stored request: it is one, and then it is stored
// as one that reads the same, or it is damage.
func FuzzPayload(f *testing.F) {
	f.Fuzz(func(t *testing.T, payload []byte) {
		r, st, err := decode(&frontier.Task{Payload: payload})
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("%v is not damage", err)
			}
			return
		}
		first, err := json.Marshal(st)
		if err != nil {
			t.Fatal(err)
		}
		_, back, err := decode(&frontier.Task{Payload: first})
		if err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		if second, err := json.Marshal(back); err != nil || !bytes.Equal(first, second) {
			t.Errorf("%s, then %s, %v", first, second, err)
		}
		if r.URL != st.URL || r.Method == "" {
			t.Errorf("%q %q", r.Method, r.URL)
		}
	})
}

// FuzzReport puts any bytes in the place of the report of a finished crawl: Open gives
// a result with sound items, goes on with the crawl, or refuses, and touches nothing.
func FuzzReport(f *testing.F) {
	s := &Spider{
		Name: "fuzz", StartURLs: []string{"https://e.com/"}, Logger: slog.New(slog.DiscardHandler), IgnoreRobots: true,
		Parse: func(context.Context, *Response, *Output) error { return nil },
	}
	f.Fuzz(func(t *testing.T, identity, report, items []byte) {
		fs := vfs.NewMem()
		for name, data := range map[string][]byte{"crawl.json": identity, "report.json": report, "items.jsonl": items} {
			if len(data) > 0 || name != "crawl.json" {
				fuzzFile(t, fs, "/crawl/"+name, data)
			}
		}
		c, err := Open(s, OnDamage(Refuse), func(o *options) { o.dir, o.fs = "/crawl", fs })
		if err != nil {
			for _, known := range []error{ErrDamaged, ErrMismatch, ErrNewerFormat} {
				if errors.Is(err, known) {
					return
				}
			}
			t.Fatalf("%v says nothing", err)
		}
		r, err := c.Run(t.Context())
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
		if err == nil && r.Stats.ItemBytes > int64(len(items)) {
			t.Errorf("%d bytes of items out of %d", r.Stats.ItemBytes, len(items))
		}
	})
}

func fuzzFile(tb testing.TB, fs vfs.FS, name string, data []byte) {
	tb.Helper()
	if err := fs.MkdirAll("/crawl", 0o700); err != nil {
		tb.Fatal(err)
	}
	file, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		tb.Fatal(err)
	}
	_, err = file.Write(bytes.Clone(data)) // the file may keep or change what it is given
	if err := errors.Join(err, file.Close()); err != nil {
		tb.Fatal(err)
	}
}

// FuzzStatus reads any bytes as what a running process says, as a status file and as a
// report: what can be read can be written, and reads the same.
func FuzzStatus(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		sameJSON[Inspection](t, data)
		sameJSON[Result](t, data)
		sameJSON[Stats](t, data)
		sameJSON[storedRobots](t, data)
	})
}

// sameJSON holds that a value that was read from JSON survives being written and read.
func sameJSON[T any](t *testing.T, data []byte) {
	t.Helper()
	var v, back T
	if json.Unmarshal(data, &v) != nil {
		return
	}
	first, err := json.Marshal(&v)
	if err != nil {
		return // a time that has no JSON
	}
	if err := json.Unmarshal(first, &back); err != nil {
		t.Errorf("%T: %s: %v", v, first, err)
	}
	if second, err := json.Marshal(&back); err != nil || !bytes.Equal(first, second) {
		t.Errorf("%T: %s, then %s, %v", v, first, second, err)
	}
}

// FuzzItemLines cuts any bytes into lines, however they arrive: all of them, and an
// error at the end if the last one is not whole.
func FuzzItemLines(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte, repeat uint16) {
		data = bytes.Repeat(data, 1+int(repeat)%(1+(200<<10)/(len(data)+1))) // lines longer than the buffer, too
		for name, r := range map[string]io.Reader{
			"whole": bytes.NewReader(data), "halves": iotest.HalfReader(bytes.NewReader(data)),
			"with the error": iotest.DataErrReader(bytes.NewReader(data)),
		} {
			var got []byte
			var failed error
			for line, err := range readLines(r) {
				if failed = err; err != nil {
					break
				}
				if bytes.IndexByte(line, '\n') >= 0 {
					t.Errorf("%s: line %q holds a newline", name, line)
				}
				got = append(append(got, line...), '\n')
			}
			whole := len(data) == 0 || data[len(data)-1] == '\n'
			if want := data[:bytes.LastIndexByte(data, '\n')+1]; !bytes.Equal(got, want) || (failed == nil) != whole {
				t.Errorf("%s: %d bytes of lines out of %d, want %d; error %v", name, len(got), len(data), len(want), failed)
			}
		}
	})
}

// FuzzItems decodes any lines as typed items, of one kind or of all: as many as there
// are, each one or an error that names its line.
func FuzzItems(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte, kind string) {
		r := &Result{open: func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(append(bytes.TrimRight(data, "\n"), '\n'))), nil
		}}
		lines := 1 + bytes.Count(bytes.TrimRight(data, "\n"), []byte("\n"))
		n := 0
		for _, err := range Items[map[string]any](r) {
			if n++; err != nil && !strings.Contains(err.Error(), "item "+strconv.Itoa(n)) {
				t.Errorf("error %q does not name line %d", err, n)
			}
		}
		if n != lines {
			t.Errorf("%d items out of %d lines", n, lines)
		}
		for item, err := range Items[map[string]any](r, kind) {
			has := kind == ""
			for name, value := range item {
				has = has || strings.EqualFold(name, "_kind") && value == kind // as encoding/json has it
			}
			if err == nil && !has {
				t.Errorf("%v is not of kind %q", item, kind)
			}
		}
	})
}

// FuzzSessionKey holds that what sessions keep is kept apart, whatever their names.
func FuzzSessionKey(f *testing.F) {
	f.Fuzz(func(t *testing.T, session, key, otherSession, otherKey string) {
		stored := sessionKey(session, key)
		if s, k := splitSessionKey(stored); s != session || k != key {
			t.Errorf("%q, %q is stored as %q and read as %q, %q", session, key, stored, s, k)
		}
		if stored == sessionKey(otherSession, otherKey) && (session != otherSession || key != otherKey) {
			t.Errorf("%q, %q and %q, %q have one key", session, key, otherSession, otherKey)
		}
		splitSessionKey(key)
	})
}

// fuzzValues is a store of which only the values are asked for.
type fuzzValues struct {
	frontier.Store
	all []frontier.Value
}

func (s fuzzValues) Values(context.Context, string, *string) iter.Seq2[frontier.Value, error] {
	return func(yield func(frontier.Value, error) bool) {
		for _, v := range s.all {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// FuzzSuspects reads any bytes as the notes of what was being handled, and as counts
// of deaths: a page dies at most as often as it is noted.
func FuzzSuspects(f *testing.F) {
	path := filepath.Join(f.TempDir(), handlingName)
	f.Fuzz(func(t *testing.T, notes []byte, key string, count []byte) {
		head := runMark(7)
		if err := os.WriteFile(path, append(head[:], notes...), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, found, err := openSuspects(path, 8); len(found) > 0 || errors.Join(err, s.close(false)) != nil {
			t.Errorf("notes of another run: %x, %v", found, err)
		}
		s, found, err := openSuspects(path, 7)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.close(true); err != nil {
			t.Error(err)
		}
		if len(found) > len(notes)/16 || slices.Contains(found, frontier.Fingerprint{}) {
			t.Errorf("%x notes %x", notes, found)
		}
		counts, values, err := deaths(t.Context(), fuzzValues{all: []frontier.Value{{Kind: kindDeaths, Key: key, Data: count}}}, found)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("%v is not damage", err)
			}
			return
		}
		if len(counts) > len(found)+1 || len(values) != len(found) {
			t.Errorf("%d notes make %d counts, %d of them stored", len(found), len(counts), len(values))
		}
	})
}

// FuzzStoredRobots reads any bytes as a stored robots.txt: rules, or damage.
func FuzzStoredRobots(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte, target string) {
		k := newRobotsKeeper("clew", func(context.Context, string, string) ([]byte, error) { return data, nil })
		rules, err := k.load(t.Context(), conHost)
		switch {
		case err != nil:
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("%v is not damage", err)
			}
		case rules == nil && data != nil:
			t.Error("neither rules nor an error")
		case rules != nil && rules.lost == "" && target != "":
			first, err1 := k.allowed(t.Context(), conHost, target)
			second, err2 := k.allowed(t.Context(), conHost, target)
			if first != second || err1 != nil || err2 != nil {
				t.Errorf("%q: %t, %v, then %t, %v", target, first, err1, second, err2)
			}
		}
	})
}

// FuzzMeta holds that what a request carries is the same for its handler after any
// number of stops.
func FuzzMeta(f *testing.F) {
	s := &Spider{Name: "fuzz", Parse: func(context.Context, *Response, *Output) error { return nil }}
	f.Fuzz(func(t *testing.T, key string, raw []byte) {
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		var v any
		if dec.Decode(&v) != nil {
			return
		}
		r := &Request{URL: "https://e.com/", Meta: map[string]any{key: v}}
		for range 3 {
			task, err := s.encode(r, origin{})
			if err != nil {
				return
			}
			back, _, err := decode(&task)
			if err != nil {
				t.Fatal(err)
			}
			if want := (map[string]any{strings.ToValidUTF8(key, "\ufffd"): v}); len(key) < 100 && strings.ToValidUTF8(key, "") == key && !reflect.DeepEqual(back.Meta, want) {
				t.Fatalf("%v comes back as %v", want, back.Meta)
			}
			r = back
		}
	})
}
