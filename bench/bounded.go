package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/bench/site"
	"github.com/clew-crawler/clew/fetch"
)

// memoryLimit is what the crawls of the memory part are held to, in bytes.
const memoryLimit = 400 << 20

// bounded runs crawls that may not have more memory than memoryLimit: the kernel
// kills them if they do. One is crawled from its first page to its last, the others
// go on with a large frontier for a while.
func bounded(ctx context.Context, cfg *config, out io.Writer) (err error) {
	group, err := newControlGroup(memoryLimit)
	how := fmt.Sprintf("a control group of %d MB", memoryLimit>>20)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: the kernel cannot hold crawls to a limit here, only the Go runtime can:", err)
		how = "no control group"
	} else {
		defer func() { err = errors.Join(err, os.Remove(group)) }()
	}
	fmt.Fprintf(out, "\n## Bounded memory\n\nFresh processes, GOMEMLIMIT of %d MB and %s; default options, %d hosts, no network.\n\n",
		memoryLimit>>20, how, hosts)
	fmt.Fprintln(out, "| crawl | pages | pages/s | resident at most, MB | goroutines | open files | files in the directory |")
	fmt.Fprintln(out, "| --- | --- | --- | --- | --- | --- | --- |")
	limit := fmt.Sprintf("GOMEMLIMIT=%d", memoryLimit)
	row := func(name, role string, j job) error {
		j.Limit = group
		var r crawled
		if err := ask(ctx, role, j, &r, limit); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		_, err := fmt.Fprintf(out, "| %s | %d | %.0f | %.0f | %d | %d | %d |\n",
			name, r.Pages, r.Rate, r.Peak, r.Goroutines, r.Files, r.Entries)
		return err
	}
	whole := filepath.Join(cfg.dir, "whole")
	defer func() { err = errors.Join(err, os.RemoveAll(whole)) }() //nolint:gosec // below the folder that the user named
	if err := os.RemoveAll(whole); err != nil {                    //nolint:gosec // likewise
		return err
	}
	if err := row("whole, first page to last", "whole", job{Dir: whole, Pages: cfg.whole}); err != nil {
		return err
	}
	for _, l := range cfg.loads {
		dir, remove, err := copied(ctx, cfg, l)
		if err != nil {
			return err
		}
		err = row(strconv.FormatUint(l.Pending, 10)+" pending", "crawl", job{Dir: dir, Load: l, Duration: cfg.duration})
		if err := errors.Join(err, remove()); err != nil {
			return err
		}
	}
	return nil
}

// wholeRole crawls a site of so many pages to its end.
func wholeRole(ctx context.Context, j *job, answer func(any) error) error {
	s := spider("http://host0.example/catalogue/page/0.html", 0)
	s.Sessions = map[string]fetch.Session{
		"": &site.Session{Site: site.Site{Hosts: hosts, Pages: uint64(j.Pages)}},
	}
	watching, stop := context.WithCancel(ctx)
	watched := make(chan crawled, 1)
	go func() { watched <- watch(watching, j.Dir) }()
	result, err := clew.Run(ctx, s, clew.CrawlDir(j.Dir))
	stop()
	report := <-watched
	if err != nil {
		return err
	}
	want := clew.Stats{Pages: j.Pages, Items: j.Pages * site.Items}
	if result.Status != clew.Finished || result.Stats.Pages != want.Pages || result.Stats.Items != want.Items {
		return fmt.Errorf("crawl %s with %d pages and %d items, expected %d and %d to the end",
			result.Status, result.Stats.Pages, result.Stats.Items, want.Pages, want.Items)
	}
	report.Pages, report.Rate = result.Stats.Pages, result.Stats.PagesPerSecond
	return answer(report)
}

// newControlGroup makes a control group whose processes may have so much memory
// together, of the first or the second version of them.
func newControlGroup(limit int64) (path string, err error) {
	for _, v := range []struct{ root, limit string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
		{"/sys/fs/cgroup", "memory.max"},
	} {
		if path, err = os.MkdirTemp(v.root, "clew-bench-"); err != nil {
			continue
		}
		if err = os.WriteFile(filepath.Join(path, v.limit), strconv.AppendInt(nil, limit, 10), 0o600); err == nil {
			return path, nil
		}
		err = errors.Join(err, os.Remove(path))
	}
	return "", fmt.Errorf("make a control group: %w", err)
}

// join makes this process one of a control group; "" is none.
func join(group string) error {
	if group == "" {
		return nil
	}
	err := os.WriteFile(filepath.Join(group, "cgroup.procs"), strconv.AppendInt(nil, int64(os.Getpid()), 10), 0o600)
	if err != nil {
		return fmt.Errorf("join control group: %w", err)
	}
	return nil
}
