package clew

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/clew-crawler/clew/fetch"
	"github.com/clew-crawler/clew/politeness"
	"github.com/clew-crawler/clew/store/pebblestore"
)

// faultDir is where the crawls of these tests live, on a file system in memory.
// No folder of it is there when the crawl begins.
const faultDir = "/disk/new/crawl"

// A faultServer is a web site of some forty pages behind a session. A new one is a
// server that has seen nothing yet, and a browser without cookies.
type faultServer struct {
	rich bool // with a busy page, a redirect and a page that fails

	mu       sync.Mutex
	asked    map[string]int
	loggedIn bool
	changed  bool
}

var _ fetch.Keeper = (*faultServer)(nil)

const faultPages = 30

func newFaultServer(rich bool) *faultServer {
	return &faultServer{rich: rich, asked: map[string]int{}}
}

func (s *faultServer) Fetch(_ context.Context, req *fetch.Request) (*fetch.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := strings.TrimPrefix(req.URL, "http://site.test")
	s.asked[path]++
	resp := &fetch.Response{URL: req.URL, Status: http.StatusOK, Header: http.Header{}}
	switch {
	case path == "/robots.txt":
		resp.Body = []byte("User-agent: *\nDisallow: /forbidden\n")
	case path == "/busy" && s.asked[path] < 3:
		resp.Status = http.StatusServiceUnavailable
	case path == "/moved":
		resp.Status = http.StatusFound
		resp.Header.Set("Location", "/target")
	case path == "/login":
		s.loggedIn, s.changed = true, true
		resp.Body = []byte("/private1 /private2")
	case strings.HasPrefix(path, "/private"):
		resp.Body = fmt.Appendf(nil, "in=%v", s.loggedIn)
	default:
		resp.Body = []byte(s.links(path))
	}
	return resp, nil
}

// links is the body of an ordinary page: where it leads to.
func (s *faultServer) links(path string) string {
	var n int
	if _, err := fmt.Sscanf(path, "/p%d", &n); err != nil {
		return ""
	}
	body := fmt.Sprintf("/p%d /p%d /p%d /login /forbidden", (2*n+1)%faultPages, (2*n+2)%faultPages, n)
	if s.rich {
		body += " /busy /moved /bad"
	}
	return body
}

func (s *faultServer) Close() error { return nil }

func (s *faultServer) Changed() []fetch.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.changed {
		return nil
	}
	s.changed = false
	return []fetch.Record{{Key: "login", Value: []byte("in")}}
}

func (s *faultServer) Restore(records iter.Seq2[fetch.Record, error]) error {
	for rec, err := range records {
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.loggedIn = rec.Key == "login" && string(rec.Value) == "in"
		s.mu.Unlock()
	}
	return nil
}

// faultItem depends on its page alone.
type faultItem struct {
	URL  string `json:"url"`
	Body string `json:"body"`
}

func faultSpider(s *faultServer) *Spider {
	spider := &Spider{
		Name: "faults", StartURLs: []string{"http://site.test/p0", "http://site.test/p1"},
		Concurrency: 1, Sessions: map[string]fetch.Session{"": s}, Logger: slog.New(slog.DiscardHandler),
		Retry: politeness.Retry{Base: time.Second},
		Parse: func(_ context.Context, page *Response, out *Output) error {
			if strings.HasSuffix(page.URL, "/bad") {
				return errors.New("this page is bad")
			}
			out.Item(faultItem{URL: page.URL, Body: string(page.Body)})
			out.ItemOnce("once", faultItem{URL: "once"})
			Update(out, "pages", func(n int) int { return n + 1 })
			out.Count("seen", 1)
			for href := range strings.FieldsSeq(string(page.Body)) {
				if strings.HasPrefix(href, "/") {
					out.Follow(href)
				}
			}
			return nil
		},
	}
	if s.rich {
		spider.Concurrency = 4
	}
	return spider
}

// faultFS makes a crawl live on fs, in groups of a few pages.
func faultFS(fs vfs.FS) Option {
	return func(o *options) { o.dir, o.fs, o.groupPages, o.interval = faultDir, fs, 5, 0 }
}

// faultBooks are what must agree however often a crawl was stopped.
func faultBooks(r *Result) string {
	s := r.Stats
	return fmt.Sprint(r.Status, s.Pages, s.Items, s.ItemsDuplicate, s.Links, s.Redirects, s.RobotsDisallowed,
		s.Failed, s.Statuses, s.Custom, s.Seen, s.Pending, s.Delayed, string(r.State["pages"]), len(r.Failures))
}

// faultLog reads the item log as it stands on the disk.
func faultLog(t *testing.T, fs vfs.FS) []byte {
	t.Helper()
	f, err := fs.Open(faultDir + "/items.jsonl")
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return data
}

func faultLines(log []byte) []string {
	lines := strings.SplitAfter(string(log), "\n")
	slices.Sort(lines)
	return lines
}

// A crashPoint is a disk as a power cut before one write may leave it.
type crashPoint struct {
	disk    *vfs.MemFS
	op      string
	percent int
	saved   int64 // bytes of the item log that were called committed by then
}

// recordCrashes runs the scripted crawl and cuts the power before each of its
// writes, on clones of its disk: once with nothing that was not synced, and once
// with a random part of it.
func recordCrashes(t *testing.T, rich bool, rng *rand.Rand) (points []crashPoint, log []byte, books string) {
	t.Helper()
	disk := vfs.NewCrashableMem()
	var mu sync.Mutex
	var saved int64
	fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		for _, percent := range []int{0, 1 + rng.IntN(99)} {
			points = append(points, crashPoint{
				disk: disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng}),
				op:   fmt.Sprintf("write %d: kind %d of %s", len(points)/2, op.Kind, op.Path), percent: percent, saved: saved,
			})
		}
		return nil
	}))
	c, err := Open(faultSpider(newFaultServer(rich)), faultFS(fs))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for item, err := range c.Items(context.Background()) {
			if err != nil {
				return // the crawl is over
			}
			mu.Lock()
			saved += int64(len(item)) + 1
			mu.Unlock()
		}
	}()
	r, err := c.Run(t.Context())
	if err != nil || r.Status != Finished {
		t.Fatalf("the crawl that is not stopped: %v, %v", r, err)
	}
	return points, faultLog(t, disk), faultBooks(r)
}

// checkDisk looks for contradictions in what a crash left, on a clone, so that the
// resume begins with the very bytes of the crash.
func checkDisk(t *testing.T, disk *vfs.MemFS, saved int64) {
	t.Helper()
	checkCrawl(t, disk, faultDir, saved)
}

func checkCrawl(t *testing.T, disk *vfs.MemFS, path string, saved int64) {
	t.Helper()
	dir, err := pebblestore.OpenDirectoryFS(disk.CrashClone(vfs.CrashCloneCfg{}), path, "faults")
	if err != nil {
		t.Fatalf("open what the crash left: %v", err)
	}
	store, err := dir.Store(pebblestore.Options{})
	if report, rerr := dir.Report(); rerr != nil || err != nil && report == nil {
		t.Errorf("open what the crash left: %v", errors.Join(err, rerr))
	} else if err == nil {
		books, berr := store.Load(context.Background())
		if err := errors.Join(berr, store.Check(context.Background()), store.Close()); err != nil {
			t.Errorf("check what the crash left: %v", err)
		}
		if report == nil && books.ItemBytes < saved {
			t.Errorf("the crash left %d bytes of items, %d were committed", books.ItemBytes, saved)
		}
	}
	if err := dir.Close(); err != nil {
		t.Error(err)
	}
}

// TestPowerLoss cuts the power before every write of a crawl, from its first to
// its last, and resumes it.
func TestPowerLoss(t *testing.T) {
	for _, rich := range []bool{false, true} {
		t.Run(fmt.Sprintf("rich=%v", rich), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(11, 12))
			synctest.Test(t, func(t *testing.T) {
				points, log, books := recordCrashes(t, rich, rng)
				t.Logf("%d crash points, %d bytes of items, books %s", len(points), len(log), books)
				for i, p := range points {
					if testing.Short() && i%17 != 0 && i < len(points)-6 {
						continue
					}
					if i%10 == 0 {
						p.disk = crashAgain(t, p.disk, rich, rng)
					}
					if !resumeAfterCrash(t, p, rich, log, books, faultSpider) {
						t.Fatalf("point %d of %d: %s, %d%% of what was not synced", i, len(points), p.op, p.percent)
					}
				}
			})
		})
	}
}

// resumeAfterCrash finishes the crawl on a disk after a stop and compares the outcome.
func resumeAfterCrash(
	t *testing.T, p crashPoint, rich bool, log []byte, books string, spider func(*faultServer) *Spider,
) bool {
	t.Helper()
	checkDisk(t, p.disk, p.saved)
	return finishAfterCrash(t, p, rich, log, books, spider, OnDamage(Refuse))
}

func finishAfterCrash(
	t *testing.T, p crashPoint, rich bool, log []byte, books string, spider func(*faultServer) *Spider, opts ...Option,
) bool {
	t.Helper()
	server := newFaultServer(rich)
	r, err := Run(t.Context(), spider(server), append(opts, faultFS(p.disk))...)
	if err != nil {
		t.Errorf("resume: %v", err)
		return false
	}
	if got := faultBooks(r); got != books {
		t.Errorf("books are   %s\nthey must be %s", got, books)
	}
	got := faultLog(t, p.disk)
	for line := range strings.Lines(string(got[:min(p.saved, int64(len(got)))])) {
		var item faultItem
		if err := json.Unmarshal([]byte(line), &item); err != nil {
			t.Fatal(err)
		}
		if n := server.asked[strings.TrimPrefix(item.URL, "http://site.test")]; n > 0 {
			t.Errorf("%s was committed, and fetched again", item.URL)
		}
	}
	if same := bytes.Equal(got, log); !same && !rich || !slices.Equal(faultLines(got), faultLines(log)) {
		t.Errorf("items are\n%s\nthey must be\n%s", got, log)
	}
	checkEntries(t, p.disk, rich)
	checkFS(t, p.disk, faultDir)
	return !t.Failed()
}

// checkEntries looks at what stands in the directory of a finished crawl, but for
// folders of crawls that were set aside.
func checkEntries(t *testing.T, disk *vfs.MemFS, rich bool) {
	t.Helper()
	entries, err := disk.List(faultDir)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(entries)
	want := []string{"LOCK", "crawl.json", "items.jsonl", "report.json"}
	if rich { // a page failed
		want = []string{"LOCK", "crawl.json", "frontier", "items.jsonl", "report.json"}
	}
	entries = slices.DeleteFunc(entries, func(name string) bool {
		return strings.HasSuffix(name, ".tmp") || asideName.MatchString(name)
	})
	if !slices.Equal(entries, want) {
		t.Errorf("the directory holds %v, want %v", entries, want)
	}
}

// asideName matches the folders of crawls that were set aside.
var asideName = regexp.MustCompile(`^\d{8}T\d{6}-[a-z]+(-\d+)?$`)

// crashAgain resumes and cuts the power before a random write.
func crashAgain(t *testing.T, disk *vfs.MemFS, rich bool, rng *rand.Rand) *vfs.MemFS {
	t.Helper()
	left := rng.IntN(60)
	var mu sync.Mutex
	var crashed *vfs.MemFS
	fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if left--; left == 0 && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			crashed = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(100), RNG: rng})
		}
		return nil
	}))
	if _, err := Run(t.Context(), faultSpider(newFaultServer(rich)), faultFS(fs)); err != nil {
		t.Errorf("second run: %v", err)
	}
	if crashed == nil {
		crashed = disk.CrashClone(vfs.CrashCloneCfg{})
	}
	return crashed
}
