package clew

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Salvaged tells what [Salvage] brought back of a damaged crawl.
type Salvaged struct {
	Dir    string `json:"dir"`
	Spider string `json:"spider"`
	// Sound says that nothing was wrong with the crawl, and that nothing was changed.
	Sound bool `json:"sound"`
	// Items are the lines of the item log, and Doubtful those of them that no checksum
	// covers: they were kept as they read.
	Items    int64 `json:"items"`
	Doubtful int64 `json:"doubtful,omitempty"`
	// Pending are the requests that are left to make, delayed ones included.
	Pending int64 `json:"pending"`
	Failed  int64 `json:"failed"`
	// Known are the fingerprints of requests that will not be made again.
	Known int64 `json:"known"`
	// Lost says what could not be read, and what follows from it, one sentence each.
	// It is empty if everything was brought back.
	Lost []string `json:"lost,omitempty"`
	// Aside is the folder in which the damaged crawl stands, whole.
	Aside string `json:"aside,omitempty"`
}

// Salvage brings back what can be read of a damaged crawl. dir is a crawl directory,
// or a folder in which a damaged crawl was set aside. It builds a sound crawl beside
// the damaged one, sets that one aside whole, and puts the sound one in its place; run
// it to go on. A process that dies on the way leaves the damaged crawl as it was, or a
// salvage that the next open completes. A sound crawl is left alone.
//
// Items are kept where their checksums hold. What is lost is said, with what follows
// from it. If nothing can be brought back the error is [ErrDamaged] and nothing was
// changed; while a process runs the crawl it is [ErrInUse], and for a directory
// without a crawl [ErrNoCrawl].
func Salvage(ctx context.Context, dir string) (*Salvaged, error) { return salvageFS(ctx, nil, dir) }

// salvageFS is Salvage on another file system; nil is the machine's.
func salvageFS(ctx context.Context, fs vfs.FS, dir string) (s *Salvaged, err error) {
	disk := fs
	if disk == nil {
		disk = vfs.Default
	}
	if info, err := disk.Stat(dir); errors.Is(err, os.ErrNotExist) || err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%w: %s", ErrNoCrawl, dir)
	} else if err != nil {
		return nil, fmt.Errorf("salvage %s: %w", dir, err)
	}
	spider := salvageName(disk, dir)
	d, err := openDirectory(fs, dir, spider)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	there, err := d.Holds()
	if err != nil {
		return nil, fmt.Errorf("salvage %s: %w", dir, err)
	}
	if !there {
		return nil, fmt.Errorf("%w: %s", ErrNoCrawl, dir)
	}
	switch err := d.Sound(ctx); {
	case err == nil:
		id, _, err := d.Identity()
		return &Salvaged{Dir: dir, Spider: id.Spider, Sound: true}, err
	case !errors.Is(err, ErrDamaged):
		return nil, err
	}
	r, err := d.Salvage(ctx, spider)
	if err != nil {
		return nil, err
	}
	return &Salvaged{
		Dir: dir, Spider: r.Identity.Spider, Items: r.Items, Doubtful: r.Doubtful, Pending: r.Pending,
		Failed: r.Failed, Known: r.Known, Lost: r.Lost, Aside: r.Aside,
	}, nil
}

// salvageName is whose crawl the files say it is that are not part of it, "" if none does.
func salvageName(fs vfs.FS, dir string) string {
	for _, name := range []string{statusName, "LOCK"} {
		f, err := fs.Open(fs.PathJoin(dir, name))
		if err != nil {
			continue
		}
		var said struct {
			Spider string `json:"spider"`
		}
		data, err := io.ReadAll(f)
		if err := errors.Join(err, f.Close()); err == nil && json.Unmarshal(data, &said) == nil && said.Spider != "" {
			return said.Spider
		}
	}
	return ""
}
