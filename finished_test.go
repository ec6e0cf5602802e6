package clew

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/clew-crawler/clew/internal/testsite"
)

// TestFinishedCrawlWithoutItsItems opens a finished crawl whose item log is gone or
// cut short: that is damage, not a smaller result.
func TestFinishedCrawlWithoutItsItems(t *testing.T) {
	_, base := testsite.Start(t, testsite.Config{Seed: 5, Pages: 20})
	for name, spoil := range map[string]func(path string) error{
		"gone":      os.Remove,
		"cut short": func(path string) error { return os.Truncate(path, 10) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "crawl")
			if r, err := Run(context.Background(), siteSpider(base), CrawlDir(dir)); err != nil || r.Status != Finished {
				t.Fatalf("first run: %+v, %v", r, err)
			}
			if err := spoil(filepath.Join(dir, "items.jsonl")); err != nil {
				t.Fatal(err)
			}
			if _, err := Run(context.Background(), siteSpider(base), CrawlDir(dir), OnDamage(Refuse)); !errors.Is(err, ErrDamaged) {
				t.Errorf("refusing damage: %v", err)
			}
			r, err := Run(context.Background(), siteSpider(base), CrawlDir(dir))
			if err != nil || r.Status != Finished || r.Stats.Pages != 20 || len(gotItems(t, r)) != int(r.Stats.Items) {
				t.Errorf("setting it aside: %+v, %v", r, err)
			}
			checkDir(t, dir)
		})
	}
}
