package clew

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHalfMoved: a directory whose crawl was being set aside, or put back by a salvage,
// when the process died is looked at by nobody, since what stands there is half of it.
func TestHalfMoved(t *testing.T) {
	web := conPages(map[string]string{conHost + "/": conLinks("/1"), conHost + "/1": ""})
	for _, left := range []string{"20260101T000000-damaged.moving", "salvage.done", "salvage.in"} {
		t.Run(left, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "crawl")
			conRun(t, conSpider(web), CrawlDir(dir), MaxPages(1))
			if err := os.Mkdir(filepath.Join(dir, left), 0o700); err != nil {
				t.Fatal(err)
			}
			for _, asked := range []struct {
				what string
				err  error
			}{
				{"inspect", second(Inspect(dir))},
				{"check", Check(t.Context(), dir)},
				{"requeue", second(Requeue(t.Context(), dir, nil))},
				{"snapshot", Snapshot(t.Context(), dir, filepath.Join(t.TempDir(), "copy"))},
			} {
				if asked.err == nil || !strings.Contains(asked.err.Error(), "run it again, or salvage it") {
					t.Errorf("%s: %v", asked.what, asked.err)
				}
			}
			for _, err := range List(t.Context(), dir, "pending") {
				if err == nil || !strings.Contains(err.Error(), "run it again, or salvage it") {
					t.Errorf("list: %v", err)
				}
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }
