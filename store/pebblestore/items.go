package pebblestore

import (
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// ReadItems reads the committed part of the item log between two offsets. It works
// while the store commits, and after it was closed.
func (s *Store) ReadItems(from, to int64) (io.ReadCloser, error) {
	if to <= from {
		return io.NopCloser(io.LimitReader(nil, 0)), nil
	}
	f, err := s.fs.Open(s.log.name)
	if err != nil {
		return nil, err
	}
	return &section{io.NewSectionReader(f, from, to-from), f}, nil
}

// section closes the file that it reads a part of.
type section struct {
	*io.SectionReader
	file vfs.File
}

func (s *section) Close() error { return s.file.Close() }
