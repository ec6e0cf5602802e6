package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clew-crawler/clew/bench/site"
	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/store/pebblestore"
)

// Sizes are small unless asked for, so that one iteration is quick everywhere:
//
//	go test -bench . -run '^$' ./bench -args -sizes 0,1000000,10000000 -dir /tmp/clew-stages
var (
	sizesFlag = flag.String("sizes", "0,10000", "pending requests of the frontiers, separated by commas")
	dirFlag   = flag.String("dir", "", "folder that keeps the frontiers built; default one for each benchmark alone")
)

// eachSize runs a benchmark on a store of each size. At 0 nothing is known.
func eachSize(b *testing.B, bench func(b *testing.B, store *pebblestore.Store, l load)) {
	b.Helper()
	for s := range strings.SplitSeq(*sizesFlag, ",") {
		l, err := parseLoad(s)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("pending="+s, func(b *testing.B) {
			store := openSize(b, l)
			bench(b, store, l)
		})
	}
}

// openSize opens the frontier of a size until the benchmark ends.
func openSize(b *testing.B, l load) *pebblestore.Store {
	b.Helper()
	path := filepath.Join(*dirFlag, "stages-"+l.name())
	if *dirFlag == "" {
		path = b.TempDir()
	}
	dir, err := pebblestore.OpenDirectory(path, spiderName)
	if err != nil {
		b.Fatal(err)
	}
	store, err := dir.Store(pebblestore.Options{})
	if err != nil {
		b.Fatal(err, dir.Close())
	}
	b.Cleanup(func() {
		if err := errors.Join(store.Close(), dir.Close()); err != nil {
			b.Error(err)
		}
	})
	books, err := store.Load(b.Context())
	if err == nil && books.Run == 0 {
		err = fill(b.Context(), store, load{max(l.Pending, 1), max(l.Known, 2)})
	}
	if err != nil {
		b.Fatal(err)
	}
	return store
}

// openFrontier runs a frontier until the benchmark ends.
func openFrontier(b *testing.B, store frontier.Store) *frontier.Frontier {
	b.Helper()
	f, err := frontier.Open(b.Context(), store, frontier.Options{Interval: 100 * time.Millisecond})
	if err != nil {
		b.Fatal(err)
	}
	committing := make(chan error, 1)
	go func() { committing <- f.Run(context.WithoutCancel(b.Context())) }()
	b.Cleanup(func() {
		if err := errors.Join(f.Close(false), <-committing); err != nil {
			b.Error(err)
		}
	})
	return f
}

// BenchmarkPage leases, admits and commits one page of 40 links, 5 of them new,
// and 10 items: all that the frontier and its store do for a page.
func BenchmarkPage(b *testing.B) {
	eachSize(b, func(b *testing.B, store *pebblestore.Store, l load) {
		b.Helper()
		f := openFrontier(b, store)
		w := worker{frontier: f, site: l.site()}
		b.ReportAllocs()
		for b.Loop() {
			lease, _, ok := f.Next(b.Context())
			if !ok {
				b.Fatal("nothing to lease: ", f.Err())
			}
			b.StopTimer() // the task's making is the engine's part
			o, err := w.outcome(lease)
			b.StartTimer()
			if err == nil {
				err = f.Admit(b.Context(), o)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		if err := f.Flush(); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkLease leases tasks from a long queue and gives them back.
func BenchmarkLease(b *testing.B) {
	eachSize(b, func(b *testing.B, store *pebblestore.Store, _ load) {
		b.Helper()
		f := openFrontier(b, store)
		b.ReportAllocs()
		for b.Loop() {
			lease, _, ok := f.Next(b.Context())
			if !ok {
				b.Fatal("nothing to lease: ", f.Err())
			}
			if err := f.Admit(b.Context(), &frontier.Outcome{Lease: lease, State: frontier.Pending}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkSeen asks the store for the 40 links of a page, known and unknown ones.
func BenchmarkSeen(b *testing.B) {
	eachSize(b, func(b *testing.B, store *pebblestore.Store, l load) {
		b.Helper()
		for _, known := range []bool{true, false} {
			b.Run(fmt.Sprintf("known=%v", known), func(b *testing.B) {
				if known && l.Known == 0 {
					b.Skip("nothing is known")
				}
				random := rand.New(rand.NewPCG(1, l.Pending))
				s, fps, answers := l.site(), make([]frontier.Fingerprint, site.Links), make([]bool, site.Links)
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer()
					for i := range fps {
						page := random.Uint64()
						if known {
							page %= l.Known
						}
						fp, err := fingerprint(s.URL(page))
						if err != nil {
							b.Fatal(err)
						}
						fps[i] = fp
					}
					slices.SortFunc(fps, func(x, y frontier.Fingerprint) int { return bytes.Compare(x[:], y[:]) })
					clear(answers)
					b.StartTimer()
					if err := store.Seen(b.Context(), fps, answers); err != nil {
						b.Fatal(err)
					}
					if slices.Contains(answers, !known) {
						b.Fatal("wrong answer")
					}
				}
			})
		}
	})
}

// BenchmarkCommit makes groups of pages durable, each with its sync.
func BenchmarkCommit(b *testing.B) {
	for _, pages := range []int{1, 64, 1024} {
		b.Run(fmt.Sprintf("pages=%d", pages), func(b *testing.B) {
			store := openSize(b, load{})
			books, err := store.Load(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			s := load{1, 2}.site()
			line := []byte(strings.Repeat("x", 200) + "\n")
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				batch := frontier.Batch{Lines: bytes.Repeat(line, site.Items*pages)}
				for range site.Fresh * pages {
					t, err := task(s, books.NextSeq)
					if err != nil {
						b.Fatal(err)
					}
					t.Seq = books.NextSeq
					books.NextSeq++
					batch.Put, batch.Seen = append(batch.Put, t), append(batch.Seen, t.Fingerprint)
				}
				books.ItemBytes += int64(len(batch.Lines))
				batch.Books = books
				b.StartTimer()
				if err := store.Commit(b.Context(), &batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(pages), "µs/page")
		})
	}
}

// BenchmarkResume opens a frontier after a pause and takes the first lease.
func BenchmarkResume(b *testing.B) {
	eachSize(b, func(b *testing.B, store *pebblestore.Store, _ load) {
		b.Helper()
		for b.Loop() {
			f, err := frontier.Open(b.Context(), store, frontier.Options{})
			if err != nil {
				b.Fatal(err)
			}
			if _, _, ok := f.Next(b.Context()); !ok {
				b.Fatal("nothing to lease: ", f.Err())
			}
		}
	})
}
