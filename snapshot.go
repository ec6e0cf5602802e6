package clew

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Snapshot copies the crawl in a directory to dest, where nothing may be but an
// empty folder: a crawl of its own, which is resumed by itself and leaves the first
// one alone. The crawl may be running, in whatever process, and goes on meanwhile;
// the copy is as one of its commits left it, and holds at least what was committed
// before the call. If anything fails dest is not there; a folder dest.partial that
// a kill may leave is used again by the next snapshot.
func Snapshot(ctx context.Context, dir, dest string) error {
	if err := mustHoldCrawl(dir); err != nil {
		return err
	}
	dest, err := filepath.Abs(dest)
	if err != nil {
		return fmt.Errorf("snapshot of %s: %w", dir, err)
	}
	return eitherWay(ctx, func() error {
		_, err := ask(ctx, dir, http.MethodPost, snapshotPath+"?dest="+url.QueryEscape(dest))
		if err != nil && strings.Contains(err.Error(), os.ErrExist.Error()) { // an answer is words
			err = fmt.Errorf("snapshot of %s: %s: %w", dir, dest, os.ErrExist)
		}
		return err
	}, func() error { return snapshot(ctx, nil, dir, dest) })
}

// snapshot copies a crawl that nobody runs, on another file system than the
// machine's if fs is not nil.
func snapshot(ctx context.Context, fs vfs.FS, dir, dest string) (err error) {
	d, err := openReadOnly(fs, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return d.Snapshot(ctx, nil, dest)
}
