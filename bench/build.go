package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

// bigSite is the site of a frontier with so many pending requests: pages below
// size are pending, pages below twice that are known.
func bigSite(size uint64) site.Site { return site.Site{Seen: 2 * size, Hot: hotPages, Hosts: hosts} }

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

// built returns the crawl directory of a size, which is built if need be.
func built(ctx context.Context, cfg *config, size uint64) (string, error) {
	dir := filepath.Join(cfg.dir, fmt.Sprintf("pending-%d", size))
	if _, err := os.Stat(filepath.Join(dir, builtName)); err == nil { //nolint:gosec // below the folder that the user named
		return dir, nil
	}
	if err := os.RemoveAll(dir); err != nil { //nolint:gosec // likewise
		return "", err
	}
	var took time.Duration
	if err := ask(ctx, "build", job{Dir: dir, Size: size}, &took); err != nil {
		return "", err
	}
	fmt.Fprintf(os.Stderr, "built %d pending and %d known requests in %v\n", size, 2*size, took.Round(time.Second))
	return dir, nil
}

// copied returns a copy of a crawl directory that was built, so that what is
// measured does not change what is measured next.
func copied(ctx context.Context, cfg *config, size uint64) (dir string, remove func() error, err error) {
	from, err := built(ctx, cfg, size)
	if err != nil {
		return "", nil, err
	}
	dir = from + "-copy"
	remove = func() error { return os.RemoveAll(dir) } //nolint:gosec // likewise
	if err := errors.Join(remove(), os.CopyFS(dir, os.DirFS(from))); err != nil {
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
	if err := fill(ctx, store, j.Size); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(j.Dir, builtName), nil, 0o600); err != nil {
		return err
	}
	return answer(time.Since(begin))
}

// fill admits the pending requests; the marks make as many others known.
func fill(ctx context.Context, store frontier.Store, size uint64) error {
	f, err := frontier.Open(ctx, store, frontier.Options{SeenBytes: 2 << 30})
	if err != nil {
		return err
	}
	committing := make(chan error, 1)
	go func() { committing <- f.Run(ctx) }()
	err = admitAll(ctx, f, size)
	return errors.Join(err, f.Close(false), <-committing)
}

func admitAll(ctx context.Context, f *frontier.Frontier, size uint64) error {
	const chunk = 1000
	s := bigSite(size)
	o := &frontier.Outcome{State: frontier.Done}
	for page := range size {
		t, err := task(s, page)
		if err != nil {
			return err
		}
		if t.Mark, err = fingerprint(s.URL(size + page)); err != nil {
			return err
		}
		if o.Links = append(o.Links, t); len(o.Links) < chunk && page+1 < size {
			continue
		}
		o.Seeds, o.Seeded = int64(len(o.Links)), page+1 == size
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
