package testsite

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestEveryPageReachable(t *testing.T) {
	tests := map[string]Config{
		"default":        {},
		"another seed":   {Seed: 7},
		"one page":       {Pages: 1},
		"two pages":      {Pages: 2, LinksPerPage: 5},
		"one link":       {Pages: 30, LinksPerPage: 1},
		"chain":          {Pages: 40, Chain: true},
		"redirects":      {Pages: 60, RedirectRate: 1},
		"broken":         {Pages: 150, BrokenRate: 0.4},
		"broken chain":   {Pages: 60, BrokenRate: 0.5, Chain: true},
		"all but / gone": {Pages: 20, BrokenRate: 1},
		"everything":     {Seed: 3, Pages: 120, BrokenRate: 0.2, RedirectRate: 0.3},
	}
	for name, cfg := range tests {
		t.Run(name, func(t *testing.T) {
			site := New(cfg)
			statuses, pages := crawl(t, site)
			for i := range site.cfg.Pages {
				path := site.Path(i)
				page, ok := pages[path]
				if site.broken(i) {
					if code := statuses[path]; code != http.StatusNotFound && code != http.StatusGone && code != http.StatusInternalServerError {
						t.Errorf("broken page %s: status %d", path, code)
					}
					continue
				}
				if !ok {
					t.Fatalf("page %s not reached", path)
				}
				if page.title != site.Title(i) {
					t.Errorf("page %d: title %q, want %q", i, page.title, site.Title(i))
				}
				if got, want := fmt.Sprintf("%q", page.items), fmt.Sprintf("%q", site.Items(i)); got != want {
					t.Errorf("page %d: items\n%s\nwant\n%s", i, got, want)
				}
			}
			if got := slices.Sorted(maps.Keys(pages)); !slices.Equal(got, slices.Sorted(slices.Values(site.PagePaths()))) {
				t.Errorf("pages met %q", got)
			}
			if n := len(site.PagePaths()) + len(site.BrokenPaths()); n != site.cfg.Pages {
				t.Errorf("%d paths for %d pages", n, site.cfg.Pages)
			}
		})
	}
}

// Without the next links and the redirects the spanning tree alone has to
// reach all pages.
func TestTreeReachesAll(t *testing.T) {
	site := New(Config{Pages: 300, BrokenRate: 0.3})
	met := make([]bool, 300)
	for queue := []int{0}; len(queue) > 0; queue = queue[1:] {
		i := queue[0]
		met[i] = true
		if !site.broken(i) {
			for _, c := range site.children(i) {
				if !met[c] {
					met[c] = true
					queue = append(queue, c)
				}
			}
		}
	}
	if at := slices.Index(met, false); at >= 0 {
		t.Errorf("page %d is not in the tree", at)
	}
}

func TestNextLinksMakeAChain(t *testing.T) {
	for _, chain := range []bool{false, true} {
		site := New(Config{Pages: 50, BrokenRate: 0.2, RedirectRate: 0.2, Chain: chain})
		var met []string
		for path := "/"; path != ""; {
			w := ask(t, site, path)
			if to := w.Header().Get("Location"); to != "" {
				path = resolve(path, to)
				continue
			}
			met = append(met, path)
			next := parse(t, w.Body.Bytes()).next
			if next == "" {
				break
			}
			path = resolve(path, next)
		}
		if !slices.Equal(met, site.PagePaths()) {
			t.Errorf("chain %t: next links lead through %q", chain, met)
		}
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	cfg := Config{Seed: 5, Pages: 80, BodyBytes: 9000, RedirectRate: 0.2, BrokenRate: 0.1}
	a, b := New(cfg), New(cfg)
	cfg.Seed++
	other := New(cfg)
	differ := 0
	for i := range 80 {
		path := a.Path(i)
		wa, wb := ask(t, a, path), ask(t, b, path)
		if wa.Code != wb.Code || !bytes.Equal(wa.Body.Bytes(), wb.Body.Bytes()) {
			t.Fatalf("page %s differs between two sites of one seed", path)
		}
		if !bytes.Equal(wa.Body.Bytes(), ask(t, other, path).Body.Bytes()) {
			differ++
		}
		if n := wa.Body.Len(); wa.Code == http.StatusOK && (n < 8950 || n > 9050) {
			t.Errorf("page %s has %d bytes", path, n)
		}
	}
	if differ < 75 {
		t.Errorf("only %d of 80 pages differ under another seed", differ)
	}
}

func TestLinkSpellings(t *testing.T) {
	site := New(Config{Pages: 200})
	found := make(map[string]bool)
	for i := range 200 {
		seen := make(map[string]bool)
		for _, href := range parse(t, site.render(i)).hrefs {
			to := resolve(site.Path(i), href)
			path, _, _ := strings.Cut(href, "#")
			found["fragment"] = found["fragment"] || to != "" && path != "" && path != href
			found["permuted"] = found["permuted"] || strings.Contains(path, "?") && to != "" && !strings.HasSuffix(to, path)
			found["relative"] = found["relative"] || to != "" && path != "" && path[0] != '/'
			found["duplicate"] = found["duplicate"] || seen[to] && to != ""
			found["offsite"] = found["offsite"] || strings.HasPrefix(href, "http://offsite.invalid/")
			found["mailto"] = found["mailto"] || strings.HasPrefix(href, "mailto:")
			found["malformed"] = found["malformed"] || href == "http://[broken/"
			found["empty"] = found["empty"] || href == ""
			seen[to] = true
		}
	}
	for _, kind := range []string{"fragment", "permuted", "relative", "duplicate", "offsite", "mailto", "malformed", "empty"} {
		if !found[kind] {
			t.Errorf("no %s link on 200 pages", kind)
		}
	}
}

func TestItemTextsAreUnique(t *testing.T) {
	site := New(Config{Pages: 300})
	seen := make(map[string]bool)
	escaped := false
	for i := range 300 {
		for _, item := range site.Items(i) {
			if seen[item.Text] {
				t.Fatalf("text twice: %s", item.Text)
			}
			seen[item.Text] = true
			escaped = escaped || strings.ContainsAny(item.Text, "<&\"'")
		}
	}
	if len(seen) != 900 || !escaped {
		t.Errorf("%d texts, some that need escaping: %t", len(seen), escaped)
	}
	if site.Items(-1) != nil || site.Items(300) != nil {
		t.Error("items of pages that do not exist")
	}
}

func TestNotFound(t *testing.T) {
	site := New(Config{})
	withQuery := slices.IndexFunc(site.PagePaths(), func(p string) bool { return strings.Contains(p, "?") })
	bare, _, _ := strings.Cut(site.PagePaths()[withQuery], "?")
	for _, path := range []string{"/page/0", "/page/200", "/page/01", "/page/+1", "/page/x", "/?a=1", "/nothing", "/r/200", "/r/x", bare, "/robots.txt"} {
		if w := ask(t, site, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
	w := httptest.NewRecorder()
	site.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: status %d", w.Code)
	}
}

// get asks a running site, without following redirects unless the client does.
func get(t *testing.T, client *http.Client, url string) (*http.Response, []byte, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, body, err
}

func newClient(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Jar: jar}
}

func TestFirstAnswerFails(t *testing.T) {
	site, base := Start(t, Config{Pages: 40, RetryRate: 1})
	client := newClient(t)
	busy, cut := 0, 0
	for range 2 {
		for _, path := range site.PagePaths() {
			response, _, err := get(t, client, base+path)
			switch {
			case errors.Is(err, io.ErrUnexpectedEOF):
				cut++
			case err != nil:
				t.Fatal(err)
			case response.StatusCode == http.StatusServiceUnavailable:
				busy++
			}
			if _, body, err := get(t, client, base+path); err != nil || !bytes.HasSuffix(body, []byte("</html>\n")) {
				t.Fatalf("%s, second answer: %v", path, err)
			}
		}
		if busy+cut != 40 || busy < 10 || cut < 10 {
			t.Errorf("%d busy and %d broken off of 40", busy, cut)
		}
		if hits := site.Hits(); len(hits) != 40 || hits["/"] != 1 {
			t.Errorf("hits %v", hits)
		}
		if n := len(site.Log()); n != 80 {
			t.Errorf("%d requests logged, want 80", n)
		}
		site.Reset()
		busy, cut = 0, 0
	}
}

func TestRetryRateIsAShare(t *testing.T) {
	site := New(Config{Pages: 2000, RetryRate: 0.25, BrokenRate: 0.1})
	fails, broken := 0, 0
	for i := range 2000 {
		if site.fails(i) {
			fails++
		}
		if site.broken(i) {
			broken++
		}
	}
	if fails < 400 || fails > 600 || broken < 140 || broken > 260 {
		t.Errorf("of 2000 pages %d fail once and %d are broken", fails, broken)
	}
}

func TestRedirects(t *testing.T) {
	site := New(Config{Pages: 60, RedirectRate: 1})
	hops := make(map[int]int)
	for i := range 60 {
		path, n := fmt.Sprintf("/r/%d", i), 0
		for {
			w := ask(t, site, path)
			if w.Code != http.StatusFound {
				break
			}
			path, n = w.Header().Get("Location"), n+1
		}
		if path != site.Path(i) {
			t.Errorf("/r/%d leads to %s, want %s", i, path, site.Path(i))
		}
		hops[n]++
	}
	if hops[1]+hops[2] != 60 || hops[2] == 0 || hops[1] == 0 {
		t.Errorf("pages by number of hops: %v", hops)
	}
}

func TestLogin(t *testing.T) {
	site, base := Start(t, Config{Pages: 10, Login: true, RobotsTxt: "User-agent: *\nDisallow: /private\n"})
	client := newClient(t)
	path := site.PagePaths()[4]
	response, body, err := get(t, client, base+path)
	if err != nil || response.StatusCode != http.StatusOK || response.Request.URL.RequestURI() != path {
		t.Fatalf("page behind the login: %v, %v", response, err)
	}
	if got := parse(t, body).items; len(got) != 3 {
		t.Errorf("%d items behind the login", len(got))
	}
	if _, body, err := get(t, newClient(t), base+"/robots.txt"); err != nil || !strings.Contains(string(body), "/private") {
		t.Errorf("robots.txt: %q, %v", body, err)
	}
	var got []string
	for _, hit := range site.Log() {
		got = append(got, fmt.Sprint(hit.Status, " ", hit.Path, " ", hit.Cookie))
	}
	want := []string{
		"302 " + path + " false", "302 /login?next=" + url.QueryEscape(path) + " false",
		"200 " + path + " true", "200 /robots.txt false",
	}
	if !slices.Equal(got, want) {
		t.Errorf("log %q\nwant %q", got, want)
	}
	for _, next := range []string{"", "//offsite.invalid/", "http://offsite.invalid/"} {
		if w := ask(t, site, "/login?next="+url.QueryEscape(next)); w.Code != http.StatusBadRequest {
			t.Errorf("login with next=%q: status %d", next, w.Code)
		}
	}
}

func TestGzip(t *testing.T) {
	site := New(Config{Gzip: true, BodyBytes: 5000})
	plain := ask(t, site, "/")
	w := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	request.Header.Set("Accept-Encoding", "gzip, br")
	site.ServeHTTP(w, request)
	if w.Header().Get("Content-Encoding") != "gzip" || plain.Header().Get("Content-Encoding") != "" {
		t.Fatalf("content encodings %q and %q", w.Header().Get("Content-Encoding"), plain.Header().Get("Content-Encoding"))
	}
	reader, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(reader)
	if err != nil || !bytes.Equal(body, plain.Body.Bytes()) {
		t.Errorf("unpacked body differs: %v", err)
	}
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := New(Config{Pages: 20, Latency: time.Second, Jitter: time.Second})
		distinct := make(map[time.Duration]bool)
		for _, path := range site.PagePaths() {
			var took [2]time.Duration
			for k := range took {
				start := time.Now()
				ask(t, site, path)
				took[k] = time.Since(start)
			}
			if took[0] != took[1] || took[0] < time.Second || took[0] >= 2*time.Second {
				t.Errorf("%s took %v", path, took)
			}
			distinct[took[0]] = true
		}
		if len(distinct) < 15 {
			t.Errorf("only %d different latencies", len(distinct))
		}
	})
}

// A client that leaves while it waits has got nothing: no hit.
func TestClientLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := New(Config{Latency: time.Minute})
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		w := httptest.NewRecorder()
		site.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
		if log := site.Log(); len(log) != 1 || log[0].Status != 0 {
			t.Errorf("log %v", log)
		}
		if hits := site.Hits(); len(hits) != 0 || w.Body.Len() != 0 {
			t.Errorf("hits %v, %d bytes sent", hits, w.Body.Len())
		}
	})
}

type failingWriter struct{ lines int }

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.lines == 0 {
		return 0, errors.New("disk full")
	}
	w.lines--
	return len(p), nil
}

func TestLogWriter(t *testing.T) {
	var log bytes.Buffer
	site := New(Config{LogWriter: &log})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { ask(t, site, "/") })
	}
	wg.Wait()
	ask(t, site, "/nothing?x=1")
	lines := strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
	if len(lines) != 21 || len(site.Log()) != 21 || site.Hits()["/"] != 20 {
		t.Fatalf("%d lines, %d in the log, hits %v", len(lines), len(site.Log()), site.Hits())
	}
	want := fmt.Sprintf("%d 404 GET /nothing?x=1", site.Log()[20].Time.UnixNano())
	if lines[20] != want {
		t.Errorf("last line %q, want %q", lines[20], want)
	}
	if err := site.Err(); err != nil {
		t.Error(err)
	}

	failing := New(Config{LogWriter: &failingWriter{lines: 1}})
	ask(t, failing, "/")
	if err := failing.Err(); err != nil {
		t.Error(err)
	}
	ask(t, failing, "/")
	if err := failing.Err(); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("error of a full disk: %v", err)
	}
}

func TestHitsIgnoreSpelling(t *testing.T) {
	site := New(Config{})
	at := slices.IndexFunc(site.PagePaths(), func(p string) bool { return strings.Contains(p, "?") })
	path := site.PagePaths()[at]
	bare, query, _ := strings.Cut(path, "?")
	parts := strings.Split(query, "&")
	slices.Reverse(parts)
	permuted := bare + "?" + strings.Join(parts, "&")
	ask(t, site, path)
	ask(t, site, permuted)
	if hits := site.Hits(); len(hits) != 1 || hits[path] != 2 {
		t.Errorf("hits %v", hits)
	}
	if log := site.Log(); log[1].Path != permuted {
		t.Errorf("logged %q, want it as sent: %q", log[1].Path, permuted)
	}
}

func FuzzServe(f *testing.F) {
	for _, path := range []string{"/", "/page/5", "/page/-1", "/r/3", "/r/4/on", "/login?next=/", "/?a=%zz;b", "/page/9999999999999999999"} {
		f.Add(path)
	}
	site := New(Config{Pages: 30, RedirectRate: 0.5, BrokenRate: 0.2})
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		request.URL = u
		w := httptest.NewRecorder()
		site.ServeHTTP(w, request)
		if w.Code == http.StatusOK && !slices.Contains(site.PagePaths(), canonical(u)) {
			t.Errorf("%q answers 200", path)
		}
	})
}

func BenchmarkPage(b *testing.B) {
	site := New(Config{Pages: 100_000, BodyBytes: 10_000})
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		site.render(i % 100_000)
		i++
	}
}
