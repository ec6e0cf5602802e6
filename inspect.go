package clew

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/store/pebblestore"
)

// CrawlState is what a crawl in a directory is doing.
type CrawlState string

// The states of a crawl in a directory.
const (
	StateRunning     CrawlState = "running"
	StatePausing     CrawlState = "pausing"     // pages in flight finish
	StatePaused      CrawlState = "paused"      // run it again to go on
	StateInterrupted CrawlState = "interrupted" // its process died; run it again to go on
	StateFinished    CrawlState = "finished"
)

// An Inspection tells about a crawl in a directory.
type Inspection struct {
	Dir      string     `json:"dir"`
	Spider   string     `json:"spider"`
	State    CrawlState `json:"state"`
	Reason   string     `json:"reason,omitempty"` // why it pauses or paused
	PID      int        `json:"pid,omitempty"`    // of the process that runs it
	Socket   string     `json:"socket,omitempty"` // where that process answers
	Updated  time.Time  `json:"updated"`          // when this was so
	Stats    Stats      `json:"stats"`
	Failures []Failure  `json:"failures,omitempty"` // the first thousand
}

// Inspect tells about the crawl in a directory. It changes nothing, and works
// whether a process runs the crawl, which it asks, or not. For a directory without
// a crawl the error is [ErrNoCrawl].
func Inspect(dir string) (*Inspection, error) {
	id, found, err := pebblestore.ReadIdentity(dir)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, fmt.Errorf("%w: %s has no crawl.json", ErrNoCrawl, dir)
	}
	i := &Inspection{Dir: dir, Spider: id.Spider, Updated: time.Now().UTC()}
	data, err := ask(context.Background(), dir, http.MethodGet, "/status")
	switch {
	case err == nil:
		if err := json.Unmarshal(data, i); err != nil {
			return nil, fmt.Errorf("read status of %s: %w", dir, err)
		}
		i.Dir = dir
		return i, nil
	case !errors.Is(err, ErrNotRunning):
		return nil, err
	}
	return i, i.read()
}

// read looks at a directory that nobody runs.
func (i *Inspection) read() (err error) {
	dir, err := pebblestore.OpenDirectoryReadOnly(i.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	if err := dir.Damage(); err != nil {
		return err
	}
	report, err := dir.Report()
	if err != nil {
		return err
	}
	if report != nil {
		var r Result
		if err := json.Unmarshal(report, &r); err != nil {
			return fmt.Errorf("%w: report.json of %s cannot be read: %w", ErrDamaged, i.Dir, err)
		}
		i.State, i.Stats, i.Failures = StateFinished, r.Stats, r.Failures
		return nil
	}
	return i.readStore(dir)
}

func (i *Inspection) readStore(dir *pebblestore.Directory) (err error) {
	i.State = StatePaused
	store, err := dir.Store(pebblestore.Options{ReadOnly: true})
	if errors.Is(err, os.ErrNotExist) && !errors.Is(err, ErrDamaged) {
		return nil // begun, and nothing committed yet
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	ctx := context.Background()
	books, err := store.Load(ctx)
	if err != nil {
		return err
	}
	if len(books.Note) > 0 {
		if err := json.Unmarshal(books.Note, &i.Stats); err != nil {
			return fmt.Errorf("%w: stats of %s cannot be read: %w", ErrDamaged, i.Dir, err)
		}
	}
	i.Stats.fill(&books, 0)
	if !books.Clean {
		i.State = StateInterrupted
	}
	for t, err := range store.Tasks(ctx, frontier.Range{State: frontier.Failed}) {
		if err != nil {
			return err
		}
		if len(i.Failures) == maxFailures {
			break
		}
		i.Failures = append(i.Failures, failure(&t))
	}
	return nil
}

// Discard deletes the crawl in a directory, its items included, and leaves what
// else is there alone. If a process runs the crawl, the error is [ErrInUse].
func Discard(dir string) (err error) {
	if err := mustHoldCrawl(dir); err != nil {
		return err
	}
	d, err := pebblestore.OpenDirectory(dir, "discard")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	for _, name := range []string{statusName, socketName, handlingName} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("discard crawl: %w", err)
		}
	}
	return d.Discard()
}
