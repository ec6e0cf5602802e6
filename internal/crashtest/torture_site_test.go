package crashtest

import (
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/clew-crawler/clew/internal/testsite"
)

// notYetHeader marks an answer whose page says that it is not ready yet.
const notYetHeader = "X-Not-Yet"

// Extras stand before a [testsite.Site] and serve what it lacks:
//
//	POST /form/N   a page, for every second N by way of /thanks/N
//	/again/N       a page that is worth more than one visit
//	/chain/N/0     redirects that never end
//
// The first answer of one page in eight says that the page is not ready yet.
type extras struct {
	site   *testsite.Site
	notYet bool

	mu    sync.Mutex
	asked map[string]bool
}

// Reset forgets every request.
func (e *extras) Reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = nil
}

// ServeHTTP implements [http.Handler].
func (e *extras) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch kind {
	case "form":
		e.form(w, r, rest)
	case "thanks", "again":
		e.page(w, kind+" "+rest)
	case "chain":
		from, hop, _ := strings.Cut(rest, "/")
		n, _ := strconv.Atoi(hop) // the spider counts from 0
		http.Redirect(w, r, fmt.Sprintf("/chain/%s/%d", from, n+1), http.StatusFound)
	default:
		if e.notYet && hashOf(r.URL.Path)%8 == 0 && e.first(r.Host+r.URL.RequestURI()) {
			w.Header().Set(notYetHeader, "1")
		}
		e.site.ServeHTTP(w, r)
	}
}

// form answers what was posted with a page that shows it.
func (e *extras) form(w http.ResponseWriter, r *http.Request, rest string) {
	n, err := strconv.Atoi(rest)
	body, rerr := io.ReadAll(r.Body)
	switch {
	case err != nil || rerr != nil || r.Method != http.MethodPost || r.URL.Query().Get("p") != rest:
		http.Error(w, "not a form", http.StatusBadRequest)
	case n%2 == 0:
		http.Redirect(w, r, "/thanks/"+rest, http.StatusSeeOther)
	default:
		e.page(w, fmt.Sprintf("form %s %x", rest, hashOf(string(body))))
	}
}

func (e *extras) page(w http.ResponseWriter, title string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusOK)
	_, _ = fmt.Fprintf(w, "<!DOCTYPE html>\n<title>%s</title>\n", title) // a client that left is noted as such
}

// first reports whether something is asked for the first time.
func (e *extras) first(what string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.asked == nil {
		e.asked = map[string]bool{}
	}
	known := e.asked[what]
	e.asked[what] = true
	return !known
}

func hashOf(s string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, s) // a hash never fails to write
	return h.Sum64()
}
