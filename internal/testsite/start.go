package testsite

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// TB is what [Start] needs of a testing.TB. Package testing is not imported, so
// that a program that serves a site does not link it.
type TB interface {
	Helper()
	Cleanup(func())
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Start serves a new site on 127.0.0.1 until the test ends and returns it with
// its base URL, which has no slash at its end.
func Start(tb TB, cfg Config) (site *Site, baseURL string) {
	tb.Helper()
	site = New(cfg)
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("fake site: %v", err)
	}
	server := &http.Server{Handler: site, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	tb.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections() // as most tests use it
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			_ = server.Close() // whoever holds a connection has had its time
		}
		if err := errors.Join(<-ended, site.Err()); !errors.Is(err, http.ErrServerClosed) || site.Err() != nil {
			tb.Errorf("fake site: %v", err)
		}
	})
	return site, "http://" + listener.Addr().String()
}
