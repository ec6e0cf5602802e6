package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/store/pebblestore"
)

// slowSync is what each sync takes longer on the slow disk of the groups part.
const slowSync = 10 * time.Millisecond

// groups measures how outcomes are grouped into commits: whether the rate of pages
// depends on how long the disk takes to sync.
func groups(ctx context.Context, cfg *config, out io.Writer) error {
	fmt.Fprintf(out, "\n## Grouping of commits\n\nPages as they come at a rate, \"all\" is as fast as one goroutine can; on this disk, and with %v "+
		"more for each sync.\n\n", slowSync)
	fmt.Fprintln(out, "| pages/s asked for | interval | disk | pages/s | commits/s | syncs/s | admission p99, ms | most, ms |")
	fmt.Fprintln(out, "| --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, rate := range cfg.rates {
		for _, interval := range []time.Duration{0, 20 * time.Millisecond, 100 * time.Millisecond, time.Second} {
			for _, slow := range []time.Duration{0, slowSync} {
				var r grouped
				j := job{Dir: filepath.Join(cfg.dir, "groups"), Rate: rate, Interval: interval, Latency: slow, Duration: cfg.duration / 4}
				if err := ask(ctx, "groups", j, &r); err != nil {
					return err
				}
				name := fmt.Sprint(rate)
				if rate == 0 {
					name = "all"
				}
				fmt.Fprintf(out, "| %s | %v | +%v | %.0f | %.1f | %.0f | %.1f | %.1f |\n",
					name, interval, slow, r.Rate, r.Commits, r.Syncs, r.Admit99, r.AdmitMax)
			}
		}
	}
	return nil
}

// grouped is what a process in the role "groups" reports.
type grouped struct {
	Rate, Commits, Syncs float64 // for each second
	Admit99, AdmitMax    float64 // ms
}

func groupsRole(ctx context.Context, j *job, answer func(any) error) (err error) {
	defer func() { err = errors.Join(err, os.RemoveAll(j.Dir)) }()
	if err := os.RemoveAll(j.Dir); err != nil {
		return err
	}
	disk := &slowFS{FS: vfs.Default, by: j.Latency}
	dir, err := pebblestore.OpenDirectoryFS(disk, j.Dir, spiderName)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	store, err := dir.Store(pebblestore.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	var r grouped
	var commits atomic.Int64
	o := frontier.Options{Interval: j.Interval, Committed: func(frontier.Books) { commits.Add(1) }}
	err = runFrontier(ctx, store, o, func(f *frontier.Frontier) error {
		if err := admitAll(ctx, f, load{Pending: 1000, Known: 1000}); err != nil {
			return err
		}
		if err := f.Flush(); err != nil {
			return err
		}
		commits.Store(0)
		disk.syncs.Store(0)
		begin := time.Now()
		pages, admit, err := admitAtRate(ctx, f, j)
		if err != nil {
			return err
		}
		took := time.Since(begin).Seconds()
		slices.Sort(admit)
		r = grouped{
			Rate: float64(pages) / took, Commits: float64(commits.Load()) / took, Syncs: float64(disk.syncs.Load()) / took,
			Admit99: milliseconds(quantile(admit, 0.99)), AdmitMax: milliseconds(quantile(admit, 1)),
		}
		return nil
	})
	if err != nil {
		return err
	}
	return answer(&r)
}

// admitAtRate takes pages at an even rate, or as fast as it can.
func admitAtRate(ctx context.Context, f *frontier.Frontier, j *job) (pages int64, admit []time.Duration, err error) {
	w := worker{frontier: f, site: load{Pending: 1000, Known: 1000}.site()}
	begin := time.Now()
	for time.Since(begin) < j.Duration {
		if j.Rate > 0 {
			<-time.After(time.Until(begin.Add(time.Duration(pages) * time.Second / time.Duration(j.Rate))))
		}
		lease, _, ok := f.Next(ctx)
		if !ok {
			return 0, nil, errors.Join(errors.New("no lease"), f.Err())
		}
		o, err := w.outcome(lease)
		if err != nil {
			return 0, nil, err
		}
		start := time.Now()
		if err := f.Admit(ctx, o); err != nil {
			return 0, nil, err
		}
		admit = append(admit, time.Since(start))
		pages++
	}
	return pages, admit, nil
}

// A slowFS takes longer to sync.
type slowFS struct {
	vfs.FS
	by    time.Duration
	syncs atomic.Int64
}

func (s *slowFS) wrap(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return slowFile{f, s}, nil
}

func (s *slowFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return s.wrap(s.FS.Create(name, c))
}

func (s *slowFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return s.wrap(s.FS.OpenReadWrite(name, c, o...))
}

func (s *slowFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return s.wrap(s.FS.ReuseForWrite(from, to, c))
}

func (s *slowFS) OpenDir(name string) (vfs.File, error) { return s.wrap(s.FS.OpenDir(name)) }
func (s *slowFS) Unwrap() vfs.FS                        { return s.FS }

func (s *slowFS) sync() { s.syncs.Add(1); <-time.After(s.by) }

type slowFile struct {
	vfs.File
	fs *slowFS
}

func (f slowFile) Sync() error     { f.fs.sync(); return f.File.Sync() }
func (f slowFile) SyncData() error { f.fs.sync(); return f.File.SyncData() }
