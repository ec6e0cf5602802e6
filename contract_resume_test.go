package clew

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/clew-crawler/clew/fetch"
)

// conInRuns runs a spider in runs of a few pages each until it is finished.
func conInRuns(t *testing.T, s *Spider, disk Option, pages int64) (r *Result, runs int) {
	t.Helper()
	for runs = 1; runs < 100; runs++ {
		if r = conRun(t, s, disk, MaxPages(pages)); r.Status == Finished {
			return r, runs
		}
	}
	t.Fatalf("not finished after %d runs", runs)
	return nil, 0
}

func TestContractManyRunsAreOneCrawl(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		web := func() *conWeb {
			return newConWeb(func(v conVisit) conReply {
				var n int
				if _, err := fmt.Sscanf(v.URL, conHost+"/%d", &n); err != nil && v.URL != conHost+"/" {
					return conReply{status: 404}
				}
				if 3*n > 200 {
					return conReply{}
				}
				return conReply{body: conLinks(fmt.Sprint("/", 3*n+1), fmt.Sprint("/", 3*n+2), fmt.Sprint("/", 3*n+3), "/")}
			})
		}
		once, many := conSpider(web()), conSpider(web())
		once.Concurrency, many.Concurrency = 1, 1
		want := conRun(t, once, conDisk())
		got, runs := conInRuns(t, many, conDisk(), 7)
		if runs < 20 {
			t.Errorf("%d runs", runs)
		}
		if a, b := conItems[string](t, want), conItems[string](t, got); !reflect.DeepEqual(a, b) {
			t.Errorf("items differ:\n%v\n%v", a, b)
		}
		a, b := want.Stats, got.Stats
		if a.Pages != b.Pages || a.Items != b.Items || a.Links != b.Links || a.LinksDuplicate != b.LinksDuplicate ||
			!maps.Equal(a.Statuses, b.Statuses) || a.Fetches != b.Fetches || a.Seen != b.Seen {
			t.Errorf("stats differ:\n%+v\n%+v", a, b)
		}
		if b.Runs != runs || a.Runs != 1 {
			t.Errorf("%d runs counted of %d", b.Runs, runs)
		}
	})
}

func TestContractStatsOfCrawlAndRun(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := conDisk()
		s := conSpider(conStar(9, time.Second))
		s.Concurrency = 1
		parse := s.Parse
		s.Parse = func(ctx context.Context, page *Response, out *Output) error {
			out.Count("seen", 1)
			out.Count("bytes", int64(len(page.Body)))
			return parse(ctx, page, out)
		}
		first := conRun(t, s, disk, MaxPages(4))
		time.Sleep(time.Hour)
		second := conRun(t, s, disk)
		if first.Stats.Pages != 4 || second.Stats.Pages != 10 || second.Run.Pages != 6 || second.Run.Fetches != 6 {
			t.Errorf("pages %d, then %d with %d in the run", first.Stats.Pages, second.Stats.Pages, second.Run.Pages)
		}
		if second.Stats.Custom["seen"] != 10 || second.Run.Custom["seen"] != 6 || second.Stats.Custom["bytes"] == 0 {
			t.Errorf("custom %v, in the run %v", second.Stats.Custom, second.Run.Custom)
		}
		if e := second.Stats.Elapsed; e < 9*time.Second || e > 10*time.Second {
			t.Errorf("running time %v: the hour between the runs is none", e)
		}
		if second.Run.Elapsed < 6*time.Second || second.Run.Elapsed > 7*time.Second || second.Stats.PagesPerSecond < 1 || second.Run.PagesPerSecond > 1.1 {
			t.Errorf("run %v, %v and %v pages a second", second.Run.Elapsed, second.Stats.PagesPerSecond, second.Run.PagesPerSecond)
		}
		if !second.Stats.StartedAt.Equal(first.Stats.StartedAt) || second.Run.StartedAt.Sub(first.Run.StartedAt) < time.Hour {
			t.Errorf("started at %v and %v", first.Stats.StartedAt, second.Run.StartedAt)
		}
		if n := len(conItems[string](t, second)); n != 10 {
			t.Errorf("%d items: the result covers all runs", n)
		}
	})
}

func TestContractLiveStats(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		s := conSpider(conStar(9, time.Second))
		s.Concurrency = 3
		c, wait := conStart(t, s)
		time.Sleep(1500 * time.Millisecond)
		st := c.Stats()
		if st.Pages != 4 || st.InFlight != 3 || st.Pending != 6 || st.Elapsed != 1500*time.Millisecond || st.PagesPerSecond <= 0 {
			t.Errorf("live %+v", st)
		}
		if _, err := wait(); err != nil {
			t.Fatal(err)
		}
		if st := c.Stats(); st.Pages != 10 || st.InFlight != 0 || st.Pending != 0 {
			t.Errorf("at the end %+v", st)
		}
	})
}

func TestContractStateOverRuns(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := conDisk()
		s := conSpider(conStar(20, 0))
		s.Parse = func(_ context.Context, page *Response, out *Output) error {
			for _, href := range page.CSS("a::attr(href)").GetAll() {
				out.Follow(href)
			}
			out.ItemOnce(fmt.Sprint("third ", page.Depth, len(page.URL)%2), page.URL)
			Update(out, "pages", func(n int) int { return n + 1 })
			Update(out, "last", func([]string) []string { return []string{page.URL} })
			return nil
		}
		r, runs := conInRuns(t, s, disk, 4)
		if string(r.State["pages"]) != "21" || !strings.Contains(string(r.State["last"]), conHost) {
			t.Errorf("state %s after %d runs", r.State, runs)
		}
		if r.Stats.Items != 3 || r.Stats.ItemsDuplicate != 18 || len(conItems[string](t, r)) != 3 {
			t.Errorf("%d items, %d known", r.Stats.Items, r.Stats.ItemsDuplicate)
		}
	})
}

func TestContractMetaIsTheSameAfterAResume(t *testing.T) {
	type nested struct {
		N    int64     `json:"n"`
		When time.Time `json:"when"`
	}
	conBubble(t, func(t *testing.T) {
		meta := map[string]any{
			"int": int64(1)<<62 + 1, "float": 0.1, "text": "ünï", "list": []any{1, "a", nil}, "bytes": []byte{0, 255},
			"struct": nested{1<<60 + 3, time.Date(2001, 2, 3, 4, 5, 6, 7, time.UTC)}, "nil": nil, "true": true,
		}
		request := func() *Request {
			return &Request{
				URL: conHost + "/x?q=1", Method: "PUT", Header: http.Header{"x-own": {"1", "2"}}, JSON: map[string]int{"b": 1, "a": 2},
				Cookies: []*http.Cookie{{Name: "c", Value: "v"}}, Proxy: "http://user:pass@proxy.test", Timeout: time.Minute,
				Priority: -3, Meta: meta, DontFilter: true, Session: "second", Handler: "other",
			}
		}
		see := func(paused bool) (got Request, n nested, sent *fetch.Request) {
			disk := conDisk()
			web := newConWeb(func(conVisit) conReply { return conReply{} })
			s := conSpider(web, conHost+"/x")
			s.Sessions["second"] = web
			s.StartRequests = conList(&Request{URL: conHost + "/first", Priority: 9}, request())
			s.Concurrency = 1
			s.Handlers = map[string]Handler{"other": func(_ context.Context, page *Response, _ *Output) error {
				got = *page.Request
				_, err := page.Meta("struct", &n)
				return err
			}}
			if paused {
				conStatus(t, conRun(t, s, disk, MaxPages(1)), Paused, 1)
			}
			conStatus(t, conRun(t, s, disk), Finished, 2)
			return got, n, web.visits[1].Request
		}
		first, n1, sent1 := see(false)
		second, n2, sent2 := see(true)
		if !reflect.DeepEqual(first, second) || !reflect.DeepEqual(sent1, sent2) || n1 != n2 || n1 != meta["struct"] {
			t.Errorf("first run:\n%+v\n%+v\nresumed:\n%+v\n%+v", first, sent1, second, sent2)
		}
		if first.Meta["int"] != json.Number("4611686018427387905") || first.Priority != -3 || first.Proxy == "" || !first.DontFilter {
			t.Errorf("lost something: %+v", first)
		}
	})
}

func TestContractSeenSurvives(t *testing.T) {
	for _, bytes := range []int64{0, 1} {
		conBubble(t, func(t *testing.T) {
			// Every page links to all others, so each is asked about a hundred times.
			web := newConWeb(func(conVisit) conReply { return conReply{body: conNumbered(100)} })
			disk := conDisk()
			s := conSpider(web)
			for r := conRun(t, s, disk, MaxPages(30), SeenMemory(bytes)); r.Status != Finished; {
				r = conRun(t, s, disk, MaxPages(30), SeenMemory(bytes))
			}
			if n := len(web.asked()); n != 101 {
				t.Errorf("SeenMemory %d: %d fetches, want 101", bytes, n)
			}
		})
	}
}

func TestContractBooksOfStartRequestsAreExact(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		fs := vfs.NewCrashableMem()
		on := func(fs vfs.FS) Option { return func(o *options) { o.dir, o.fs = "/crawl", fs } }
		s := conSpider(newConWeb(func(conVisit) conReply { return conReply{takes: 100 * time.Millisecond} }))
		s.AllowedDomains = []string{"site.test"}
		seeds := func(wait time.Duration) {
			s.StartRequests = conConcat(conSeeds(300, 0), conWait(1095*time.Millisecond),
				conList(&Request{URL: "http://else.test"}, &Request{URL: "nothing"}), conWait(wait), conSeeds(10, 0))
		}
		seeds(time.Hour)
		c, wait := conStart(t, s, on(fs), Interval(time.Millisecond))
		// Pages end, and are committed, at 1.1 s, when those two are taken but not admitted yet.
		time.Sleep(1110 * time.Millisecond)
		crashed := fs.CrashClone(vfs.CrashCloneCfg{}) // as after a power cut
		c.Pause()
		if _, err := wait(); err != nil {
			t.Fatal(err)
		}
		seeds(0)
		r := conRun(t, s, on(crashed))
		conStatus(t, r, Finished, 300)
		if st := r.Stats; st.Links != 300 || st.LinksOffsite != 1 || st.LinksBad != 1 || st.LinksDuplicate != 10 {
			t.Errorf("%d links, %d offsite, %d bad, %d duplicates", st.Links, st.LinksOffsite, st.LinksBad, st.LinksDuplicate)
		}
	})
}

func TestContractPowerCutLosesNothing(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		fs := vfs.NewCrashableMem()
		on := func(fs vfs.FS) Option { return func(o *options) { o.dir, o.fs = "/crawl", fs } }
		web := conStar(60, time.Second)
		s := conSpider(web)
		s.Concurrency = 4
		c, wait := conStart(t, s, on(fs))
		time.Sleep(6500 * time.Millisecond)
		before := len(web.asked())
		crashed := fs.CrashClone(vfs.CrashCloneCfg{})
		c.Pause()
		c.Pause()
		if _, err := wait(); err != nil {
			t.Fatal(err)
		}
		web.mu.Lock()
		web.visits = web.visits[:before]
		web.mu.Unlock()
		var why string
		s.OnStart = func(_ context.Context, info StartInfo) error { why = info.Why; return nil }
		r := conRun(t, s, on(crashed))
		conStatus(t, r, Finished, 61)
		if items := conItems[string](t, r); len(items) != 61 {
			t.Errorf("%d items, want each of 61 once", len(items))
		}
		if again := len(web.asked()) - 61; again > 4 || !strings.Contains(why, "died") {
			t.Errorf("%d pages were fetched again, at most the 4 in flight were to be; %q", again, why)
		}
	})
}

func TestContractFinishedCrawlIsNotRunAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "crawl")
	web := conStar(5, 0)
	s := conSpider(web)
	first := conRun(t, s, CrawlDir(dir))
	conStatus(t, first, Finished, 6)
	if _, err := os.Stat(filepath.Join(dir, "frontier")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the frontier of a finished crawl is still there: %v", err)
	}
	again := conRun(t, s, CrawlDir(dir))
	conStatus(t, again, Finished, 6)
	if len(web.asked()) != 6 || len(conItems[string](t, again)) != 6 || again.Run.Pages != 0 {
		t.Errorf("%d fetches, %d items", len(web.asked()), len(conItems[string](t, again)))
	}
	fresh := conRun(t, s, CrawlDir(dir), Fresh())
	conStatus(t, fresh, Finished, 6)
	if len(web.asked()) != 12 {
		t.Errorf("Fresh fetched %d pages", len(web.asked())-6)
	}
	if kept, err := filepath.Glob(filepath.Join(dir, "*-fresh", "items.jsonl")); err != nil || len(kept) != 1 {
		t.Errorf("the earlier crawl was not kept: %v, %v", kept, err)
	}
}

func TestContractFailuresAreKept(t *testing.T) {
	dir := t.TempDir()
	web := newConWeb(func(v conVisit) conReply {
		if v.URL == conHost+"/1" {
			return conReply{fail: fetch.KindTLS}
		}
		return conReply{body: conNumbered(3)}
	})
	s := conSpider(web)
	r := conRun(t, s, CrawlDir(dir))
	if conStatus(t, r, Finished, 3); r.Stats.Failed != 1 || len(r.Failures) != 1 {
		t.Errorf("%d failed, %+v", r.Stats.Failed, r.Failures)
	}
	if _, err := os.Stat(filepath.Join(dir, "frontier")); err != nil {
		t.Errorf("what failed is gone: %v", err)
	}
	again := conRun(t, s, CrawlDir(dir))
	if !reflect.DeepEqual(again.Failures, r.Failures) || again.Stats.Failed != 1 {
		t.Errorf("the report lost the failures: %+v", again.Failures)
	}
}

func TestContractMismatches(t *testing.T) {
	for _, tc := range []struct {
		name    string
		change  func(s *Spider)
		says    []string
		lenient int64 // pages in all with Lenient, 0: refused all the same
	}{
		{"another spider", func(s *Spider) { s.Name = "other" }, []string{`"contract"`, `"other"`, "Fresh"}, 0},
		{"a handler is gone", func(s *Spider) { delete(s.Handlers, "leaf") }, []string{`"leaf"`, "5 requests", "Aliases", "Lenient"}, 6},
		{"a session is gone", func(s *Spider) { delete(s.Sessions, "second") }, []string{`"second"`, "5 requests"}, 6},
		{"another fingerprint", func(s *Spider) { s.KeepFragment = true }, []string{"fragment", "Lenient", "Fresh"}, 6},
		{"a handler is renamed", func(s *Spider) {
			s.Handlers["twig"], s.Aliases = s.Handlers["leaf"], map[string]string{"leaf": "twig"}
			delete(s.Handlers, "leaf")
		}, nil, 6},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conBubble(t, func(t *testing.T) {
				disk := conDisk()
				web := conStar(5, 0)
				make := func() *Spider {
					s := conSpider(web)
					s.Sessions["second"], s.Concurrency = web, 1
					parse := s.Parse
					s.Handlers = map[string]Handler{"leaf": parse}
					s.Parse = func(_ context.Context, page *Response, out *Output) error {
						for _, href := range page.CSS("a::attr(href)").GetAll() {
							out.Follow(href, To("leaf"), func(r *Request) { r.Session = "second" })
						}
						return nil
					}
					return s
				}
				conRun(t, make(), disk, MaxPages(1))
				s := make()
				tc.change(s)
				_, err := Run(t.Context(), s, disk)
				checkRun(t, []Option{disk})
				if tc.says == nil {
					if err != nil {
						t.Fatal(err)
					}
					return
				}
				if !errors.Is(err, ErrMismatch) || len(web.asked()) != 1 {
					t.Fatalf("error %v, fetched %v", err, web.asked())
				}
				for _, word := range tc.says {
					if !strings.Contains(err.Error(), word) {
						t.Errorf("the error does not say %s: %v", word, err)
					}
				}
				r, err := Run(t.Context(), s, disk, Lenient())
				checkRun(t, []Option{disk})
				if tc.lenient == 0 {
					if err == nil {
						t.Error("the crawl of another spider was run")
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				conStatus(t, r, Finished, tc.lenient)
			})
		})
	}
}

func TestContractOneRunAtATime(t *testing.T) {
	dir := t.TempDir()
	c, err := Open(conSpider(conStar(1, 0)), CrawlDir(dir))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(conSpider(conStar(1, 0)), CrawlDir(dir))
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) || !strings.Contains(err.Error(), "this process") || !strings.Contains(err.Error(), `"contract"`) {
		t.Errorf("error %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	conStatus(t, conRun(t, conSpider(conStar(1, 0)), CrawlDir(dir)), Finished, 2)
}

func TestContractFilesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "crawl")
	s := conSpider(conStar(5, 0))
	conRun(t, s, CrawlDir(dir), MaxPages(2))
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().Perm()&0o077 != 0 && info.Size() > 0 { // an empty lock file tells nothing
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestContractDamage(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		dir := t.TempDir()
		web := conStar(5, 0)
		s := conSpider(web)
		s.Concurrency = 1
		conRun(t, s, CrawlDir(dir), MaxPages(3))
		if err := os.Truncate(filepath.Join(dir, "items.jsonl"), 2); err != nil { // shorter than committed
			t.Fatal(err)
		}
		if refuse {
			_, err := Run(t.Context(), s, CrawlDir(dir), OnDamage(Refuse))
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("error %v", err)
			}
			if _, err := os.Stat(filepath.Join(dir, "frontier")); err != nil {
				t.Errorf("something was touched: %v", err)
			}
			continue
		}
		r := conRun(t, s, CrawlDir(dir))
		conStatus(t, r, Finished, 6)
		if kept, err := filepath.Glob(filepath.Join(dir, "*-damaged", "frontier")); err != nil || len(kept) != 1 {
			t.Errorf("the damaged crawl was not kept: %v, %v", kept, err)
		}
	}
}

func TestContractTwoRunsOfOneSpider(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		s := conSpider(conStar(5, time.Second))
		s.Logger = slog.New(slog.NewTextHandler(t.Output(), nil)) // one that is enabled
		_, one := conStart(t, s)
		_, two := conStart(t, s, MaxPages(2))
		a, err := one()
		if err != nil {
			t.Fatal(err)
		}
		b, err := two()
		if err != nil {
			t.Fatal(err)
		}
		conStatus(t, a, Finished, 6)
		conStatus(t, b, Stopped, 2)
		if a.Stats.LogLevels["info"] != 1 || b.Stats.LogLevels["info"] != 2 {
			t.Errorf("log records %v and %v: each run counts its own", a.Stats.LogLevels, b.Stats.LogLevels)
		}
		conStatus(t, conRun(t, s), Finished, 6) // and a run begins with nothing of the last
	})
}
