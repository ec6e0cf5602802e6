package links

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"unsafe"
)

// TestResolveCopies checks that what a Base gives is no part of the link, stays as it
// is whatever is resolved after it, and keeps little memory alive.
func TestResolveCopies(t *testing.T) {
	base, err := NewBase("https://e.com/a/b?c")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			var got, want []string
			for n := range 200 {
				tail := fmt.Sprint(worker, "/", n, strings.Repeat("x", n*n%500))
				for front, full := range map[string]string{
					"": "https://e.com/a/", "https://e.com/": "https://e.com/", "/": "https://e.com/", "../": "https://e.com/",
					"#": "https://e.com/a/b?c#", "?": "https://e.com/a/b?", "HTTPS://e.com/": "https://e.com/",
				} {
					memory := []byte(front + tail)
					url, err := base.Resolve(unsafe.String(&memory[0], len(memory)))
					if err != nil {
						t.Error(err)
					}
					clear(memory)
					got, want = append(got, url), append(want, full+tail)
				}
				if url, err := base.Resolve(""); err != nil || url != base.url || unsafe.StringData(url) == unsafe.StringData(base.url) {
					t.Errorf("no link is %q, %v", url, err)
				}
			}
			for i := range got {
				if got[i] != want[i] {
					t.Errorf("%q is now %q", want[i], got[i])
				}
			}
		})
	}
	wait.Wait()
	if size := base.made.Cap(); size > 1<<10 {
		t.Errorf("results share %d bytes", size)
	}
}

// TestGarbage holds what telling forty links of a page apart allocates: six times when
// this was written.
func TestGarbage(t *testing.T) {
	hrefs := make([]string, 40)
	for i := range hrefs {
		hrefs[i] = fmt.Sprintf("/catalogue/books/item-number-%d/index.html?page=%d", i, i)
	}
	n := testing.AllocsPerRun(100, func() {
		base, err := NewBase("https://example.com/catalogue/index.html")
		if err != nil {
			t.Fatal(err)
		}
		for _, href := range hrefs {
			url, err := base.Resolve(href)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := (Recipe{}).Identify(Identity{URL: url}); err != nil {
				t.Fatal(err)
			}
		}
	})
	if n > 8 {
		t.Errorf("%v allocations", n)
	}
}
