package clew

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/clew-crawler/clew/frontier"
)

// TestDeathsCountOnce has a page that was being handled when its process died, and
// processes that die right after they have committed that: it was the death of one.
func TestDeathsCountOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "crawl")
	s := conSpider(conPages(map[string]string{conHost + "/": conLinks("/1"), conHost + "/1": ""}))
	conStatus(t, conRun(t, s, CrawlDir(dir), MaxPages(1)), Paused, 1)
	dies := func(f func(e *engine)) {
		t.Helper()
		c, err := Open(s, CrawlDir(dir))
		if err != nil {
			t.Fatal(err)
		}
		e, err := c.newEngine(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		committing := make(chan struct{})
		go func() {
			defer close(committing)
			_ = e.frontier.Run(t.Context()) // until its store is closed
		}()
		f(e)
		if err := errors.Join(e.frontier.Flush(), c.on.store.Close(), c.on.dir.Close(), e.suspects.close(false)); err != nil {
			t.Fatal(err)
		}
		_ = e.frontier.Close(false)
		<-committing
	}
	dies(func(e *engine) {
		if err := errors.Join(e.suspects.begin(e.frontier.Books().Run), e.admit(t.Context(), &frontier.Outcome{State: frontier.Done})); err != nil {
			t.Fatal(err)
		}
		lease, _, ok := e.frontier.Next(t.Context())
		if !ok {
			t.Fatal("nothing is pending")
		}
		e.suspects.enter(lease.Fingerprint)
	})
	for range maxDeaths {
		dies(func(e *engine) {
			if err := e.admit(t.Context(), &frontier.Outcome{State: frontier.Done}); err != nil {
				t.Fatal(err)
			}
		})
	}
	r := conRun(t, s, CrawlDir(dir))
	if conStatus(t, r, Finished, 2); r.Stats.Failed != 0 {
		t.Errorf("failed: %v", r.Failures)
	}
}
