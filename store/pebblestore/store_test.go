package pebblestore

import (
	"errors"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/frontier/frontiertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	frontiertest.Run(t, func(*testing.T) frontiertest.Disk { return &memDisk{fs: vfs.NewCrashableMem()} })
}

// memDisk is a disk whose power can be cut.
type memDisk struct{ fs *vfs.MemFS }

func (d *memDisk) Open() (frontier.Store, error) {
	if err := d.fs.MkdirAll("crawl", 0o755); err != nil {
		return nil, err
	}
	if err := syncDir(d.fs, ""); err != nil {
		return nil, err
	}
	return open(d.fs, "crawl", Options{MemTableBytes: 1 << 20})
}

func (d *memDisk) Crash(percent int, seed uint64) {
	d.fs = d.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(seed, 2))})
}

func (d *memDisk) Log() ([]byte, error) {
	data, err := readFile(d.fs, "crawl/items.jsonl")
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return data, err
}
