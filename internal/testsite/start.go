package testsite

import (
	"net/http/httptest"
	"testing"
)

// Start serves a new site on 127.0.0.1 until the test ends and returns it with
// its base URL, which has no slash at its end.
func Start(tb testing.TB, cfg Config) (site *Site, baseURL string) {
	tb.Helper()
	site = New(cfg)
	server := httptest.NewServer(site)
	tb.Cleanup(func() {
		server.Close()
		if err := site.Err(); err != nil {
			tb.Errorf("fake site: %v", err)
		}
	})
	return site, server.URL
}
