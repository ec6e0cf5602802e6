package pebblestore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/zeebo/xxh3"

	"github.com/clew-crawler/clew/frontier"
)

// itemsSum is what a report says about the item log.
type itemsSum struct {
	Sum string `json:"items_checksum"`
}

// Report returns the report of a finished crawl, nil if it is not finished. A report
// that does not match its checksum is damage.
func (d *Directory) Report() ([]byte, error) {
	data, err := readFile(d.fs, d.file(reportName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.file(reportName), err)
	}
	if err := sealed(reportName, data); err != nil {
		return nil, fmt.Errorf("%s: %w", d.path, err)
	}
	return data, nil
}

// Finish writes the report, a JSON object, which makes the crawl a finished one. It
// adds the checksum of the item log as the member "items_checksum", and its own. A
// report that was read with [Directory.Report] is written as it is.
func (d *Directory) Finish(report []byte) error {
	if err := d.Held(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	data := report
	if sealed(reportName, report) != nil {
		var err error
		if data, err = d.sealReport(report); err != nil {
			return fmt.Errorf("encode report: %w", err)
		}
	}
	if err := writeFile(d.fs, d.file(reportName), data); err != nil {
		return fmt.Errorf("write %s: %w", d.file(reportName), explain(d.fs, d.path, err))
	}
	return nil
}

func (d *Directory) sealReport(report []byte) ([]byte, error) {
	if d.store == nil {
		return seal(reportName, json.RawMessage(report))
	}
	sum, err := json.Marshal(itemsSum{d.store.logSum()})
	if err != nil {
		return nil, err
	}
	open := bytes.TrimSuffix(bytes.TrimSpace(report), []byte("}"))
	return seal(reportName, json.RawMessage(slices.Concat(open, []byte(","), bytes.TrimPrefix(sum, []byte("{")))))
}

// RemoveReport makes a finished crawl one that is not, for its failed requests to be
// put back.
func (d *Directory) RemoveReport() error {
	err := d.fs.Remove(d.file(reportName))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = syncDir(d.fs, d.path)
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", d.file(reportName), explain(d.fs, d.path, err))
	}
	return nil
}

// checkedAtOnce is the length up to which the item log of a finished crawl is compared
// with its checksum when the crawl is opened; a longer one is while it is read.
const checkedAtOnce = 64 << 20

// CheckItems compares the item log of a finished crawl with its report: its length,
// and its checksum unless that takes long.
func (d *Directory) CheckItems(length int64, report []byte) error {
	name := d.file(itemsName)
	info, err := d.fs.Stat(name)
	switch {
	case errors.Is(err, os.ErrNotExist) && length == 0:
		return nil
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w: %s is missing, %d bytes were committed", frontier.ErrDamaged, name, length)
	case err != nil:
		return fmt.Errorf("look at items: %w", err)
	case info.IsDir():
		return fmt.Errorf("%w: %s is a folder", frontier.ErrDamaged, name)
	case info.Size() != length:
		return fmt.Errorf("%w: %s has %d bytes, %d were committed", frontier.ErrDamaged, name, info.Size(), length)
	case length > checkedAtOnce:
		return nil
	}
	r, err := d.OpenItems(length, report)
	if err != nil {
		return fmt.Errorf("read items: %w", err)
	}
	_, err = io.Copy(io.Discard, r)
	if err := errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("read items: %w", err)
	}
	return nil
}

// OpenItems opens the item log of a finished crawl. If it does not match the checksum
// in the report, its end is an error, damage, instead of [io.EOF].
func (d *Directory) OpenItems(length int64, report []byte) (io.ReadCloser, error) {
	var want itemsSum
	if err := json.Unmarshal(report, &want); err != nil {
		return nil, fmt.Errorf("%w: %s cannot be read: %w", frontier.ErrDamaged, d.file(reportName), err)
	}
	f, err := d.fs.Open(d.file(itemsName))
	if errors.Is(err, os.ErrNotExist) && length == 0 {
		return io.NopCloser(bytes.NewReader(nil)), nil
	}
	if err != nil {
		return nil, err
	}
	return &summedLog{File: f, name: d.file(itemsName), left: length, want: want.Sum, sum: xxh3.New()}, nil
}

// A summedLog is an item log that is compared with its checksum when it was read.
type summedLog struct {
	vfs.File

	name string
	left int64
	want string
	sum  *xxh3.Hasher
}

func (l *summedLog) Read(p []byte) (int, error) {
	if l.left == 0 {
		if formatSum(l.sum.Sum64()) != l.want {
			return 0, fmt.Errorf("%w: %s does not match its checksum", frontier.ErrDamaged, l.name)
		}
		return 0, io.EOF
	}
	n, err := l.File.Read(p[:min(int64(len(p)), l.left)])
	_, _ = l.sum.Write(p[:n]) // a hash takes everything
	l.left -= int64(n)
	if errors.Is(err, io.EOF) && l.left > 0 {
		return n, fmt.Errorf("%w: %s ends %d bytes early", frontier.ErrDamaged, l.name, l.left)
	}
	if errors.Is(err, io.EOF) {
		err = nil // the next call compares
	}
	return n, err
}
