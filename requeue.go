package clew

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/store/pebblestore"
)

// Requeue puts requests that failed for good back in the queue of the crawl in a
// directory: those that match says, or all if it is nil. Their attempts begin
// anew, and robots.txt files that were given up are asked for again; run the crawl
// again to make them. It returns how many they were; if there are
// none, nothing was changed. match may be asked more than once about a request. While
// a process runs the crawl the error is [ErrInUse].
func Requeue(ctx context.Context, dir string, match func(Failure) bool) (n int, err error) {
	id, found, err := pebblestore.ReadIdentity(dir)
	switch {
	case err != nil:
		return 0, err
	case !found:
		return 0, fmt.Errorf("%w: %s has no crawl.json", ErrNoCrawl, dir)
	}
	d, err := pebblestore.OpenDirectory(dir, id.Spider)
	if err != nil {
		return 0, err
	}
	return requeueIn(ctx, d, match)
}

// requeueIn works on a directory that is locked, and unlocks it.
func requeueIn(ctx context.Context, d *pebblestore.Directory, match func(Failure) bool) (n int, err error) {
	if there, err := d.HasFrontier(); err != nil || !there {
		return 0, errors.Join(err, d.Close()) // finished without a failure
	}
	store, err := d.Store(pebblestore.Options{})
	if err != nil {
		return 0, errors.Join(err, d.Close())
	}
	defer func() { err = errors.Join(err, store.Close(), d.Close()) }()
	if any, err := anyFailed(ctx, store, match); err != nil || !any {
		return 0, err
	}
	// The report goes first: without it the next run looks at the frontier, whatever
	// has become of it until then.
	if err := d.RemoveReport(); err != nil {
		return 0, err
	}
	return requeue(ctx, store, match)
}

// anyFailed reports whether there is a request to put back: to look for one counts
// as no run.
func anyFailed(ctx context.Context, store frontier.Store, match func(Failure) bool) (bool, error) {
	for t, err := range store.Tasks(ctx, frontier.Range{State: frontier.Failed}) {
		if err != nil {
			return false, fmt.Errorf("read failed requests: %w", err)
		}
		if match == nil || match(failure(&t)) {
			return true, nil
		}
	}
	return false, nil
}

func requeue(ctx context.Context, store frontier.Store, match func(Failure) bool) (n int, err error) {
	books, err := store.Load(ctx)
	if err != nil {
		return 0, err
	}
	stats, err := newCounters(books.Note, &logCounts{})
	if err != nil {
		return 0, err
	}
	f, err := frontier.Open(ctx, store, frontier.Options{Note: stats.note})
	if err != nil {
		return 0, err
	}
	committing := make(chan error, 1)
	go func() { committing <- f.Run(ctx) }()
	err = forgetLostRobots(ctx, store, f)
	if err == nil {
		n, err = f.Requeue(ctx, func(t *frontier.Task) bool {
			if match != nil && !match(failure(t)) {
				return false
			}
			stats.change(func(s *Stats) { s.Failed-- })
			return true
		})
	}
	return n, dedupe(errors.Join(err, f.Close(false), <-committing))
}

// forgetLostRobots lets robots.txt files be asked for again that were given up: they
// may be why requests failed.
func forgetLostRobots(ctx context.Context, store frontier.Store, f *frontier.Frontier) error {
	o := frontier.Outcome{State: frontier.Done}
	for v, err := range store.Values(ctx, kindRobots, nil) {
		if err != nil {
			return fmt.Errorf("read robots.txt files: %w", err)
		}
		var s storedRobots
		if json.Unmarshal(v.Data, &s) == nil && s.Lost != "" { // what cannot be read is asked for again anyway
			o.Values = append(o.Values, frontier.Value{Kind: kindRobots, Key: v.Key})
		}
	}
	return f.Admit(ctx, &o)
}
