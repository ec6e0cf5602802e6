package fetch

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// lendingServer answers with as many letters as the path asks for, by their number.
func lendingServer(t *testing.T) string {
	t.Helper()
	return newServer(t, func(w http.ResponseWriter, r *http.Request) {
		size, letter, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
		n, _ := strconv.Atoi(size)
		body := bytes.Repeat([]byte(letter), n)
		if r.URL.RawQuery == "gzip" {
			body = compress(t, "gzip", body)
			w.Header().Set("Content-Encoding", "gzip")
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	}).URL
}

// What was released takes later bodies, and what was not stays as it is.
func TestRelease(t *testing.T) {
	server := lendingServer(t)
	session := newSession(t, HTTPOptions{MaxBody: 8 << 20})
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			type held struct {
				res    *Response
				letter byte
				size   int
			}
			var kept []held
			for i, size := range []int{1, 4095, 4096, 4097, 12000, 0, 1 << 20, 1<<20 + 1, 3 << 20, 12000, 4096, 70000, 12000} {
				letter := byte('a' + (4*i+worker)%26)
				target := server + "/" + strconv.Itoa(size) + "/" + string(letter)
				if i%2 == 1 {
					target += "?gzip"
				}
				res, err := session.Fetch(context.Background(), &Request{URL: target})
				if err != nil {
					t.Error(err)
					return
				}
				kept = append(kept, held{res, letter, size})
				for _, h := range kept {
					if len(h.res.Body) != h.size || bytes.Count(h.res.Body, []byte{h.letter}) != h.size {
						t.Errorf("%d %c became %d others", h.size, h.letter, len(h.res.Body))
					}
				}
				if len(kept) > 3 {
					kept[0].res.Release()
					if kept[0].res.Body != nil {
						t.Error("a released response has a body")
					}
					kept[0].res.Release() // has nothing left to give
					kept = kept[1:]
				}
			}
		})
	}
	wait.Wait()
	new(Response).Release()
}

// A page's body takes no memory of its own if those before it were released.
func TestReleaseSavesMemory(t *testing.T) {
	const size = 1 << 19
	target := lendingServer(t) + "/" + strconv.Itoa(size) + "/x"
	session := newSession(t, HTTPOptions{})
	again := 0
	var last *byte
	for range 50 {
		res, err := session.Fetch(t.Context(), &Request{URL: target})
		if err != nil {
			t.Fatal(err)
		}
		if first := &res.Body[0]; first == last {
			again++
		} else {
			last = first
		}
		res.Release()
	}
	if again == 0 {
		t.Error("no memory was used again")
	}
}
