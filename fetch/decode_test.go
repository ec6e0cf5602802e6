package fetch

import (
	"bytes"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// compress encodes as a server would; "raw" is deflate without zlib.
func compress(tb testing.TB, name string, body []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch name {
	case "gzip", "x-gzip", "GZIP":
		w = gzip.NewWriter(&out)
	case "deflate":
		w = zlib.NewWriter(&out)
	case "raw":
		w, err = flate.NewWriter(&out, flate.DefaultCompression)
	case "br":
		w = brotli.NewWriterLevel(&out, brotli.BestSpeed)
	case "zstd":
		w, err = zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
	default:
		return body
	}
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(body); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

var page = []byte("<html>" + strings.Repeat("<p>the thread leads out</p>", 4000) + "</html>")

func TestContentEncoding(t *testing.T) {
	tests := []struct {
		name   string
		header []string
		apply  []string
	}{
		{"none", nil, nil},
		{"identity", []string{"identity"}, nil},
		{"gzip", []string{"gzip"}, []string{"gzip"}},
		{"x-gzip", []string{"x-gzip"}, []string{"gzip"}},
		{"upper case", []string{" GZIP "}, []string{"gzip"}},
		{"deflate as zlib", []string{"deflate"}, []string{"deflate"}},
		{"deflate raw", []string{"deflate"}, []string{"raw"}},
		{"brotli", []string{"br"}, []string{"br"}},
		{"zstd", []string{"zstd"}, []string{"zstd"}},
		{"chain", []string{"deflate, gzip"}, []string{"raw", "gzip"}},
		{"chain of three in two fields", []string{"zstd, br", "gzip"}, []string{"zstd", "br", "gzip"}},
		{"chain with identity", []string{"gzip,identity,,br"}, []string{"gzip", "br"}},
		{"a word that is none", []string{"UTF-8"}, nil},
	}
	session := newSession(t, HTTPOptions{})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			body := page
			for _, name := range test.apply {
				body = compress(t, name, body)
			}
			server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				if got := r.Header.Get("Accept-Encoding"); got != "gzip, deflate, br, zstd" {
					t.Errorf("Accept-Encoding is %q", got)
				}
				w.Header()["Content-Encoding"] = test.header
				_, _ = w.Write(body)
			})
			for range 3 { // the second and third use pooled decoders
				res := get(t, session, server.URL)
				if !bytes.Equal(res.Body, page) {
					t.Fatalf("body has %d bytes, want %d equal ones", len(res.Body), len(page))
				}
				if res.WireBytes != int64(len(body)) {
					t.Errorf("WireBytes is %d, want %d", res.WireBytes, len(body))
				}
			}
		})
	}
}

func TestTooManyCodings(t *testing.T) {
	server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip, gzip, gzip, gzip")
		_, _ = w.Write(page)
	})
	fault := failure(t, newSession(t, HTTPOptions{}), &Request{URL: server.URL}, KindProtocol)
	if fault.Retryable() {
		t.Error("is retryable")
	}
}

func TestEmptyCompressedBody(t *testing.T) {
	session := newSession(t, HTTPOptions{})
	for _, name := range []string{"gzip", "deflate", "br", "zstd", "gzip, br"} {
		for _, status := range []int{200, 204, 304, 404} {
			server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", name)
				w.WriteHeader(status)
			})
			if res := get(t, session, server.URL); len(res.Body) != 0 || res.Status != status {
				t.Errorf("%s: got status %d and %d bytes, want %d and none", name, res.Status, len(res.Body), status)
			}
		}
	}
}

func TestHeadHasNoBody(t *testing.T) {
	server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Length", strconv.Itoa(1<<40))
	})
	res, err := newSession(t, HTTPOptions{}).Fetch(t.Context(), &Request{Method: "HEAD", URL: server.URL})
	if err != nil || len(res.Body) != 0 {
		t.Fatalf("got %+v, %v; want no body and no error", res, err)
	}
}

func TestBrokenCompressedBody(t *testing.T) {
	session := newSession(t, HTTPOptions{})
	for _, name := range []string{"gzip", "deflate", "raw", "br", "zstd"} {
		whole := compress(t, name, page)
		header := strings.Replace(name, "raw", "deflate", 1)
		corrupt := slices.Clone(whole)
		for i := len(corrupt) / 2; i < len(corrupt); i++ {
			corrupt[i] ^= 0xff
		}
		for what, body := range map[string][]byte{
			"half":      whole[:len(whole)/2],
			"one byte":  whole[:1],
			"last byte": whole[:len(whole)-1],
			"corrupt":   corrupt,
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Encoding", header)
					_, _ = w.Write(body)
				})
				fault := failure(t, session, &Request{URL: server.URL}, KindBody)
				if !fault.Retryable() || fault.HostDown() {
					t.Errorf("retryable %v, host down %v", fault.Retryable(), fault.HostDown())
				}
				// The decoder it leaves in the pool must be as good as new.
				good := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Encoding", header)
					_, _ = w.Write(whole)
				})
				if res := get(t, session, good.URL); !bytes.Equal(res.Body, page) {
					t.Error("the next body is wrong")
				}
			})
		}
	}
}

func TestBombStaysSmall(t *testing.T) {
	const limit = 1 << 20
	zeros := make([]byte, 10<<20)
	bombs := map[string][]byte{ // 100 MiB; brotli streams cannot be joined: 10
		"gzip": bytes.Repeat(compress(t, "gzip", zeros), 10),
		"zstd": bytes.Repeat(compress(t, "zstd", zeros), 10),
		"br":   compress(t, "br", zeros),
	}
	bombs["gzip, gzip"] = compress(t, "gzip", bombs["gzip"])
	for name, bomb := range bombs {
		t.Run(name, func(t *testing.T) {
			server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", name)
				_, _ = w.Write(bomb)
			})
			session := newSession(t, HTTPOptions{MaxBody: limit})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			fault := failure(t, session, &Request{URL: server.URL}, KindTooLarge)
			runtime.ReadMemStats(&after)
			if fault.Retryable() {
				t.Error("is retryable")
			}
			if !strings.Contains(fault.Error(), strconv.Itoa(limit)) {
				t.Errorf("%q does not name the limit", fault)
			}
			// Growing a buffer to the limit and a decoder's window cost a few
			// times the limit; the bomb would be a hundred times.
			if used := after.TotalAlloc - before.TotalAlloc; used > 40<<20 {
				t.Errorf("allocated %d MiB", used>>20)
			}
		})
	}
}

func TestZstdWindowIsBounded(t *testing.T) {
	// Magic, a descriptor without size, and a window of 16 MiB (RFC 8878).
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 14 << 3, 0x01, 0x00, 0x00}
	server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "zstd")
		_, _ = w.Write(frame)
	})
	session := newSession(t, HTTPOptions{})
	for range 2 {
		fails(t, session, &Request{URL: server.URL}, KindTooLarge)
	}
}

// A compressed stream that never yields a byte must end too.
func TestCompressedNothingIsBounded(t *testing.T) {
	nothing := compress(t, "gzip", nil)
	server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		for range 1 << 20 {
			if _, err := w.Write(nothing); err != nil {
				return
			}
		}
	})
	fails(t, newSession(t, HTTPOptions{MaxBody: 1000}), &Request{URL: server.URL}, KindTooLarge)
}

func FuzzParseCodings(f *testing.F) {
	for _, seed := range []string{"", "gzip", "gzip, br", "identity,,x-gzip\t,", "zstd,zstd,zstd,zstd", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		codings, err := parseCodings([]string{value})
		if len(codings) > maxCodings {
			t.Fatalf("%q: %d codings", value, len(codings))
		}
		if err != nil && kindOf(err, 0) != KindProtocol {
			t.Fatalf("%q: %v", value, err)
		}
		for _, c := range codings {
			if c < 0 || c >= codingRawDeflate {
				t.Fatalf("%q: coding %d", value, c)
			}
		}
	})
}

// FuzzDecode feeds decoders bytes of no kind: they may fail, but neither panic
// nor go beyond the limit.
func FuzzDecode(f *testing.F) {
	for i, name := range []string{"gzip", "deflate", "br", "zstd", "raw"} {
		f.Add(uint8(i), compress(f, name, []byte("a clew of thread")))
	}
	shared := new(codecs)
	f.Fuzz(func(t *testing.T, kind uint8, body []byte) {
		const limit = 1 << 16
		r, release, err := shared.open(bytes.NewReader(body), []coding{coding(kind) % codingRawDeflate}, limit)
		defer release()
		if err != nil {
			return
		}
		var res Response
		if err := shared.readAll(&res, r, -1, bodyLimit{bytes: limit}); err == nil && len(res.Body) > limit {
			t.Fatalf("%d bytes", len(res.Body))
		}
		res.Release()
	})
}
