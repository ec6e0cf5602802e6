package clew

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/store/pebblestore"
)

// storeOpener opens another store than the default one; for tests and benchmarks.
type storeOpener func() (frontier.Store, error)

// opened is what a crawl stands on.
type opened struct {
	dir   *pebblestore.Directory // nil without a crawl directory
	store frontier.Store
	why   string  // how the crawl begins, in words
	prior *Result // of a crawl that is finished already; store is nil then
}

// openCrawl opens the store of a crawl, in a directory or in memory.
func openCrawl(s *prepared, o *options, log *slog.Logger) (*opened, error) {
	if o.store != nil {
		store, err := o.store()
		return &opened{store: store, why: "new"}, err
	}
	if o.dir == "" {
		store, err := pebblestore.NewMem()
		return &opened{store: store, why: "new"}, err
	}
	dir, err := openDirectory(o.fs, o.dir, s.Name)
	if err != nil {
		return nil, err
	}
	c := &opened{dir: dir}
	if err := c.open(s, o, log); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return c, nil
}

func openDirectory(fs vfs.FS, path, spider string) (*pebblestore.Directory, error) {
	if fs != nil {
		return pebblestore.OpenDirectoryFS(fs, path, spider)
	}
	return pebblestore.OpenDirectory(path, spider)
}

// open opens what is in the directory; damage is set aside once if that is wanted.
func (c *opened) open(s *prepared, o *options, log *slog.Logger) error {
	if o.fresh {
		if _, found, err := c.dir.Identity(); found || err != nil {
			where, err := c.dir.SetAside("fresh", time.Now())
			if err != nil {
				return err
			}
			log.Info("earlier crawl set aside", "moved_to", where)
			c.why = "begun anew as asked; the earlier crawl is in " + where
		}
	}
	err := c.openExisting(s, o)
	if !errors.Is(err, ErrDamaged) {
		return err
	}
	if o.onDamage == Refuse {
		return fmt.Errorf("open crawl directory %s: %w (nothing was touched; without Refuse it is set aside)", c.dir.Path(), err)
	}
	if errors.Is(err, pebblestore.ErrStillOpen) {
		return errors.Join(err, c.dir.NoteDamage(err)) // the next open sets it aside
	}
	where, aerr := c.dir.SetAside("damaged", time.Now())
	if aerr != nil {
		return errors.Join(err, aerr)
	}
	log.Error("CRAWL DIRECTORY IS DAMAGED: it was set aside whole, and the crawl begins anew",
		"moved_to", where, "error", err)
	c.why = "begun anew; the damaged crawl is in " + where
	return c.openExisting(s, o)
}

// openExisting checks that the directory fits the spider and opens its store.
func (c *opened) openExisting(s *prepared, o *options) error {
	id, found, err := c.dir.Identity()
	if err != nil {
		return err
	}
	recipe := s.recipe().String()
	switch {
	case !found:
		id = pebblestore.Identity{Format: pebblestore.Format, Spider: s.Name, Recipe: recipe, Created: time.Now().UTC()}
		if err := c.dir.SetIdentity(id); err != nil {
			return err
		}
	case id.Spider != s.Name:
		return fmt.Errorf("%w: %s belongs to spider %q, not to %q: use another directory, or Fresh to set that crawl aside",
			ErrMismatch, c.dir.Path(), id.Spider, s.Name)
	case id.Recipe != recipe && !o.lenient:
		return fmt.Errorf("%w: %s fingerprints requests by %q, this spider by %q, so known pages would be fetched again: "+
			"undo the change, or use Lenient to accept that, or Fresh to set that crawl aside",
			ErrMismatch, c.dir.Path(), id.Recipe, recipe)
	case id.Recipe != recipe:
		id.Recipe = recipe
		if err := c.dir.SetIdentity(id); err != nil {
			return err
		}
	}
	if err := c.dir.Damage(); err != nil {
		return err
	}
	report, err := c.dir.Report()
	if err != nil {
		return err
	}
	if report != nil {
		c.prior, err = c.finished(report)
		return err
	}
	return c.openStore(s, o)
}

func (c *opened) openStore(s *prepared, o *options) error {
	store, err := c.dir.Store(pebblestore.Options{})
	if err != nil {
		return err
	}
	books, err := store.Load(context.Background())
	if err == nil && !o.lenient {
		err = fits(s, &books, c.dir.Path())
	}
	if err != nil {
		return errors.Join(err, store.Close())
	}
	c.store = store
	if c.why == "" {
		c.why = beginning(&books)
	}
	return nil
}

func beginning(b *frontier.Books) string {
	switch {
	case b.Run == 0:
		return "new"
	case b.Clean:
		return "resumed after a pause"
	}
	return "resumed after the process or the machine died"
}

// fits checks that the spider has what pending requests need.
func fits(s *prepared, b *frontier.Books, path string) error {
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(b.Handlers)) {
		if _, ok := s.handler(name); !ok {
			missing = append(missing, fmt.Sprintf("handler %q (%d requests)", handlerName(name), b.Handlers[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.Sessions)) {
		if _, ok := s.Sessions[name]; !ok && name != "" {
			missing = append(missing, fmt.Sprintf("session %q (%d requests)", name, b.Sessions[name]))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("%w: pending requests in %s need %s, which the spider lacks: register them, "+
		"name a renamed handler in Aliases, use Lenient to let Parse and the default session stand in, "+
		"or Fresh to set that crawl aside", ErrMismatch, path, strings.Join(missing, " and "))
}

// finished reads the result of a crawl that was finished by an earlier run, and
// removes what that run may not have come to remove.
func (c *opened) finished(report []byte) (*Result, error) {
	r := new(Result)
	if err := json.Unmarshal(report, r); err != nil {
		return nil, fmt.Errorf("%w: report.json of %s cannot be read: %w", ErrDamaged, c.dir.Path(), err)
	}
	if err := c.dir.CheckItems(r.Stats.ItemBytes, report); err != nil {
		return nil, err
	}
	r.Dir = c.dir.Path()
	r.open = func() (io.ReadCloser, error) { return c.dir.OpenItems(r.Stats.ItemBytes, report) }
	if r.Stats.Failed > 0 {
		return r, nil
	}
	return r, c.dir.RemoveFrontier()
}
