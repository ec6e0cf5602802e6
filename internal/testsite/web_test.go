package testsite

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/html/charset"
)

// wild is a web with everything in it.
func wild(seed uint64) WebConfig {
	cfg := WebConfig{
		Seed: seed, Hosts: 40, PagesPerHost: 25, CrossRate: 0.2, BodyBytes: 3000,
		EncodingRate: 0.3, RedirectRate: 0.2, TrapRate: 0.3, LoginRate: 0.2, RobotsRate: 0.4, Sitemaps: true,
	}
	for _, kind := range harmless {
		cfg.Faults = append(cfg.Faults, Fault{Kind: kind, Rate: 0.03})
	}
	for kind := Refused; kind <= lastFault; kind++ {
		times := 0
		if !kind.lasting() && kind%2 == 1 {
			times = 1
		}
		cfg.Faults = append(cfg.Faults, Fault{Kind: kind, Rate: 0.01, Times: times})
	}
	return cfg
}

var harmless = []FaultKind{Drip, BadMarkup, ShortLength}

// fetchURL asks a transport for a URL.
func fetchURL(t *testing.T, transport http.RoundTripper, url string, cookies ...*http.Cookie) (*http.Response, []byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range cookies {
		request.AddCookie(cookie)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, 4<<20))
	return response, data, err
}

// everything is all that a web says, as one text.
func everything(t *testing.T, cfg WebConfig) string {
	t.Helper()
	web := NewWeb(cfg)
	truth, err := json.Marshal(web.Truth(Limits{TrapLevels: 4}))
	if err != nil {
		t.Fatal(err)
	}
	b := bytes.NewBuffer(truth)
	for h := range cfg.Hosts {
		fmt.Fprintln(b, h, web.robots(h), web.hostFault(h), web.latency(h, "/"), string(web.sitemap(h, -1).data))
		for p := range cfg.PagesPerHost {
			fmt.Fprintln(b, web.pageFault(h, p), string(web.page(h, p, false).data))
		}
	}
	return b.String()
}

func TestWebIsItsSeed(t *testing.T) {
	one := everything(t, wild(7))
	if os.Getenv("TESTSITE_CHILD") != "" {
		fmt.Printf("web %016x\n", hashString(one))
		return
	}
	if everything(t, wild(7)) != one {
		t.Error("the same seed made two webs")
	}
	if everything(t, wild(8)) == one {
		t.Error("two seeds made one web")
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWebIsItsSeed$")
	child.Env = append(os.Environ(), "TESTSITE_CHILD=1")
	out, err := child.CombinedOutput()
	if want := fmt.Sprintf("web %016x\n", hashString(one)); err != nil || !strings.Contains(string(out), want) {
		t.Errorf("another process says %q, %v; want %q", out, err, want)
	}
}

// One fault must not move another: what it picks depends on its kind and rate alone.
func TestFaultsDoNotMoveEachOther(t *testing.T) {
	alone := NewWeb(WebConfig{Seed: 3, Faults: []Fault{{Kind: Reset, Rate: 0.2}}})
	among := NewWeb(WebConfig{Seed: 3, Faults: []Fault{{Kind: Busy, Rate: 0}, {Kind: Reset, Rate: 0.2}}})
	picked := 0
	for h := range 10 {
		for p := range 20 {
			if alone.pageFault(h, p) != among.pageFault(h, p) {
				t.Fatalf("page %d of host %d: %v and %v", p, h, alone.pageFault(h, p), among.pageFault(h, p))
			}
			if alone.pageFault(h, p).Kind == Reset {
				picked++
			}
		}
	}
	if picked < 20 || picked > 60 {
		t.Errorf("a rate of 0.2 picked %d of 200", picked)
	}
}

// walker is a crawl in its plainest form.
type walker struct {
	t         *testing.T
	transport http.RoundTripper
	levels    int
	items     []Item
	asked     map[string]bool
	cookies   map[string]*http.Cookie
}

func (c *walker) crawl(start string) {
	for queue := []string{start}; len(queue) > 0; {
		at := queue[0]
		queue = queue[1:]
		u, err := url.Parse(at)
		if err != nil || u.Scheme != "http" || c.asked[at] || TrapLevel(at) > c.levels || strings.HasPrefix(u.Path, "/private/") {
			continue
		}
		c.asked[at] = true
		for _, href := range c.visit(u, 6) {
			to, err := u.Parse(href)
			if err != nil {
				c.t.Errorf("link %q: %v", href, err)
				continue
			}
			to.Fragment = ""
			queue = append(queue, to.String())
		}
	}
}

// visit asks for a URL until it is had and returns where it leads.
func (c *walker) visit(u *url.URL, tries int) []string {
	for range tries {
		var cookies []*http.Cookie
		if cookie := c.cookies[u.Host]; cookie != nil {
			cookies = append(cookies, cookie)
		}
		response, data, err := fetchURL(c.t, c.transport, u.String(), cookies...)
		if err != nil {
			continue
		}
		for _, cookie := range response.Cookies() {
			c.cookies[u.Host] = cookie
		}
		switch location := response.Header.Get("Location"); {
		case strings.HasPrefix(location, "/login"):
			login, err := u.Parse(location)
			if err != nil {
				c.t.Fatal(err)
			}
			c.visit(login, 1)
		case location != "":
			return []string{location}
		case response.StatusCode == http.StatusOK && !bytes.Contains(data, []byte("captcha")):
			reader, err := charset.NewReader(bytes.NewReader(data), c.contentType(response))
			if err != nil {
				c.t.Fatal(err)
			}
			text, err := io.ReadAll(reader)
			if err != nil {
				c.t.Fatal(err)
			}
			page := parse(c.t, text)
			c.items = append(c.items, page.items...)
			return page.hrefs
		}
	}
	return nil
}

// contentType helps a reader that goes by windows-1252 where nothing is said and
// by the header where it makes no sense.
func (c *walker) contentType(r *http.Response) string {
	kind := r.Header.Get("Content-Type")
	if strings.Contains(kind, "no-such") {
		return "text/html"
	}
	return kind
}

// TestTruth compares the oracle with a crawl that knows nothing of the plan.
func TestTruth(t *testing.T) {
	for _, seed := range []uint64{1, 2} {
		cfg := wild(seed)
		cfg.Hosts = 15
		cfg.Faults = slices.DeleteFunc(cfg.Faults, func(f Fault) bool { return f.Kind == Endless || f.Kind == Bomb })
		synctest.Test(t, func(t *testing.T) {
			web := NewWeb(cfg)
			c := &walker{
				t: t, transport: web.InProcess(), levels: 2,
				asked: map[string]bool{}, cookies: map[string]*http.Cookie{},
			}
			c.crawl(web.Front(0))
			truth := web.Truth(Limits{TrapLevels: 2, BlockedTries: 6})
			want := truth.AllItems()
			slices.SortFunc(c.items, func(a, b Item) int { return strings.Compare(a.Text, b.Text) })
			if len(want) < 100 || !reflect.DeepEqual(c.items, want) {
				t.Errorf("seed %d: %d items, want %d", seed, len(c.items), len(want))
			}
			var asked []string
			for u := range c.asked {
				asked = append(asked, u)
			}
			slices.Sort(asked)
			// A host that is down cannot say what is private, and the walker does not ask.
			urls := slices.DeleteFunc(truth.URLs(), func(u string) bool { return strings.Contains(u, "/private/") })
			if !slices.Equal(asked, urls) {
				t.Errorf("seed %d: asked for %d URLs, want %d; only one side has %q", seed, len(asked), len(urls), apart(asked, urls))
			}
			for _, list := range [][]string{truth.Read, truth.Redirects, truth.Missing, truth.Failed, truth.Loops, truth.Disallowed} {
				if len(list) == 0 {
					t.Errorf("seed %d: a list of the truth is empty", seed)
				}
			}
		})
	}
}

// apart lists what only one of two lists has.
func apart(a, b []string) []string {
	var list []string
	for _, pair := range [][2][]string{{a, b}, {b, a}} {
		for _, s := range pair[0] {
			if !slices.Contains(pair[1], s) {
				list = append(list, s)
			}
		}
	}
	return list
}

func TestLogAnswers(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(0, 0).Add(time.Duration(ms) * time.Millisecond) }
	log := Log{
		{Host: "a", Path: "/", Start: at(0), End: at(100)},
		{Host: "a", Path: "/x", Start: at(100), End: at(200)},
		{Host: "b", Path: "/", Start: at(110), End: at(400)},
		{Host: "a", Path: "/x", Start: at(130), End: at(180)},
	}
	if gap, ok := log.Gap("a"); gap != 30*time.Millisecond || !ok {
		t.Errorf("gap of a is %v, %v", gap, ok)
	}
	if gap, ok := log.Gap("b"); ok {
		t.Errorf("one visit has a gap of %v", gap)
	}
	for host, want := range map[string]int{"a": 2, "b": 1, "": 3, "c": 0} {
		if n := log.Parallel(host); n != want {
			t.Errorf("parallel at %q is %d, want %d", host, n, want)
		}
	}
	if counts := log.Counts(); counts["http://a/x"] != 2 || len(counts) != 3 {
		t.Errorf("counts %v", counts)
	}
	if hosts := log.Hosts(); !slices.Equal(hosts, []string{"a", "b"}) {
		t.Errorf("hosts %v", hosts)
	}
}

func TestSlowHostAmongMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web := NewWeb(WebConfig{Hosts: 50, Latency: 100 * time.Millisecond, SlowHosts: 1, SlowLatency: 9 * time.Second})
		transport := web.InProcess()
		took := map[int]time.Duration{}
		for h := range 50 {
			began := time.Now()
			if _, _, err := fetchURL(t, transport, web.Front(h)); err != nil {
				t.Fatal(err)
			}
			took[h] = time.Since(began)
		}
		var fastest, slowest time.Duration = time.Hour, 0
		for h, d := range took {
			if h != 1 {
				fastest, slowest = min(fastest, d), max(slowest, d)
			}
		}
		if took[1] != 9*time.Second || fastest < 20*time.Millisecond || slowest > 400*time.Millisecond || slowest < 3*fastest {
			t.Errorf("slow host %v, others %v to %v", took[1], fastest, slowest)
		}
	})
}

func TestSitemapsAndRobots(t *testing.T) {
	web := NewWeb(WebConfig{Seed: 5, Hosts: 3, PagesPerHost: 120, RobotsRate: 1, CrawlDelay: 2, Sitemaps: true})
	transport := web.InProcess()
	_, robots, err := fetchURL(t, transport, web.Front(1)+"robots.txt")
	if err != nil || !strings.Contains(string(robots), "Disallow: /private/\nCrawl-delay: 2\n\nSitemap: http://h1.web.test/sitemap.xml") {
		t.Fatalf("robots.txt: %q, %v", robots, err)
	}
	_, index, err := fetchURL(t, transport, web.Front(1)+"sitemap.xml")
	if err != nil || strings.Count(string(index), "<sitemap>") != 3 {
		t.Fatalf("index: %q, %v", index, err)
	}
	urls, private := 0, 0
	for k := range 3 {
		_, part, err := fetchURL(t, transport, fmt.Sprintf("%ssitemap-%d.xml", web.Front(1), k))
		if err != nil {
			t.Fatal(err)
		}
		urls += strings.Count(string(part), "<url>")
	}
	for p := range 120 {
		if web.isPrivate(1, p) {
			private++
		}
	}
	if private < 10 || urls != 120-private {
		t.Errorf("the sitemaps list %d of 120 URLs, %d of them private", urls, private)
	}
	if r, _, err := fetchURL(t, transport, web.Front(1)+"sitemap-3.xml"); err != nil || r.StatusCode != http.StatusNotFound {
		t.Errorf("beyond the last sitemap: %v, %v", r, err)
	}
}

func TestBombUnpacks(t *testing.T) {
	web := NewWeb(WebConfig{})
	reader, err := gzip.NewReader(bytes.NewReader(bytes.Repeat(web.bomb(), 3)))
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, reader)
	if err != nil || n != 3<<20 || len(web.bomb()) > 2000 {
		t.Errorf("three pieces of %d bytes unpack to %d, %v", len(web.bomb()), n, err)
	}
}

func TestUnknownHosts(t *testing.T) {
	web := NewWeb(WebConfig{Hosts: 2})
	for _, host := range []string{"h2.web.test", "h01.web.test", "web.test", "example.com"} {
		if _, _, err := fetchURL(t, web.InProcess(), "http://"+host+"/"); err == nil || !strings.Contains(err.Error(), "no such host") {
			t.Errorf("%s: %v", host, err)
		}
	}
	if log := web.Log(); len(log) != 4 || log[0].Fault != NoSuchHost || log[0].Path != "" {
		t.Errorf("log %+v", log)
	}
	if r, _, err := fetchURL(t, web.InProcess(), web.Front(1)+"nothing"); err != nil || r.StatusCode != http.StatusNotFound {
		t.Errorf("no such page: %v, %v", r, err)
	}
	if !errors.Is(web.admit("h1.web.test"), nil) {
		t.Error("a host of the web was not admitted")
	}
}
