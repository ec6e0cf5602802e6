package clew

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// meeting is a web whose pages all lead to all others. The last one says that it was
// asked for, and waits until it may answer.
func meeting(n int) (web *conWeb, reached, answer chan struct{}) {
	reached, answer = make(chan struct{}, 9), make(chan struct{})
	last := "/" + string(rune('0'+n-1))
	return newConWeb(func(v conVisit) conReply {
		if conPath(v.URL) == last {
			reached <- struct{}{}
			<-answer
		}
		return conReply{body: conNumbered(n)}
	}), reached, answer
}

// inBackground runs a crawl; what it returns waits for the error that it ends with.
func inBackground(t *testing.T, s *Spider, dir string) func() error {
	t.Helper()
	ended := make(chan error, 1)
	go func() {
		_, err := Run(t.Context(), s, CrawlDir(dir))
		ended <- err
	}()
	return func() error { return <-ended }
}

// TestSocketOfAnother has a directory whose status names a socket at which the process
// of another directory answers, as after a kill and a rename: nothing there is asked,
// paused or copied in its stead.
func TestSocketOfAnother(t *testing.T) {
	base := t.TempDir()
	dir, old := filepath.Join(base, "crawl"), filepath.Join(base, "old")
	first := conSpider(conPages(map[string]string{conHost + "/": conLinks("/1"), conHost + "/1": ""}))
	first.Name = "first"
	r := conRun(t, first, CrawlDir(old), MaxPages(1))
	web, reached, answer := meeting(2)
	second := inBackground(t, conSpider(web), dir)
	<-reached
	status, err := json.Marshal(&Inspection{
		Dir: old, Spider: "first", State: StateRunning, Socket: filepath.Join(dir, socketName), Stats: r.Stats,
	})
	if err := errors.Join(err, os.WriteFile(filepath.Join(old, statusName), status, 0o600)); err != nil {
		t.Fatal(err)
	}
	if i, err := Inspect(old); err != nil || i.Spider != "first" || i.State == StateRunning || i.Stats.Pages != 1 {
		t.Errorf("inspected: %+v, %v", i, err)
	}
	if err := RequestPause(t.Context(), old); !errors.Is(err, ErrNotRunning) {
		t.Errorf("paused: %v", err)
	}
	dest := filepath.Join(base, "copy")
	if err := Snapshot(t.Context(), old, dest); err != nil {
		t.Errorf("copied: %v", err)
	}
	if i, err := Inspect(dest); err != nil || i.Spider != "first" {
		t.Errorf("the copy: %+v, %v", i, err)
	}
	if r, err := Salvage(t.Context(), old); err != nil || !r.Sound {
		t.Errorf("salvaged: %+v, %v", r, err)
	}
	close(answer)
	if err := second(); err != nil {
		t.Error(err)
	}
	conStatus(t, conRun(t, conSpider(web), CrawlDir(dir)), Finished, 3) // "/" is one of them
	conStatus(t, conRun(t, first, CrawlDir(old)), Finished, 2)
}

// TestRenamedWhileRunning renames the directory of a crawl that runs, and starts the
// same one at its old place. The first ends with an error and leaves the second alone.
func TestRenamedWhileRunning(t *testing.T) {
	base := t.TempDir()
	dir, old := filepath.Join(base, "crawl"), filepath.Join(base, "old")
	web, reached, answer := meeting(3)
	first := inBackground(t, conSpider(web), dir)
	<-reached
	if err := os.Rename(dir, old); err != nil {
		t.Fatal(err)
	}
	if i, err := Inspect(old); err != nil || i.State != StateRunning || i.Dir != old {
		t.Errorf("the first is %+v, %v", i, err)
	}
	dest := filepath.Join(base, "copy")
	if err := Snapshot(t.Context(), old, dest); err == nil || !strings.Contains(err.Error(), dir+" was moved") {
		t.Errorf("copied: %v", err)
	}
	web2, reached2, answer2 := meeting(9)
	second := inBackground(t, conSpider(web2), dir)
	<-reached2
	close(answer)
	if err := first(); err == nil || !strings.Contains(err.Error(), dir+" was moved") {
		t.Errorf("the first crawl: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "report.json")); err == nil {
		t.Error("the first crawl wrote its report over the second")
	}
	if i, err := Inspect(dir); err != nil || i.State != StateRunning {
		t.Errorf("the second is %+v, %v", i, err)
	}
	var last Inspection
	status, err := os.ReadFile(filepath.Join(dir, statusName))
	if err := errors.Join(err, json.Unmarshal(status, &last)); err != nil || last.State != StateRunning {
		t.Errorf("the last status is %+v, %v", last, err)
	}
	if err := Snapshot(t.Context(), dir, dest); err != nil {
		t.Errorf("copied: %v", err)
	}
	checkDir(t, dest)
	close(answer2)
	if err := second(); err != nil {
		t.Errorf("the second crawl: %v", err)
	}
	for dir, pages := range map[string]int64{dir: 10, old: 4} {
		r := conRun(t, conSpider(web), CrawlDir(dir))
		conStatus(t, r, Finished, pages)
		if items := conItems[string](t, r); int64(len(items)) != pages {
			t.Errorf("items: %v", items)
		}
	}
}

// TestLockRemoved removes the lock of a crawl that runs: whoever starts it again then
// gets it, and the first one ends.
func TestLockRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "crawl")
	web, reached, answer := meeting(3)
	first := inBackground(t, conSpider(web), dir)
	<-reached
	if err := os.Remove(filepath.Join(dir, "LOCK")); err != nil {
		t.Fatal(err)
	}
	close(answer)
	if err := first(); err == nil || !strings.Contains(err.Error(), "its lock removed") {
		t.Errorf("without its lock: %v", err)
	}
	conStatus(t, conRun(t, conSpider(web), CrawlDir(dir)), Finished, 4)
}

// TestWorkingDirectoryChanges has a handler that changes the working directory, to
// which the path of the crawl directory is relative.
func TestWorkingDirectoryChanges(t *testing.T) {
	home, elsewhere := t.TempDir(), t.TempDir()
	t.Chdir(home)
	s := conSpider(conPages(map[string]string{conHost + "/": conLinks("/1"), conHost + "/1": ""}))
	parse := s.Parse
	s.Parse = func(ctx context.Context, page *Response, out *Output) error {
		return errors.Join(os.Chdir(elsewhere), parse(ctx, page, out))
	}
	r, err := Run(t.Context(), s, CrawlDir("crawl"))
	if err != nil {
		t.Fatal(err)
	}
	conEqual(t, "items", conItems[string](t, r), "/", "/1")
	if r.Dir != filepath.Join(home, "crawl") {
		t.Errorf("the crawl is in %q", r.Dir)
	}
	checkDir(t, r.Dir)
	if names, err := filepath.Glob(filepath.Join(elsewhere, "*")); err != nil || len(names) > 0 {
		t.Errorf("written elsewhere: %v, %v", names, err)
	}
}
