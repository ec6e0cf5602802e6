package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/internal/testsite"
)

func readPages(t *testing.T, path string) []sitePage {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return parsePages(t, string(data))
}

func parsePages(t *testing.T, lines string) (pages []sitePage) {
	t.Helper()
	for line := range strings.Lines(lines) {
		var p sitePage
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		pages = append(pages, p)
	}
	slices.SortFunc(pages, func(a, b sitePage) int { return strings.Compare(a.URL, b.URL) })
	return pages
}

// TestCrawlScope crawls a site whose start URL leads to another host, and whose
// pages link and redirect to others.
func TestCrawlScope(t *testing.T) {
	page := func(title, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = fmt.Fprintf(w, "<title> %s\n</title>%s", title, body)
		}
	}
	var strangers atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/robots.txt" && r.URL.Path != "/landed" {
			strangers.Add(1)
		}
		page("elsewhere", `<a href="/deeper">deeper</a>`)(w, r)
	}))
	defer elsewhere.Close()
	mux := http.NewServeMux()
	home := httptest.NewServer(mux)
	defer home.Close()
	start := httptest.NewServer(http.RedirectHandler(home.URL+"/home", http.StatusFound))
	defer start.Close()
	mux.HandleFunc("/home", page("Home  page", `<a href="/a">a</a> <a href="b">b</a> <a href="/file">f</a> <a href="/gone">g</a>
		<a href="/away">away</a> <a href="`+elsewhere.URL+`/linked">x</a> <a href="`+start.URL+`/other">s</a>`))
	mux.HandleFunc("/a", page("A", `<a href="/home">home</a><a href="/b#part">b</a>`))
	mux.HandleFunc("/b", page("B", ""))
	mux.HandleFunc("/file", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = fmt.Fprint(w, `<a href="/never">`)
	})
	mux.Handle("/away", http.RedirectHandler(elsewhere.URL+"/landed", http.StatusMovedPermanently))
	mux.HandleFunc("/robots.txt", http.NotFound)
	mux.HandleFunc("/gone", http.NotFound)

	dir := crawlDir(t)
	code, out, errs := typed(t, "crawl", start.URL, "--crawl-dir", dir)
	if code != 0 || !strings.HasPrefix(out, "finished: 6 pages, 5 items, 0 failed") {
		t.Fatalf("exit code %d, %q, %s", code, out, errs)
	}
	got := readPages(t, filepath.Join(dir, "items.jsonl"))
	for i := range got {
		got[i].Bytes = min(got[i].Bytes, 1)
	}
	want := []sitePage{
		{home.URL + "/a", 200, "A", 2, 1, 1},
		{home.URL + "/b", 200, "B", 0, 1, 1},
		{home.URL + "/file", 200, "", 0, 1, 1},
		{home.URL + "/gone", 404, "", 0, 1, 1},
		{home.URL + "/home", 200, "Home page", 7, 1, 0},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if n := strangers.Load(); n > 0 {
		t.Errorf("%d pages of another host were fetched", n)
	}
	if i, err := clew.Inspect(dir); err != nil || i.Stats.Custom["offsite"] != 1 {
		t.Errorf("offsite pages counted: %v, %v", i, err)
	}
}

func TestCrawlFinished(t *testing.T) {
	site, base := testsite.Start(t, testsite.Config{Seed: 3, Pages: 50, RedirectRate: 0.2, Login: true})
	dir := crawlDir(t)
	code, out, _ := typed(t, "crawl", base, "--crawl-dir", dir, "--json")
	var result struct {
		Status, Items string
		CrawlDir      string `json:"crawl_dir"`
		Stats         struct{ Pages, Items int }
	}
	if err := json.Unmarshal([]byte(out), &result); code != 0 || err != nil {
		t.Fatalf("exit code %d, %v in %q", code, err, out)
	}
	if result.Status != "finished" || result.Stats.Pages != 50 || result.CrawlDir != dir || result.Items != filepath.Join(dir, "items.jsonl") {
		t.Errorf("result %+v", result)
	}
	asked := len(site.Log())
	code, out, _ = typed(t, "crawl", base+"/", "--crawl-dir", dir)
	if code != 0 || !strings.HasPrefix(out, "finished already: 50 pages, 50 items") || !strings.Contains(out, "\nanew:   clew crawl "+base+"/ --crawl-dir "+dir+" --fresh\n") {
		t.Errorf("once more: exit code %d, %q", code, out)
	}
	if len(site.Log()) != asked {
		t.Errorf("a finished crawl was crawled again")
	}
	code, out, _ = typed(t, "crawl", base, "--crawl-dir", dir, "--fresh")
	if code != 0 || !strings.HasPrefix(out, "finished: 50 pages, 50 items") || len(site.Log()) == asked {
		t.Errorf("anew: exit code %d, %q", code, out)
	}
}

func TestCrawlWithoutDirectory(t *testing.T) {
	_, base := testsite.Start(t, testsite.Config{Pages: 20})
	code, out, err := typed(t, "crawl", base)
	if pages := parsePages(t, out); code != 0 || len(pages) != 20 {
		t.Errorf("exit code %d, %d items", code, len(pages))
	}
	if !strings.Contains(err, "finished: 20 pages, 20 items") {
		t.Errorf("no summary in %q", err)
	}
	code, out, err = typed(t, "crawl", base, "--max-pages", "5")
	if pages := parsePages(t, out); code != exitPaused || len(pages) != 5 || strings.Contains(err, "resume:") {
		t.Errorf("with a limit: exit code %d, %d items, %s", code, len(pages), err)
	}
}

// TestCrawlNobody crawls a site that nobody serves, until its time is up: without a
// directory there is nothing to go on with, and the command has failed.
func TestCrawlNobody(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	args := []string{"crawl", server.URL, "--max-duration", "200ms"}
	code, out, errs := typed(t, args...)
	last := strings.Split(strings.TrimSuffix(errs, "\n"), "\n")
	if code != exitFailed || out != "" || !strings.HasPrefix(last[len(last)-1], "clew: no page could be read: ") {
		t.Errorf("exit code %d, %q, %s", code, out, errs)
	}
	code, out, errs = typed(t, append(args, "--crawl-dir", crawlDir(t))...)
	if code != exitPaused || !strings.Contains(out, "\nresume: clew crawl ") || strings.Contains(errs, "clew:") {
		t.Errorf("with a directory: exit code %d, %q, %s", code, out, errs)
	}
}

// TestCrawlNothing crawls a site that lets nobody in, and one without a page.
func TestCrawlNothing(t *testing.T) {
	_, base := testsite.Start(t, testsite.Config{RobotsTxt: "User-agent: *\nDisallow: /\n"})
	code, out, errs := typed(t, "crawl", base, "--crawl-dir", crawlDir(t))
	if code != 0 || !strings.HasPrefix(out, "finished: 0 pages, 0 items, 0 failed") {
		t.Errorf("disallowed: exit code %d, %q, %q", code, out, errs)
	}
	server := httptest.NewServer(http.RedirectHandler("/again", http.StatusFound))
	defer server.Close()
	dir := crawlDir(t)
	code, out, errs = typed(t, "crawl", server.URL, "--crawl-dir", dir, "--ignore-robots")
	if code != exitFailed || !strings.HasPrefix(out, "finished: 0 pages, 0 items, 1 failed") {
		t.Errorf("redirects for ever: exit code %d, %q", code, out)
	}
	if !strings.Contains(errs, "clew: no page could be read; "+server.URL) || !strings.Contains(errs, " requeue "+dir) {
		t.Errorf("redirects for ever: %q", errs)
	}
	code, out, _ = typed(t, "status", dir)
	if code != 0 || !strings.Contains(out, "failed requests\n  "+server.URL) {
		t.Errorf("status: exit code %d, %q", code, out)
	}
}

// TestLimitsAndResume pauses at a limit of pages again and again; the items are
// those of a crawl without one.
func TestLimitsAndResume(t *testing.T) {
	_, base := testsite.Start(t, testsite.Config{Seed: 5, Pages: 60})
	_, want, _ := typed(t, "crawl", base)
	dir := crawlDir(t)
	runs := 0
	for code := exitPaused; code == exitPaused; runs++ {
		var out, errs string
		code, out, errs = typed(t, "crawl", base, "--crawl-dir", dir, "--max-pages", "25", "--concurrency", "4")
		if code != exitPaused && code != exitFinished || runs > 5 {
			t.Fatalf("run %d: exit code %d, %s", runs, code, errs)
		}
		if resume := "resume: clew crawl " + base + " --crawl-dir " + dir + " --max-pages 25 --concurrency 4\n"; (code == exitPaused) != strings.Contains(out, resume) {
			t.Errorf("run %d, exit code %d: %q", runs, code, out)
		}
	}
	if runs != 3 {
		t.Errorf("%d runs of 25 pages, want 3", runs)
	}
	got, wanted := readPages(t, filepath.Join(dir, "items.jsonl")), parsePages(t, want)
	for _, pages := range [][]sitePage{got, wanted} {
		for i := range pages {
			pages[i].Depth, pages[i].URL = 0, "" // the spelling of the link that came first
		}
		slices.SortFunc(pages, func(a, b sitePage) int { return strings.Compare(a.Title, b.Title) })
	}
	if !slices.Equal(got, wanted) {
		t.Errorf("%d items, want %d:\n%+v\n%+v", len(got), len(wanted), got, wanted)
	}
}

// hanging is a site whose page /hang never answers; reached is closed when it is
// asked for.
func hanging(t *testing.T) (base string, reached <-chan struct{}) {
	t.Helper()
	asked := make(chan struct{})
	var once atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			w.Header().Set("Content-Type", "text/html")
			_, _ = fmt.Fprint(w, `<a href="/hang">hang</a>`)
		case "/hang":
			if !once.Swap(true) {
				close(asked)
			}
			<-r.Context().Done()
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func TestSignals(t *testing.T) {
	base, reached := hanging(t)
	dir := crawlDir(t)
	term := newTerminal()
	ended := term.start(t.Context(), "crawl", base, "--crawl-dir", dir)
	<-reached
	term.signals <- os.Interrupt
	select {
	case code := <-ended:
		t.Fatalf("a page in flight was not waited for: exit code %d, %s", code, term.err.String())
	case <-time.After(100 * time.Millisecond):
	}
	begun := time.Now()
	term.signals <- os.Interrupt
	if code := <-ended; code != exitPaused {
		t.Errorf("exit code %d, %s", code, term.err.String())
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("stopping at once took %v", took)
	}
	errs := term.err.String()
	for _, says := range []string{"pausing… press Ctrl+C again to stop at once\n", "stopping at once; pages in flight will be fetched again\n"} {
		if strings.Count(errs, says) != 1 {
			t.Errorf("%q is not said once in:\n%s", says, errs)
		}
	}
	if out := term.out.String(); !strings.HasPrefix(out, "paused (asked to pause): 1 page, 1 item, 0 failed") || !strings.Contains(out, "1 request left\n") {
		t.Errorf("result %q", out)
	}
}

func TestStatusAndPause(t *testing.T) {
	base, reached := hanging(t)
	dir := crawlDir(t)
	term := newTerminal()
	ended := term.start(t.Context(), "crawl", base, "--crawl-dir", dir, "--pause-timeout", "200ms")
	<-reached
	code, out, _ := typed(t, "status", dir)
	if code != 0 || !strings.Contains(out, fmt.Sprintf("state     running, by process %d\n", os.Getpid())) ||
		!strings.Contains(out, "left      0 pending, 0 to be tried again later, 1 in flight\n") {
		t.Errorf("status: exit code %d, %q", code, out)
	}
	code, _, errs := typed(t, "crawl", base, "--crawl-dir", dir)
	if code != exitFailed || !strings.Contains(errs, fmt.Sprintf("process %d ", os.Getpid())) || !strings.Contains(errs, "Try: clew status "+dir+", or clew pause "+dir) {
		t.Errorf("second crawl: exit code %d, %q", code, errs)
	}
	code, out, errs = typed(t, "pause", dir)
	if code != 0 || out != "paused: 1 page, 1 item, 1 request left\n" {
		t.Errorf("pause: exit code %d, %q, %s", code, out, errs)
	}
	if code := <-ended; code != exitPaused {
		t.Errorf("crawl: exit code %d, %s", code, term.err.String())
	}
	if out := term.out.String(); !strings.HasPrefix(out, "paused (asked to pause from outside): 1 page") {
		t.Errorf("crawl: %q", out)
	}
	code, _, errs = typed(t, "pause", dir)
	if code != exitFailed || !strings.Contains(errs, clew.ErrNotRunning.Error()) || !strings.Contains(errs, "Try: clew status "+dir) {
		t.Errorf("second pause: exit code %d, %q", code, errs)
	}
	code, out, _ = typed(t, "status", dir, "--json")
	var i clew.Inspection
	if err := json.Unmarshal([]byte(out), &i); code != 0 || err != nil || i.State != clew.StatePaused || i.Stats.Pages != 1 {
		t.Errorf("status --json: exit code %d, %v, %q", code, err, out)
	}
}

func TestSomePrivate(t *testing.T) {
	for urls, private := range map[string]bool{
		"https://example.com":                       false,
		"https://example.com http://1.1.1.1/":       false,
		"https://localhost.example.com":             false,
		"http://localhost:8080":                     true,
		"http://127.0.0.1:8080":                     true,
		"http://2130706433/":                        true,
		"http://0x7f.1/":                            true,
		"http://0177.1/":                            true,
		"http://[::1]:80/":                          true,
		"http://[::ffff:10.0.0.1]/":                 true,
		"http://[64:ff9b::a00:1]/":                  true,
		"http://192.168.1.1":                        true,
		"http://shop.localhost/":                    true,
		"https://example.com http://10.0.0.1/index": true,
	} {
		if got := somePrivate(strings.Fields(urls)); got != private {
			t.Errorf("%s: private %v, want %v", urls, got, private)
		}
	}
}

// TestCrawlPrivateNetworks crawls a site of this machine as if the name in its URL
// were one that looks public.
func TestCrawlPrivateNetworks(t *testing.T) {
	site, base := testsite.Start(t, testsite.Config{Pages: 3})
	for _, dir := range []string{"", crawlDir(t)} {
		term := newTerminal()
		term.args = []string{"crawl", base}
		f := new(runFlags)
		cmd := &cobra.Command{Use: "crawl"}
		f.register(cmd)
		cmd.Flags().BoolVar(&f.private, allowPrivate, false, "")
		f.crawlDir = dir // registering it set the default
		if err := cmd.Flags().Set("ignore-robots", "true"); err != nil {
			t.Fatal(err)
		}
		spider, err := siteSpider([]string{base})
		if err != nil {
			t.Fatal(err)
		}
		spider.HTTP.DenyPrivateNetworks = true
		err = term.crawl(t.Context(), f, spider)
		if exitCode(err) != exitFailed || len(site.Log()) > 0 {
			t.Fatalf("%v, after %d requests", err, len(site.Log()))
		}
		try := "Try: clew crawl " + base + " --allow-private-networks"
		if dir != "" {
			try = "Try: clew requeue " + dir + ", then clew crawl " + base + " --allow-private-networks"
		}
		if says := term.describe(err); !strings.Contains(says, "127.0.0.1 is not a public address") || !strings.Contains(says, try) {
			t.Errorf("%q, want %q", says, try)
		}
	}
	if code, out, _ := typed(t, "crawl", base, "--allow-private-networks"); code != 0 || len(parsePages(t, out)) != 3 {
		t.Errorf("allowed: exit code %d, %s", code, out)
	}
}
