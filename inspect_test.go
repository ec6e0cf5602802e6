package clew

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clew-crawler/clew/internal/testsite"
)

// TestInspectAndPause looks at a crawl from outside in each of its states.
func TestInspectAndPause(t *testing.T) {
	_, base := testsite.Start(t, testsite.Config{Seed: 3, Pages: 60})
	for _, dir := range []string{
		filepath.Join(t.TempDir(), "crawl"),
		filepath.Join(t.TempDir(), strings.Repeat("long", 40), "crawl"), // beyond what a socket's address holds
	} {
		if _, err := Inspect(dir); !errors.Is(err, ErrNoCrawl) {
			t.Fatalf("before the crawl: %v", err)
		}
		s := siteSpider(base)
		parse := s.Parse
		asked := false
		s.Concurrency = 1
		s.Parse = func(ctx context.Context, page *Response, out *Output) error {
			if !asked {
				asked = true
				i, err := Inspect(dir)
				if err != nil || i.State != StateRunning || i.PID != os.Getpid() || i.Stats.InFlight != 1 {
					t.Errorf("while running: %+v, %v", i, err)
				}
				if err := Discard(dir); !errors.Is(err, ErrInUse) {
					t.Errorf("discard while running: %v", err)
				}
				if err := RequestPause(ctx, dir); err != nil {
					t.Errorf("pause: %v", err)
				}
			}
			return parse(ctx, page, out)
		}
		r, err := Run(context.Background(), s, CrawlDir(dir))
		if err != nil || r.Status != Paused || r.Stats.Pages != 1 {
			t.Fatalf("paused run: %+v, %v", r, err)
		}
		i, err := Inspect(dir)
		if err != nil || i.State != StatePaused || i.Spider != "site" || i.Stats.Pending != r.Stats.Pending || i.Stats.Pages != 1 {
			t.Errorf("while paused: %+v, %v", i, err)
		}
		if err := RequestPause(context.Background(), dir); !errors.Is(err, ErrNotRunning) {
			t.Errorf("pause of a paused crawl: %v", err)
		}
		if r, err = Run(context.Background(), s, CrawlDir(dir)); err != nil || r.Status != Finished {
			t.Fatalf("resumed run: %+v, %v", r, err)
		}
		if i, err = Inspect(dir); err != nil || i.State != StateFinished || i.Stats.Pages != 60 {
			t.Errorf("when finished: %+v, %v", i, err)
		}
		checkDir(t, dir)
		if err := Discard(dir); err != nil {
			t.Errorf("discard: %v", err)
		}
		if _, err := Inspect(dir); !errors.Is(err, ErrNoCrawl) {
			t.Errorf("after discarding: %v", err)
		}
	}
}
