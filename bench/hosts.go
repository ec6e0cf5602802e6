package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/store/pebblestore"
)

// manyHosts measures a frontier of many hosts, most of them with few pages.
func manyHosts(ctx context.Context, cfg *config, out io.Writer) (err error) {
	dir := filepath.Join(cfg.dir, fmt.Sprintf("hosts-%d", cfg.hosts))
	if _, err := os.Stat(filepath.Join(dir, builtName)); err != nil { //nolint:gosec // below the folder that the user named
		if err := os.RemoveAll(dir); err != nil { //nolint:gosec // likewise
			return err
		}
		var took time.Duration
		if err := ask(ctx, "buildHosts", job{Dir: dir, Hosts: cfg.hosts}, &took); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "built %d hosts in %v\n", cfg.hosts, took.Round(time.Second))
	}
	copied := dir + "-copy"
	remove := func() error { return os.RemoveAll(copied) } //nolint:gosec // likewise
	if err := errors.Join(remove(), link(dir, copied)); err != nil {
		return errors.Join(err, remove())
	}
	defer func() { err = errors.Join(err, remove()) }()
	fmt.Fprintf(out, "\n## Many hosts\n\nA frontier of hosts with one to a hundred pages each; the worst of %d rounds. Choosing is a lease "+
		"without the reading of its host's queue.\n\n", cfg.rounds)
	fmt.Fprintln(out, "| hosts | pending | open, ms | first lease, ms | bytes a host | choosing p50, µs | p99, µs | most, µs | "+
		"leases that read | a read p50, µs | admission p50, µs |")
	fmt.Fprintln(out, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	var worst hosted
	for range cfg.rounds {
		var r hosted
		if err := ask(ctx, "hosts", job{Dir: copied, Hosts: cfg.hosts, Duration: cfg.duration, Profile: cfg.profile}, &r); err != nil {
			return err
		}
		worst.take(&r)
	}
	_, err = fmt.Fprintf(out, "| %d | %d | %.0f | %.0f | %.0f | %.1f | %.1f | %.0f | %.0f %% | %.1f | %.1f |\n", worst.Hosts, worst.Pending,
		worst.Open, worst.First, worst.Memory, worst.Choose50, worst.Choose99, worst.ChooseMax, worst.Reads*100, worst.Read50, worst.Admit50)
	return err
}

// hostPages is how many pages a host has: one to a hundred, four hosts of ten have one
// and one of ten has more than ten.
func hostPages(host uint64) uint64 {
	share := float64(host*0x9e3779b97f4a7c15>>11) / (1 << 53)
	return uint64(min(1/math.Pow(1-share, 0.9), 100))
}

// buildHosts fills a crawl directory with the pages of many hosts, page by page of all.
func buildHosts(ctx context.Context, j *job, answer func(any) error) error {
	begin := time.Now()
	err := withStore(j.Dir, func(store *pebblestore.Store) error {
		return runFrontier(ctx, store, frontier.Options{SeenBytes: 1 << 30}, func(f *frontier.Frontier) error {
			o := &frontier.Outcome{State: frontier.Done}
			for page, more := uint64(0), true; more; page++ {
				more = false
				for host := range uint64(j.Hosts) {
					if hostPages(host) <= page {
						continue
					}
					more = true
					o.Links = append(o.Links, hostTask(host, page))
					if o.Seeds++; o.Seeds < 1000 {
						continue
					}
					if err := f.Admit(ctx, o); err != nil {
						return err
					}
					o = &frontier.Outcome{State: frontier.Done}
				}
			}
			o.Seeded = true
			return f.Admit(ctx, o)
		})
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(j.Dir, builtName), nil, 0o600); err != nil {
		return err
	}
	return answer(time.Since(begin))
}

func hostTask(host, page uint64) frontier.Task {
	name := fmt.Sprintf("https://www.host%d.example", host)
	fp := frontier.Fingerprint{}
	for i := range 8 {
		fp[i], fp[8+i] = byte(host*0x9e3779b97f4a7c15>>(8*i)), byte(page*0xbf58476d1ce4e5b9>>(8*i))
	}
	return frontier.Task{
		Key: frontier.Key{Host: name}, Fingerprint: fp,
		Payload: fmt.Appendf(nil, `{"u":"%s/catalogue/page/%d.html","d":3,"r":"%s/"}`, name, page, name),
	}
}

// withStore opens the store of a crawl directory for a moment.
func withStore(path string, do func(*pebblestore.Store) error) (err error) {
	dir, err := pebblestore.OpenDirectory(path, spiderName)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	store, err := dir.Store(pebblestore.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return do(store)
}

// runFrontier opens a frontier for a moment.
func runFrontier(ctx context.Context, store frontier.Store, o frontier.Options, do func(*frontier.Frontier) error) error {
	f, err := frontier.Open(ctx, store, o)
	if err != nil {
		return err
	}
	committing := make(chan error, 1)
	go func() { committing <- f.Run(ctx) }()
	err = do(f)
	return errors.Join(err, f.Close(false), <-committing)
}

// hosted is what a process in the role "hosts" reports.
type hosted struct {
	Hosts, Pending                int64
	Open, First                   float64 // ms
	Memory                        float64 // bytes a host, after a collection
	Choose50, Choose99, ChooseMax float64 // µs
	Reads                         float64 // share of leases
	Read50, Admit50               float64 // µs
}

func (h *hosted) take(r *hosted) {
	h.Hosts, h.Pending = r.Hosts, r.Pending
	for _, pair := range [][2]*float64{
		{&h.Open, &r.Open},
		{&h.First, &r.First},
		{&h.Memory, &r.Memory},
		{&h.Choose50, &r.Choose50},
		{&h.Choose99, &r.Choose99},
		{&h.ChooseMax, &r.ChooseMax},
		{&h.Reads, &r.Reads},
		{&h.Read50, &r.Read50},
		{&h.Admit50, &r.Admit50},
	} {
		*pair[0] = max(*pair[0], *pair[1])
	}
}

// A readingStore notes how long the queues took to read. The frontier reads them under
// its lock, and nothing else asks for leases, so it needs none.
type readingStore struct {
	frontier.Store
	took time.Duration
}

func (s *readingStore) Tasks(ctx context.Context, r frontier.Range) iter.Seq2[frontier.Task, error] {
	return func(yield func(frontier.Task, error) bool) {
		begin := time.Now()
		s.Store.Tasks(ctx, r)(yield)
		s.took += time.Since(begin)
	}
}

func hostsRole(ctx context.Context, j *job, answer func(any) error) error {
	r := hosted{Hosts: j.Hosts}
	err := withStore(j.Dir, func(store *pebblestore.Store) (failed error) {
		reading := &readingStore{Store: store}
		before := heapBytes()
		stop, err := profile(j.Profile)
		if err != nil {
			return err
		}
		defer func() { failed = errors.Join(failed, stop()) }()
		begin := time.Now()
		return runFrontier(ctx, reading, frontier.Options{Interval: 100 * time.Millisecond}, func(f *frontier.Frontier) error {
			r.Open = milliseconds(time.Since(begin))
			r.Pending = f.Books().Pending
			lease, _, ok := f.Next(ctx)
			if !ok {
				return errors.Join(errors.New("no lease"), f.Err())
			}
			r.First = milliseconds(time.Since(begin))
			r.Memory = float64(heapBytes()-before) / float64(j.Hosts)
			return r.work(ctx, f, reading, lease, j.Duration)
		})
	})
	if err != nil {
		return err
	}
	return answer(&r)
}

// heapBytes is what the Go heap holds on to.
func heapBytes() int64 {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// work takes leases one after the other; each page leads to a new one of another host.
func (h *hosted) work(ctx context.Context, f *frontier.Frontier, store *readingStore, lease *frontier.Lease, d time.Duration) error {
	var choose, reads, admit []time.Duration
	begin := time.Now()
	for n := uint64(0); time.Since(begin) < d; n++ {
		o := &frontier.Outcome{Lease: lease, State: frontier.Done, Links: []frontier.Task{
			hostTask(n*7919%uint64(h.Hosts), 1000+n),
		}}
		start := time.Now()
		if err := f.Admit(ctx, o); err != nil {
			return err
		}
		admitted, before := time.Now(), store.took
		admit = append(admit, admitted.Sub(start))
		var ok bool
		if lease, _, ok = f.Next(ctx); !ok {
			return errors.Join(errors.New("no lease"), f.Err())
		}
		read := store.took - before
		choose = append(choose, time.Since(admitted)-read)
		if read > 0 {
			reads = append(reads, read)
		}
	}
	for _, times := range [][]time.Duration{choose, reads, admit} {
		slices.Sort(times)
	}
	h.Choose50, h.Choose99 = microseconds(quantile(choose, 0.5)), microseconds(quantile(choose, 0.99))
	h.ChooseMax = microseconds(quantile(choose, 1))
	h.Reads = float64(len(reads)) / float64(max(len(choose), 1))
	h.Read50, h.Admit50 = microseconds(quantile(reads, 0.5)), microseconds(quantile(admit, 0.5))
	return nil
}
