package testsite_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/clew-crawler/clew/internal/testsite"
)

func ExampleNew() {
	site := testsite.New(testsite.Config{Seed: 1, Pages: 3, Chain: true})
	for _, path := range site.PagePaths() {
		w := httptest.NewRecorder()
		site.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	}
	for i, path := range site.PagePaths() {
		fmt.Println(path, len(site.Items(i)), "items, asked for", site.Hits()[path], "time")
	}
	// Output:
	// / 3 items, asked for 1 time
	// /page/1?lang=pt&sort=old&view=43 3 items, asked for 1 time
	// /page/2 3 items, asked for 1 time
}
