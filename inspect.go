package clew

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

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
	Dir      string           `json:"dir"`
	Spider   string           `json:"spider"`
	State    CrawlState       `json:"state"`
	Reason   string           `json:"reason,omitempty"` // why it pauses or paused
	PID      int              `json:"pid,omitempty"`    // of the process that runs it
	Socket   string           `json:"socket,omitempty"` // where that process answers
	Updated  time.Time        `json:"updated"`          // when this was so
	Stats    Stats            `json:"stats"`
	Handlers map[string]int64 `json:"handlers,omitempty"` // pending and delayed requests by handler
	Sessions map[string]int64 `json:"sessions,omitempty"` // and by session; the default one is ""
	Down     int              `json:"down,omitempty"`     // hosts that cannot be reached now, while a process runs the crawl
	Failures []Failure        `json:"failures,omitempty"` // the first thousand
}

// Inspect tells about the crawl in a directory. It changes nothing, and works
// whether a process runs the crawl, which it asks, or not. For a directory without
// a crawl the error is [ErrNoCrawl].
func Inspect(dir string) (*Inspection, error) {
	if err := mustHoldCrawl(dir); err != nil {
		return nil, err
	}
	data, err := ask(context.Background(), dir, http.MethodGet, "/status")
	switch {
	case err == nil:
		i := new(Inspection)
		if err := json.Unmarshal(data, i); err != nil {
			return nil, fmt.Errorf("read status of %s: %w", dir, err)
		}
		i.Dir = dir
		return i, nil
	case !errors.Is(err, ErrNotRunning):
		return nil, err
	}
	return inspect(dir)
}

// inspect looks at a directory that nobody runs.
func inspect(dir string) (i *Inspection, err error) {
	l, err := openLook(nil, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	if err := l.dir.Damage(); err != nil {
		return nil, err
	}
	i = &Inspection{Dir: dir, Spider: l.id.Spider, Updated: time.Now().UTC(), State: StatePaused}
	if l.report != nil {
		i.State, i.Stats = StateFinished, l.report.Stats
		for _, f := range l.report.Failures {
			i.Failures = append(i.Failures, f.public())
		}
		return i, nil
	}
	if err := l.openStore(); err != nil || l.store == nil {
		return i, err
	}
	return i, i.read(l)
}

// read tells what the store says.
func (i *Inspection) read(l *look) error {
	if len(l.books.Note) > 0 {
		if err := json.Unmarshal(l.books.Note, &i.Stats); err != nil {
			return fmt.Errorf("%w: stats of %s cannot be read: %w", ErrDamaged, i.Dir, err)
		}
	}
	i.count(&l.books, 0)
	if !l.books.Clean {
		i.State = StateInterrupted
	}
	for t, err := range l.store.Tasks(context.Background(), frontier.Range{State: frontier.Failed}) {
		if err != nil {
			return err
		}
		if len(i.Failures) == maxFailures {
			break
		}
		f := failure(&t)
		i.Failures = append(i.Failures, f.public())
	}
	return nil
}

// count adds what the frontier counts.
func (i *Inspection) count(b *frontier.Books, inFlight int) {
	i.Stats.fill(b, inFlight)
	i.Sessions = b.Sessions
	for name, n := range b.Handlers {
		if i.Handlers == nil {
			i.Handlers = map[string]int64{}
		}
		i.Handlers[handlerName(name)] += n
	}
}

// public is a failure as it may be shown to anybody.
func (f Failure) public() Failure {
	f.URL, f.Reason = hideUserinfo(f.URL), hideUserinfo(f.Reason)
	return f
}

// hideUserinfo removes names and passwords from the URLs in a text.
func hideUserinfo(text string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "://")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("://")
		end := strings.IndexAny(after, "/?# \t\"'")
		if end < 0 {
			end = len(after)
		}
		if at := strings.LastIndexByte(after[:end], '@'); at >= 0 {
			after = after[at+1:]
		}
		text = after
	}
}

// A look is a crawl directory that nobody runs, opened for looking at it.
type look struct {
	dir    *pebblestore.Directory
	id     pebblestore.Identity
	report *Result            // nil: the crawl is not finished
	sealed []byte             // the report as it is stored
	store  *pebblestore.Store // nil until openStore, and if there is no frontier
	books  frontier.Books     // of the store
}

// openLook opens a directory, on another file system than the machine's if fs is
// not nil. While a process runs the crawl the error is [ErrInUse].
func openLook(fs vfs.FS, path string) (*look, error) {
	if fs == nil {
		if err := mustHoldCrawl(path); err != nil {
			return nil, err
		}
	}
	dir, err := openReadOnly(fs, path)
	if err != nil {
		return nil, err
	}
	l := &look{dir: dir}
	if err := l.open(); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return l, nil
}

func openReadOnly(fs vfs.FS, path string) (*pebblestore.Directory, error) {
	if fs != nil {
		return pebblestore.OpenDirectoryReadOnlyFS(fs, path)
	}
	return pebblestore.OpenDirectoryReadOnly(path)
}

func (l *look) open() error {
	id, found, err := l.dir.Identity()
	switch {
	case err != nil:
		return err
	case !found:
		return fmt.Errorf("%w: %s has no crawl.json", ErrNoCrawl, l.dir.Path())
	}
	l.id = id
	report, err := l.dir.Report()
	if err != nil || report == nil {
		return err
	}
	l.report, l.sealed = new(Result), report
	if err := json.Unmarshal(report, l.report); err != nil {
		return fmt.Errorf("%w: report.json of %s cannot be read: %w", ErrDamaged, l.dir.Path(), err)
	}
	return nil
}

// openStore opens the frontier if there is one.
func (l *look) openStore() (err error) {
	if l.store, err = l.dir.Look(); err != nil || l.store == nil {
		return err
	}
	l.books, err = l.store.Load(context.Background())
	return err
}

func (l *look) close() error {
	var err error
	if l.store != nil {
		err = l.store.Close()
	}
	return errors.Join(err, l.dir.Close())
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
