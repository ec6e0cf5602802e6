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

// TestRequeue crawls with a spider that has a fault, mends it, puts back what failed,
// and ends with what a spider without the fault would have found.
func TestRequeue(t *testing.T) {
	site, base := testsite.Start(t, testsite.Config{Seed: 11, Pages: 80})
	dir := filepath.Join(t.TempDir(), "crawl")
	if _, err := Requeue(t.Context(), dir, nil); !errors.Is(err, ErrNoCrawl) {
		t.Fatalf("without a crawl: %v", err)
	}
	s := siteSpider(base)
	parse := s.Parse
	s.Parse = func(ctx context.Context, page *Response, out *Output) error {
		if strings.HasSuffix(page.URL, "7") {
			return errors.New("the spider has a fault")
		}
		return parse(ctx, page, out)
	}
	r, err := Run(t.Context(), s, CrawlDir(dir))
	if err != nil || r.Status != Finished || r.Stats.Failed == 0 || len(r.Failures) != int(r.Stats.Failed) {
		t.Fatalf("with the fault: %+v, %v", r, err)
	}
	failed := r.Stats.Failed
	one := r.Failures[0].URL
	n, err := Requeue(t.Context(), dir, func(Failure) bool { return false })
	if i, ierr := Inspect(dir); n != 0 || err != nil || ierr != nil || i.State != StateFinished || i.Stats.Runs != 1 {
		t.Fatalf("without a match %d were requeued and the crawl is %+v, %v, %v", n, i, err, ierr)
	}
	n, err = Requeue(t.Context(), dir, func(f Failure) bool { return f.URL == one })
	if err != nil || n != 1 {
		t.Fatalf("requeued %d, %v", n, err)
	}
	n, err = Requeue(t.Context(), dir, nil)
	if err != nil || int64(n) != failed-1 {
		t.Fatalf("requeued %d of %d, %v", n, failed-1, err)
	}
	checkDir(t, dir)
	i, err := Inspect(dir)
	if err != nil || i.State != StatePaused || i.Stats.Pending != failed || i.Stats.Failed != 0 {
		t.Errorf("after requeueing: %+v, %v", i, err)
	}
	s.Parse = parse
	r, err = Run(t.Context(), s, CrawlDir(dir))
	if err != nil || r.Status != Finished || r.Stats.Failed != 0 || r.Stats.Pages != 80 {
		t.Fatalf("mended: %+v, %v", r, err)
	}
	got, want := gotItems(t, r), wantItems(site, 80)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%d items, want %d", len(got), len(want))
	}
	if n, err := Requeue(t.Context(), dir, nil); n != 0 || err != nil {
		t.Errorf("requeued %d of a crawl without failures, %v", n, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "report.json")); err != nil {
		t.Errorf("the report is gone: %v", err)
	}
	checkDir(t, dir)
}
