package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/clew-crawler/clew/bench/site"
	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/links"
	"github.com/clew-crawler/clew/store/pebblestore"
)

const (
	spiderName = "bench"
	hosts      = 100
	builtName  = "built" // says that a crawl directory was built to its end
)

// hotPages is how many pages the menus of the site lead to.
const hotPages = 20_000

// A load is what a large frontier holds.
type load struct{ Pending, Known uint64 }

// parseLoad reads the number of pending requests, and that of known ones behind a
// slash; twice as many are known if it is missing.
func parseLoad(s string) (l load, err error) {
	pending, known, both := strings.Cut(s, "/")
	if l.Pending, err = strconv.ParseUint(pending, 10, 64); err != nil {
		return load{}, err
	}
	if !both {
		l.Known = 2 * l.Pending
		return l, nil
	}
	if l.Known, err = strconv.ParseUint(known, 10, 64); err == nil && l.Known < l.Pending {
		err = fmt.Errorf("%d pending requests cannot be more than the %d known ones", l.Pending, l.Known)
	}
	return l, err
}

// name is that of the crawl directory with this load.
func (l load) name() string {
	name := fmt.Sprintf("pending-%d", l.Pending)
	if l.Known != 2*l.Pending {
		name += fmt.Sprintf("-known-%d", l.Known)
	}
	return name
}

// site is where its pages lead: those below Pending are pending, those below Known
// are known.
func (l load) site() site.Site { return site.Site{Seen: l.Known, Hot: hotPages, Hosts: hosts} }

// task is the request of a page as a crawl stores it.
func task(s site.Site, page uint64) (frontier.Task, error) {
	url := s.URL(page)
	fp, err := fingerprint(url)
	if err != nil {
		return frontier.Task{}, err
	}
	host, err := links.Origin(url)
	return frontier.Task{
		Key: frontier.Key{Host: host}, Fingerprint: fp,
		Payload: fmt.Appendf(nil, `{"u":%q,"d":3,"r":"http://host0.example/catalogue/page/%d.html"}`, url, page/site.Fresh),
	}, err
}

func fingerprint(url string) (frontier.Fingerprint, error) {
	fp, err := links.Recipe{}.Fingerprint(links.Identity{URL: url})
	return frontier.Fingerprint(fp), err
}

// built returns the crawl directory of a load, which is built if need be. A build that
// was stopped goes on.
func built(ctx context.Context, cfg *config, l load) (string, error) {
	dir := filepath.Join(cfg.dir, l.name())
	if _, err := os.Stat(filepath.Join(dir, builtName)); err == nil { //nolint:gosec // below the folder that the user named
		return dir, nil
	}
	var took time.Duration
	if err := ask(ctx, "build", job{Dir: dir, Load: l}, &took); err != nil {
		return "", err
	}
	fmt.Fprintf(os.Stderr, "built %d pending and %d known requests in %v\n", l.Pending, l.Known, took.Round(time.Second))
	return dir, nil
}

// copied returns a copy of a crawl directory that was built, so that what is
// measured does not change what is measured next.
func copied(ctx context.Context, cfg *config, l load) (dir string, remove func() error, err error) {
	from, err := built(ctx, cfg, l)
	if err != nil {
		return "", nil, err
	}
	dir = from + "-copy"
	remove = func() error { return os.RemoveAll(dir) } //nolint:gosec // likewise
	if err := errors.Join(remove(), link(from, dir)); err != nil {
		return "", nil, errors.Join(fmt.Errorf("copy %s: %w", from, err), remove())
	}
	return dir, remove, nil
}

// build fills a crawl directory through the frontier, as a crawl would.
func build(ctx context.Context, j *job, answer func(any) error) (err error) {
	begin := time.Now()
	dir, err := pebblestore.OpenDirectory(j.Dir, spiderName)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	store, err := dir.Store(pebblestore.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	id := pebblestore.Identity{Format: pebblestore.Format, Spider: spiderName, Recipe: links.Recipe{}.String(), Created: begin}
	if err := dir.SetIdentity(id); err != nil {
		return err
	}
	if err := fill(ctx, store, j.Load); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(j.Dir, builtName), nil, 0o600); err != nil {
		return err
	}
	return answer(time.Since(begin))
}

// fill admits the pending requests, and makes the others known that are to be.
func fill(ctx context.Context, store frontier.Store, l load) error {
	counting := &countingStore{Store: store}
	f, err := frontier.Open(ctx, counting, frontier.Options{SeenBytes: max(1<<30, int64(l.Known)*10)})
	if err != nil {
		return err
	}
	committing := make(chan error, 1)
	go func() { committing <- f.Run(ctx) }()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for f.Resumed().Seen > 0 && !counting.read.Load() && f.Err() == nil && ctx.Err() == nil {
		select { // each of what follows would be looked up in the store
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	err = admitAll(ctx, f, l)
	return errors.Join(err, f.Close(false), <-committing)
}

func admitAll(ctx context.Context, f *frontier.Frontier, l load) error {
	const chunk = 1000
	s := l.site()
	o := &frontier.Outcome{State: frontier.Done}
	for page := uint64(f.Resumed().Seeds); page < l.Pending; page++ {
		t, err := task(s, page)
		if err != nil {
			return err
		}
		for other := page + l.Pending; other < l.Known; other += l.Pending {
			fp, err := fingerprint(s.URL(other))
			if err != nil {
				return err
			}
			if t.Mark == (frontier.Fingerprint{}) {
				t.Mark = fp
				continue
			}
			o.Items = append(o.Items, frontier.Item{Line: []byte("{}"), Once: &fp}) // a task has one mark only
		}
		if o.Links = append(o.Links, t); len(o.Links) < chunk && page+1 < l.Pending {
			continue
		}
		o.Seeds, o.Seeded = int64(len(o.Links)), page+1 == l.Pending
		if err := f.Admit(ctx, o); err != nil {
			return err
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		o = &frontier.Outcome{State: frontier.Done}
	}
	return nil
}

// storedURL finds the URL in a request as a crawl stores it.
func storedURL(payload []byte) string {
	_, rest, _ := bytes.Cut(payload, []byte(`"u":"`))
	url, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(url)
}
