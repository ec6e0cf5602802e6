package pebblestore

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// movingSuffix ends the name of a folder into which a crawl is being set aside.
const movingSuffix = ".moving"

// SetAside moves everything that stands for the crawl into a new folder below the
// directory, whole and never deleted, and returns the folder's path. why becomes
// part of its name. Until all of it is there the folder has another name, by which
// the next open knows it and goes on: a crawl never stays half here and half there.
func (d *Directory) SetAside(why string, now time.Time) (string, error) {
	dest, err := d.setAside(asideName(why, now))
	if err != nil {
		return "", fmt.Errorf("set crawl aside: %w", explain(d.fs, d.path, err))
	}
	return dest, nil
}

func asideName(why string, now time.Time) string {
	return strings.NewReplacer(":", "", "-", "").Replace(now.UTC().Format("2006-01-02T15:04:05")) + "-" + why
}

// finishSetAside goes on with what an earlier process began.
func (d *Directory) finishSetAside() error {
	names, err := d.fs.List(d.path)
	if err != nil {
		return fmt.Errorf("list crawl directory: %w", err)
	}
	for _, name := range names {
		base, moving := strings.CutSuffix(name, movingSuffix)
		if !moving {
			continue
		}
		if _, err := d.setAside(base); err != nil {
			return fmt.Errorf("go on setting the earlier crawl aside: %w", explain(d.fs, d.path, err))
		}
	}
	return nil
}

// setAside may be called again after it failed, and goes on where it was. Each of its
// steps is durable before the next.
func (d *Directory) setAside(base string) (string, error) {
	moving := d.file(base + movingSuffix)
	if err := d.fs.MkdirAll(moving, 0o700); err != nil {
		return "", err
	}
	if err := syncDir(d.fs, d.path); err != nil { // from here on the crawl goes, whatever happens
		return "", err
	}
	for _, name := range []string{reportName, itemsName, frontierName, removedName, damagedName, identityName} {
		if err := d.fs.Rename(d.file(name), d.fs.PathJoin(moving, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
	}
	for _, dir := range []string{moving, d.path} {
		if err := syncDir(d.fs, dir); err != nil {
			return "", err
		}
	}
	dest, err := d.free(base)
	if err != nil {
		return "", err
	}
	if err := d.fs.Rename(moving, dest); err != nil {
		return "", err
	}
	return dest, syncDir(d.fs, d.path)
}

// free returns a path in the directory at which nothing stands.
func (d *Directory) free(base string) (string, error) {
	path := d.file(base)
	for n := 2; ; n++ {
		taken, err := exists(d.fs, path)
		if err != nil || !taken {
			return path, err
		}
		path = d.file(fmt.Sprintf("%s-%d", base, n))
	}
}
