package clew_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/clew-crawler/clew"
)

// exampleSite serves pages by their path until done is called. Pages beginning
// with '{' are JSON.
func exampleSite(pages map[string]string) (url string, done func()) {
	return exampleServer(func(w http.ResponseWriter, r *http.Request) {
		page, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if strings.HasPrefix(page, "{") {
			w.Header().Set("Content-Type", "application/json")
		}
		fmt.Fprint(w, page)
	})
}

func exampleServer(site http.HandlerFunc) (url string, done func()) {
	server := httptest.NewServer(site)
	return server.URL, server.Close
}

// exampleChain serves n pages, 0 for no end, each with a heading and a link to the next.
func exampleChain(n int) (url string, done func()) {
	return exampleServer(func(w http.ResponseWriter, r *http.Request) {
		number := 1
		if _, err := fmt.Sscanf(r.URL.Path, "/%d", &number); err != nil && r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, "<h1>page %d</h1>", number)
		if number != n {
			fmt.Fprintf(w, `<a href="/%d">next</a>`, number+1)
		}
	})
}

// exampleDir is a folder that done removes. If it is a crawl directory it is checked
// first, and what is found is a line of output that no example wants.
func exampleDir() (dir string, done func()) {
	dir, err := os.MkdirTemp("", "clew")
	if err != nil {
		panic(err)
	}
	return dir, func() {
		if err := clew.Check(context.Background(), dir); err != nil && !errors.Is(err, clew.ErrNoCrawl) {
			fmt.Println(err)
		}
		os.RemoveAll(dir)
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
