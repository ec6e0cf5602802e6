package pebblestore

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/clew-crawler/clew/frontier"
)

// An Identity says what a crawl directory is.
type Identity struct {
	Format  int       `json:"format"`
	Spider  string    `json:"spider"`
	Recipe  string    `json:"recipe"` // how requests are fingerprinted
	Created time.Time `json:"created"`
}

// ReadIdentity reads what a directory is, without its lock.
func ReadIdentity(path string) (id Identity, found bool, err error) {
	d := &Directory{fs: diskFS{vfs.Default}, path: path}
	return d.Identity()
}

// Identity reads what the directory is; found is false for a new one. A directory that
// holds a crawl and does not say of which spider is damaged.
func (d *Directory) Identity() (id Identity, found bool, err error) {
	if err := d.settled(); err != nil {
		return id, false, err
	}
	data, err := readFile(d.fs, d.file(identityName))
	if errors.Is(err, os.ErrNotExist) {
		return id, false, d.empty()
	}
	if err != nil {
		return id, false, fmt.Errorf("read %s: %w", d.file(identityName), err)
	}
	return parseIdentity(d.file(identityName), data)
}

func parseIdentity(name string, data []byte) (id Identity, found bool, err error) {
	if err := sealed(identityName, data); err != nil {
		return id, true, fmt.Errorf("%s: %w", filepath.Dir(name), err)
	}
	if err := json.Unmarshal(data, &id); err != nil || id.Format < 1 {
		return id, true, fmt.Errorf("%w: %s cannot be read", frontier.ErrDamaged, name)
	}
	if id.Format > Format {
		return id, true, fmt.Errorf("%w: %s says format %d, this program knows up to %d: use a newer one",
			ErrFormat, name, id.Format, Format)
	}
	return id, true, nil
}

// SetIdentity writes what the directory is.
func (d *Directory) SetIdentity(id Identity) error {
	data, err := seal(identityName, id)
	if err != nil {
		return fmt.Errorf("encode identity: %w", err)
	}
	if err := writeFile(d.fs, d.file(identityName), data); err != nil {
		return fmt.Errorf("write %s: %w", d.file(identityName), explain(d.fs, d.path, err))
	}
	return nil
}

// empty reports a crawl without an identity, which is written before anything else and
// removed after it.
func (d *Directory) empty() error {
	for _, name := range []string{frontierName, itemsName, reportName} {
		there, err := exists(d.fs, d.file(name))
		if err != nil {
			return fmt.Errorf("look for %s: %w", d.file(name), err)
		}
		if there {
			return fmt.Errorf("%w: %s is missing, and %s is there", frontier.ErrDamaged, d.file(identityName), name)
		}
	}
	return nil
}

// settled refuses a directory in which a crawl is on its way: a process was ended while
// it set the crawl aside, or put a salvaged one in its place, and the next run goes on.
func (d *Directory) settled() error {
	names, err := d.fs.List(d.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("list crawl directory: %w", err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, movingSuffix) || name == builtName || name == movingName {
			return fmt.Errorf("%s: a process was ended while it moved the crawl (%s): run it again, or salvage it, to go on", d.path, name)
		}
	}
	return nil
}
