package cli

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// TestRequeue puts a request back that failed, and crawls again when the site is mended.
func TestRequeue(t *testing.T) {
	var mended atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !mended.Load() {
			http.Redirect(w, r, "/again", http.StatusFound)
		}
	}))
	defer server.Close()
	dir := crawlDir(t)
	crawl := []string{"crawl", server.URL, "--crawl-dir", dir, "--ignore-robots"}
	if code, out, _ := typed(t, crawl...); code != exitFailed {
		t.Fatalf("redirects for ever: exit code %d, %q", code, out)
	}
	mended.Store(true)
	if code, out, err := typed(t, "requeue", dir, "--match", "nothing like it"); code != 0 || out != "0 requests put back\n" {
		t.Errorf("without a match: exit code %d, %q, %q", code, out, err)
	}
	if code, out, err := typed(t, "requeue", dir, "--match", "redirects$"); code != 0 || out != "1 request put back\n" {
		t.Errorf("with a match: exit code %d, %q, %q", code, out, err)
	}
	if code, out, err := typed(t, crawl...); code != 0 || !strings.HasPrefix(out, "finished: 1 page, 1 item, 0 failed") {
		t.Errorf("mended: exit code %d, %q, %q", code, out, err)
	}
	for _, wrong := range [][]string{{"requeue"}, {"requeue", dir, "--match", "("}} {
		if code, _, err := typed(t, wrong...); code != exitUsage || !strings.Contains(err, "clew: ") {
			t.Errorf("%q: exit code %d, %q", wrong, code, err)
		}
	}
	if code, _, err := typed(t, "requeue", t.TempDir()); code != exitFailed || !strings.Contains(err, "not a crawl directory") {
		t.Errorf("no crawl: exit code %d, %q", code, err)
	}
}
