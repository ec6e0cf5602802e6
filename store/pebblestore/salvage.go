package pebblestore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/clew-crawler/clew/frontier"
)

// Folders of a salvage below the crawl directory, by how far it has come.
const (
	buildingName = "salvage.tmp"  // being built; a crash leaves it to be built again
	builtName    = "salvage.done" // whole; the damaged crawl has still to be set aside
	movingName   = "salvage.in"   // on its way into the place of the damaged crawl
)

// A Salvage says what was brought back of a damaged crawl.
type Salvage struct {
	Identity Identity
	Items    int64    // lines of the item log
	Doubtful int64    // of those the ones that no checksum covers
	Pending  int64    // tasks, delayed ones included
	Failed   int64    // tasks
	Known    int64    // fingerprints
	Lost     []string // what could not be read, and what follows; empty if nothing
	Aside    string   // the folder with the damaged crawl, as it was
}

func (s *Salvage) lose(format string, args ...any) {
	s.Lost = append(s.Lost, fmt.Sprintf(format, args...))
}

// Sound reads everything in the directory and returns what is wrong with it: nil, or
// damage, or why it could not be read. It changes nothing.
func (d *Directory) Sound(ctx context.Context) error {
	_, _, err := d.Identity()
	report, rerr := d.Report()
	if err := errors.Join(err, d.Damage(), rerr); err != nil {
		return err
	}
	if report != nil {
		length, err := reportedLength(report)
		if err == nil {
			err = d.CheckItems(length, report)
		}
		if err != nil {
			return err
		}
	}
	there, err := d.HasFrontier()
	if err == nil && !there && report == nil {
		err = neverCommitted(d.fs, d.path)
	}
	if err != nil || !there {
		return err
	}
	s, err := open(d.fs, d.path, Options{ReadOnly: true, checkLog: true})
	if errors.Is(err, pebble.ErrDBDoesNotExist) {
		return neverCommitted(d.fs, d.path)
	}
	if err != nil {
		return err
	}
	return errors.Join(s.Check(ctx), s.Close())
}

// Salvage builds a sound crawl from what can be read of a damaged one, sets the
// damaged one aside whole, and puts the other in its place. spider is the name that
// the crawl gets if the directory does not tell. After a crash it is done again, or
// the next open completes it. If nothing can be brought back, nothing is changed and
// the error says why.
func (d *Directory) Salvage(ctx context.Context, spider string) (*Salvage, error) {
	s := &Salvage{}
	if err := d.identify(s, spider); err != nil {
		return nil, err
	}
	tmp := &Directory{fs: d.fs, path: d.file(buildingName)}
	err := d.fs.RemoveAll(tmp.path)
	if err == nil || errors.Is(err, os.ErrNotExist) {
		err = makeDir(d.fs, tmp.path)
	}
	if err == nil {
		err = d.rebuild(ctx, tmp, s)
	}
	if err != nil {
		d.stuck = d.stuck || tmp.stuck || tmp.store != nil && tmp.store.Failed() && !tmp.store.Gone()
		_ = d.fs.RemoveAll(tmp.path) // what stays is removed by the next one
		return nil, fmt.Errorf("salvage %s: %w", d.path, explain(d.fs, d.path, err))
	}
	if err := d.rename(buildingName, builtName); err != nil {
		return nil, fmt.Errorf("salvage %s: %w", d.path, explain(d.fs, d.path, err))
	}
	s.Aside, err = d.completeSalvage(time.Now())
	return s, err
}

func (d *Directory) rename(from, to string) error {
	if err := d.fs.Rename(d.file(from), d.file(to)); err != nil {
		return err
	}
	return syncDir(d.fs, d.path)
}

// completeSalvage puts a crawl that was salvaged in the place of the damaged one, from
// wherever a crash may have left that.
func (d *Directory) completeSalvage(now time.Time) (aside string, err error) {
	built, err := exists(d.fs, d.file(builtName))
	if err == nil && built {
		var there bool
		if there, err = d.Holds(); err == nil && there {
			aside, err = d.setAside(asideName("damaged", now))
		}
		if err == nil {
			err = d.rename(builtName, movingName)
		}
	}
	if err == nil {
		err = d.moveIn()
	}
	if err != nil {
		return aside, fmt.Errorf("put salvaged crawl in place: %w", explain(d.fs, d.path, err))
	}
	return aside, nil
}

// moveIn moves a salvaged crawl into its place, if there is one.
func (d *Directory) moveIn() error {
	moving, err := exists(d.fs, d.file(movingName))
	if err != nil || !moving {
		return err
	}
	// The identity goes last: until it is there the directory is not taken for a crawl.
	for _, name := range []string{itemsName, frontierName, reportName, identityName} {
		err := d.fs.Rename(d.fs.PathJoin(d.file(movingName), name), d.file(name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := syncDir(d.fs, d.path); err != nil {
			return err
		}
	}
	if err := d.fs.RemoveAll(d.file(movingName)); err != nil {
		return err
	}
	return syncDir(d.fs, d.path)
}

// Holds reports whether the directory holds a crawl, or a part of one.
func (d *Directory) Holds() (bool, error) {
	for _, name := range []string{identityName, reportName, itemsName, frontierName, removedName} {
		if there, err := exists(d.fs, d.file(name)); err != nil || there {
			return there, err
		}
	}
	return false, nil
}

// identify finds out whose crawl it is. A wrong name or recipe does no harm: the crawl
// is then refused to the spider.
func (d *Directory) identify(s *Salvage, spider string) error {
	id, found, err := d.Identity()
	if err == nil && found {
		s.Identity = id
		return nil
	}
	if err != nil && !errors.Is(err, frontier.ErrDamaged) {
		return err
	}
	s.Identity = Identity{Format: Format, Spider: spider, Recipe: "unknown", Created: time.Now().UTC()}
	var read Identity
	data, rerr := readFile(d.fs, d.file(identityName))
	if rerr == nil && json.Unmarshal(data, &read) == nil {
		if s.Identity.Spider == "" {
			s.Identity.Spider = read.Spider
		}
		if read.Recipe != "" {
			s.Identity.Recipe = read.Recipe
		}
	}
	if s.Identity.Spider == "" {
		s.Identity.Spider = d.reportedSpider()
	}
	if s.Identity.Spider == "" {
		return fmt.Errorf("salvage: nothing says which spider the crawl belongs to: %w", err)
	}
	s.lose("%s: spider %q and way of fingerprinting %q are taken as they read; if they are wrong the crawl will be refused to its spider",
		identityName, s.Identity.Spider, s.Identity.Recipe)
	return nil
}

func (d *Directory) reportedSpider() string {
	var read struct {
		Spider string `json:"spider"`
	}
	data, err := readFile(d.fs, d.file(reportName))
	if err != nil || json.Unmarshal(data, &read) != nil {
		return ""
	}
	return read.Spider
}

// rebuild fills tmp with a sound crawl.
func (d *Directory) rebuild(ctx context.Context, tmp *Directory, s *Salvage) error {
	if err := tmp.SetIdentity(s.Identity); err != nil {
		return err
	}
	there, err := d.HasFrontier()
	if err != nil {
		return err
	}
	if !there {
		return d.rebuildReport(tmp, s)
	}
	r, err := d.readFrontier(ctx, tmp, s)
	if err != nil {
		return err
	}
	err = d.rebuildFrontier(ctx, tmp, r, s)
	if err := errors.Join(err, r.close()); err != nil {
		return err
	}
	return syncDir(d.fs, tmp.path)
}

// rebuildFrontier writes a new frontier and item log through the store, and checks them.
func (d *Directory) rebuildFrontier(ctx context.Context, tmp *Directory, r *reading, s *Salvage) error {
	store, err := tmp.Store(Options{})
	if err != nil {
		return err
	}
	b := &builder{store: store, from: r, to: s, log: itemLog{fs: d.fs, name: d.file(itemsName)}}
	if err := b.build(ctx); err != nil {
		return errors.Join(err, store.Close())
	}
	return errors.Join(store.Check(ctx), store.Close())
}
