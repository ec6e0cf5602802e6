package clew

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/clew-crawler/clew/fetch"
)

// A guardedWeb is two public sites that lead to a private one in every way they know.
type guardedWeb struct {
	public, robots string       // origins; robots.txt of the second is the private site's
	port           string       // of the private site
	private        atomic.Int64 // connections to it
	redirects      atomic.Int64 // to it, of robots.txt
}

// serve is both public sites.
func (g *guardedWeb) serve(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/":
		for _, href := range append(g.traps(), g.public+"/redirect", g.robots+"/page", g.public+"/last") {
			_, _ = fmt.Fprintln(w, href)
		}
	case "/redirect":
		http.Redirect(w, r, "http://127.0.0.1:"+g.port+"/redirected", http.StatusFound)
	case "/robots.txt":
		if strings.HasSuffix(g.robots, "//"+r.Host) {
			g.redirects.Add(1)
			http.Redirect(w, r, "http://127.0.0.1:"+g.port+"/robots.txt", http.StatusFound)
		}
	}
}

// traps are links to the private site.
func (g *guardedWeb) traps() (urls []string) {
	for i, host := range []string{
		"127.0.0.1", "LocalHost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
		"2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1.", "0.0.0.0", "0", "[::]",
	} {
		urls = append(urls, fmt.Sprintf("http://%s:%s/%d", host, g.port, i))
	}
	return urls
}

// start begins the private site, on all addresses of this machine.
func (g *guardedWeb) start(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	private := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	private.Listener = listener
	private.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			g.private.Add(1)
		}
	}
	private.Start()
	t.Cleanup(private.Close)
	_, g.port, err = net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
}

// crawl runs a crawl of all of it, by a session of the spider's own if one is given.
func (g *guardedWeb) crawl(
	t *testing.T, session fetch.Session, options fetch.HTTPOptions, ignoreRobots bool, start string,
) (r *Result, pages []string) {
	t.Helper()
	spider := &Spider{
		Name: "guarded", StartURLs: []string{g.public + start}, HTTP: options, IgnoreRobots: ignoreRobots,
		Logger: slog.New(slog.DiscardHandler),
		Parse: func(_ context.Context, page *Response, out *Output) error {
			out.Item(page.URL)
			for href := range strings.FieldsSeq(string(page.Body)) {
				out.Follow(href)
			}
			return nil
		},
	}
	if session != nil {
		spider.Sessions = map[string]fetch.Session{"": session}
	}
	r, err := Run(t.Context(), spider)
	if err != nil || r.Status != Finished {
		t.Fatalf("crawl: %v, %v", r, err)
	}
	for url, err := range Items[string](r) {
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, strings.TrimPrefix(url, g.public))
	}
	slices.Sort(pages)
	return r, pages
}

// check crawls with the guard, with and without robots.txt, and checks that no way led
// to the private site, that each failed once and says why, and that the rest went on.
// Without the guard the redirect gets there.
func (g *guardedWeb) check(t *testing.T, session func(fetch.HTTPOptions) fetch.Session) {
	t.Helper()
	for _, ignoreRobots := range []bool{false, true} {
		options := fetch.HTTPOptions{DenyPrivateNetworks: true}
		r, pages := g.crawl(t, session(options), options, ignoreRobots, "/")
		want, fails := []string{"/", "/last"}, len(g.traps())+2
		if ignoreRobots {
			want, fails = []string{"/", "/last", g.robots + "/page"}, fails-1
		}
		if n := g.private.Load(); n != 0 {
			t.Errorf("%d connections to the private site", n)
		}
		if asked := g.redirects.Load() > 0; asked == ignoreRobots {
			t.Errorf("robots.txt of %s was asked for: %v", g.robots, asked)
		}
		if !slices.Equal(pages, want) || r.Stats.Failed != int64(fails) || len(r.Failures) != fails || r.Stats.Retries != 0 {
			t.Errorf("robots ignored %v: pages %q, %d of %d failed, %d retries", ignoreRobots, pages, r.Stats.Failed, fails, r.Stats.Retries)
		}
		for _, f := range r.Failures {
			if f.Attempts > 1 || !strings.Contains(f.Reason, ": denied: ") || !strings.Contains(f.Reason, "is not a public address") {
				t.Errorf("%s failed after %d attempts: %s", f.URL, f.Attempts, f.Reason)
			}
		}
		g.redirects.Store(0)
	}
	_, pages := g.crawl(t, session(fetch.HTTPOptions{}), fetch.HTTPOptions{}, false, "/redirect")
	if g.private.Load() == 0 || !slices.Equal(pages, []string{"http://127.0.0.1:" + g.port + "/redirected"}) {
		t.Errorf("without the guard %d connections, pages %q", g.private.Load(), pages)
	}
}

// A splitSession knows the public sites by name, where there is no such network.
type splitSession struct {
	fetch.Session // for everything else
	public        fetch.Session
}

func (s splitSession) Fetch(ctx context.Context, req *fetch.Request) (*fetch.Response, error) {
	if strings.Contains(req.URL, ".example/") {
		return s.public.Fetch(ctx, req)
	}
	return s.Session.Fetch(ctx, req)
}

// TestPrivateNetworks crawls sites that lead into a private network.
func TestPrivateNetworks(t *testing.T) {
	g := &guardedWeb{public: "http://public.example", robots: "http://robots.example"}
	g.start(t)
	public, err := fetch.NewHTTP(fetch.HTTPOptions{Transport: handlerTransport{http.HandlerFunc(g.serve)}})
	if err != nil {
		t.Fatal(err)
	}
	g.check(t, func(options fetch.HTTPOptions) fetch.Session {
		s, err := fetch.NewHTTP(options)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return splitSession{s, public}
	})
}

// A handlerTransport answers by a handler.
type handlerTransport struct{ http.Handler }

func (h handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

// TestPrivateNetworksFromPublic is [TestPrivateNetworks] with sessions as they are, in a
// network of its own in which this machine has public addresses.
func TestPrivateNetworksFromPublic(t *testing.T) {
	const inside = "CLEW_TEST_PUBLIC_ADDRESSES"
	if os.Getenv(inside) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"=yes")
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		}
		out, err := cmd.CombinedOutput()
		switch {
		case cmd.Process == nil:
			t.Skipf("a network of its own cannot be had here: %v", err)
		case strings.Contains(string(out), "--- SKIP"):
			t.Skipf("%s", out)
		case err != nil || !strings.Contains(string(out), "--- PASS"):
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	g := &guardedWeb{public: "11.22.33.44", robots: "11.22.33.45"}
	for _, args := range []string{"link set lo up", "addr add 11.22.33.44/32 dev lo", "addr add 11.22.33.45/32 dev lo"} {
		if out, err := exec.CommandContext(t.Context(), "ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Skipf("no public address can be had here: ip %s: %v: %s", args, err, out)
		}
	}
	g.start(t)
	for _, origin := range []*string{&g.public, &g.robots} {
		listener, err := net.Listen("tcp", *origin+":0")
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewUnstartedServer(http.HandlerFunc(g.serve))
		server.Listener = listener
		server.Start()
		t.Cleanup(server.Close)
		*origin = "http://" + listener.Addr().String()
	}
	g.check(t, func(fetch.HTTPOptions) fetch.Session { return nil })
}
