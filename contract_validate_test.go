package clew

import (
	"context"
	"iter"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clew-crawler/clew/fetch"
)

func TestContractFaultsNameTheirField(t *testing.T) {
	for _, tc := range []struct {
		field string
		set   func(s *Spider)
	}{
		{"Name", func(s *Spider) { s.Name = "" }},
		{"Name", func(s *Spider) { s.Name = "caf\xe9" }},
		{"Parse", func(s *Spider) { s.Parse = nil }},
		{"Parse", func(s *Spider) { s.Handlers, s.Parse = map[string]Handler{"a": s.Parse}, nil }},
		{"StartURLs", func(s *Spider) { s.StartURLs = nil }},
		{"StartURLs[1]", func(s *Spider) { s.StartURLs = append(s.StartURLs, "nowhere") }},
		{"AllowedDomains", func(s *Spider) { s.AllowedDomains = []string{"http://x.test/path"} }},
		{"Handlers", func(s *Spider) { s.Handlers = map[string]Handler{"a": nil} }},
		{"Handlers", func(s *Spider) { s.Handlers = map[string]Handler{"": s.Parse} }},
		{"Handlers", func(s *Spider) { s.Handlers = map[string]Handler{"d\xe9tail": s.Parse} }},
		{"Sessions", func(s *Spider) { s.Sessions["pr\xefvate"] = s.Sessions[""] }},
		{"Aliases", func(s *Spider) { s.Aliases = map[string]string{"old": "gone"} }},
		{"Concurrency", func(s *Spider) { s.Concurrency = -1 }},
		{"ConcurrencyPerHost", func(s *Spider) { s.ConcurrencyPerHost = -1 }},
		{"MaxRedirects", func(s *Spider) { s.MaxRedirects = -1 }},
		{"MaxBlockedRetries", func(s *Spider) { s.MaxBlockedRetries = 100_000 }},
		{"Delay", func(s *Spider) { s.Delay = -time.Second }},
		{"Delay", func(s *Spider) { s.Delay = 1000 * time.Hour }},
		{"GiveUp", func(s *Spider) { s.GiveUp = -time.Second }},
	} {
		t.Run(tc.field, func(t *testing.T) {
			s := conSpider(conStar(1, 0))
			tc.set(s)
			dir := filepath.Join(t.TempDir(), "crawl")
			_, err := Open(s, CrawlDir(dir))
			if err == nil || !strings.Contains(err.Error(), tc.field+":") || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one about %s", err, tc.field)
			}
			if found, gerr := filepath.Glob(dir); len(found) > 0 || gerr != nil {
				t.Error("the directory was made all the same")
			}
		})
	}
}

func TestContractAllFaultsAreReportedAtOnce(t *testing.T) {
	s := &Spider{Concurrency: -1, Delay: -1, AllowedDomains: []string{"a b"}}
	_, err := Open(s, Interval(-1), PauseTimeout(-1), MaxPages(-1), MaxDuration(-1), SeenMemory(-1), Fresh())
	if err == nil {
		t.Fatal("no error")
	}
	for _, field := range []string{
		"Name", "Parse", "StartURLs", "Concurrency", "Delay", "AllowedDomains",
		"Interval", "PauseTimeout", "MaxPages", "MaxDuration", "SeenMemory", "Fresh",
	} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("nothing about %s in: %v", field, err)
		}
	}
}

// TestContractNamesThatAreNoText counts and keeps under names that are not UTF-8: they
// are the same whether the crawl was stopped or not.
func TestContractNamesThatAreNoText(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		s := conSpider(conPages(map[string]string{conHost + "/": conLinks("/1"), conHost + "/1": ""}))
		parse := s.Parse
		s.Parse = func(ctx context.Context, page *Response, out *Output) error {
			if known, err := out.State("caf\xe9", new(int)); known != (page.Depth > 0) || err != nil {
				t.Errorf("%s: state known %v, %v", page.URL, known, err)
			}
			out.Count("caf\xe9", 1)
			out.Count("caf\xe8", 10)
			Update(out, "caf\xe9", func(n int) int { return n + 1 })
			return parse(ctx, page, out)
		}
		for _, stops := range []bool{false, true} {
			disk := conDisk()
			if stops {
				conStatus(t, conRun(t, s, disk, MaxPages(1)), Paused, 1)
			}
			r := conRun(t, s, disk)
			if n := r.Stats.Custom["caf\uFFFD"]; n != 22 || len(r.Stats.Custom) != 1 {
				t.Errorf("counted %v", r.Stats.Custom)
			}
			if data := r.State["caf\uFFFD"]; string(data) != "2" || len(r.State) != 1 {
				t.Errorf("kept %s", r.State)
			}
		}
	})
}

func TestContractZeroIsTheDefault(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		s := conSpider(conStar(40, time.Second))
		r := conRun(t, s)
		conStatus(t, r, Finished, 41)
		if r.Stats.Concurrency != 16 || r.Stats.ConcurrencyPerHost != 16 {
			t.Errorf("%d at once, %d of a host", r.Stats.Concurrency, r.Stats.ConcurrencyPerHost)
		}
		if at := s.Sessions[""].(*conWeb).starts(conHost); at[40] != 2*time.Second {
			t.Errorf("the last of 40 pages of a second began at %v", at[40])
		}
	})
}

func TestContractRenamedTwice(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := conDisk()
		s := conSpider(conStar(1, 0))
		leaf := func(_ context.Context, _ *Response, out *Output) error { out.Item("leaf"); return nil }
		s.Handlers = map[string]Handler{"a": leaf}
		s.Parse = func(_ context.Context, _ *Response, out *Output) error { out.Follow("/0", To("a")); return nil }
		conRun(t, s, disk, MaxPages(1))
		s.Handlers, s.Aliases = map[string]Handler{"c": leaf}, map[string]string{"a": "b", "b": "c"}
		conEqual(t, "items", conItems[string](t, conRun(t, s, disk)), "leaf")
	})
}

func TestContractSessionsOfAnyName(t *testing.T) {
	conBubble(t, func(t *testing.T) {
		disk := conDisk()
		keeper := &conKeeper{conWeb: conStar(1, 0)}
		s := conSpider(keeper)
		s.Sessions["eu/1"] = keeper
		s.StartRequests = conList(&Request{URL: conHost + "/", Session: "eu/1"}, &Request{URL: conHost + "/0", Session: "eu/1"})
		s.Concurrency = 1
		delete(s.Sessions, "")
		conRun(t, s, disk, MaxPages(1))
		again := &conKeeper{conWeb: conStar(1, 0)}
		s.Sessions["eu/1"] = again
		conRun(t, s, disk)
		conEqual(t, "restored", again.restored, "jar=1")
	})
}

// conKeeper is a session with one thing to keep.
type conKeeper struct {
	*conWeb
	told     bool
	restored []string
}

func (k *conKeeper) Changed() []fetch.Record {
	if k.told {
		return nil
	}
	k.told = true
	return []fetch.Record{{Key: "jar", Value: []byte("1")}}
}

func (k *conKeeper) Restore(records iter.Seq2[fetch.Record, error]) error {
	for rec, err := range records {
		if err != nil {
			return err
		}
		k.restored = append(k.restored, rec.Key+"="+string(rec.Value))
	}
	return nil
}
