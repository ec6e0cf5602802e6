package clew

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// scratchWatch counts what is done to files for known requests, and makes some of it fail.
type scratchWatch struct {
	fail           errorfs.OpKind // -1 for none
	created, reads atomic.Int64
}

func (w *scratchWatch) MaybeError(op errorfs.Op) error {
	if filepath.Base(op.Path) != "frontier-scratch" {
		return nil
	}
	switch op.Kind { //nolint:exhaustive // the others are not counted
	case errorfs.OpCreate:
		w.created.Add(1)
	case errorfs.OpFileReadAt:
		w.reads.Add(1)
	}
	if w.fail == op.Kind {
		return syscall.ENOSPC
	}
	return nil
}

func (w *scratchWatch) String() string { return "scratch" }

// TestKnownFile crawls and resumes with less memory than what is known takes: with a file
// for it, and with one that fails. The books are those of a crawl with memory enough, a
// failure is logged, and nothing is left of the file.
func TestKnownFile(t *testing.T) {
	for _, tt := range []struct {
		name       string
		memory     int64
		fail       errorfs.OpKind
		file, used bool
	}{
		{name: "in memory", fail: -1},
		{name: "in a file", memory: 1, fail: -1, file: true, used: true},
		{name: "no room", memory: 1, fail: errorfs.OpFileWrite, file: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conBubble(t, func(t *testing.T) {
				watch := &scratchWatch{fail: tt.fail}
				disk := vfs.NewMem()
				log := crawlForty(t, faultFS(errorfs.Wrap(disk, watch)), SeenMemory(tt.memory))
				if (watch.created.Load() > 0) != tt.file {
					t.Errorf("%d files were made", watch.created.Load())
				}
				if reads := watch.reads.Load(); (reads > 1) != tt.used {
					t.Errorf("%d reads", reads)
				}
				if warns := strings.Contains(log, "looking up known requests takes longer"); warns != (tt.file && !tt.used) {
					t.Errorf("the log is\n%s", log)
				}
				if names, err := disk.List(faultDir); err != nil || slices.Contains(names, "frontier-scratch") {
					t.Errorf("the directory has %v, %v", names, err)
				}
			})
		})
	}
}

// crawlForty crawls two pages, and two more in a second run: the first one puts out 40,000
// items that are kept once, and each of the others 2,000 of them again, which no page before
// did. It returns the log.
func crawlForty(t *testing.T, on ...Option) string {
	t.Helper()
	s := conSpider(newConWeb(func(conVisit) conReply { return conReply{body: conNumbered(5)} }))
	pages := 0
	s.Parse = func(_ context.Context, page *Response, out *Output) error {
		synctest.Wait() // until what is known is read
		first, n := 2000*pages, 2000
		if pages == 0 {
			n = 40_000
		}
		pages++
		for i := range n {
			out.ItemOnce(strconv.Itoa(first+i), 1)
		}
		for _, href := range page.CSS("a::attr(href)").GetAll() {
			out.Follow(href)
		}
		return nil
	}
	var log bytes.Buffer
	s.Concurrency, s.Logger = 1, slog.New(slog.NewTextHandler(&log, nil))
	for _, want := range []string{"paused 2 40006 2000", "paused 4 40006 6000"} {
		r := conRun(t, s, append(slices.Clone(on), MaxPages(2))...)
		if got := fmt.Sprintf("%v %d %d %d", r.Status, r.Stats.Pages, r.Stats.Seen, r.Stats.ItemsDuplicate); got != want {
			t.Errorf("the books are %q, want %q", got, want)
		}
	}
	return log.String()
}
