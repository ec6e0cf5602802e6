package clew

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
)

// Status is how a run ended.
type Status string

// A run ends in one of these ways, unless it ends with an error.
const (
	// Finished: nothing is left to do.
	Finished Status = "finished"
	// Paused: the crawl directory holds what is left.
	Paused Status = "paused"
	// Stopped: ended early without a crawl directory; it cannot be resumed.
	Stopped Status = "stopped"
)

// A Result is what a run, or a crawl over all its runs, came to.
type Result struct {
	Spider string `json:"spider"`
	Status Status `json:"status"`
	// Reason says why a run paused or stopped.
	Reason string `json:"reason,omitempty"`
	// Dir is the absolute path of the crawl directory, "" if there is none.
	Dir string `json:"-"`
	// Stats are those of the whole crawl.
	Stats Stats `json:"stats"`
	// Run are those of this run only. A rerun of a finished crawl does nothing.
	Run Stats `json:"-"`
	// Failures are the first thousand requests that failed for good.
	Failures []Failure `json:"failures,omitempty"`
	// State holds the values of [Update] at the end of a finished crawl.
	State map[string]json.RawMessage `json:"state,omitempty"`

	open func() (io.ReadCloser, error) // the committed part of the item log
}

// maxFailures bounds Result.Failures.
const maxFailures = 1000

// openLogFile reads the committed part of an item log on disk.
func openLogFile(path string, length int64) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		f, err := os.Open(path) //nolint:gosec // in the user's crawl directory
		if errors.Is(err, os.ErrNotExist) && length == 0 {
			return io.NopCloser(io.LimitReader(nil, 0)), nil
		}
		if err != nil {
			return nil, err
		}
		return struct {
			io.Reader
			io.Closer
		}{io.LimitReader(f, length), f}, nil
	}
}

// Items yields the items of the crawl, over all its runs, as they were encoded and
// in the order in which they were committed. It reads them from the log, in
// constant memory. The bytes are valid until the next item.
func (r *Result) Items() iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		f, err := r.open()
		if err != nil {
			yield(nil, fmt.Errorf("read items: %w", err))
			return
		}
		more := true
		for line, err := range readLines(f) {
			if more = yield(line, err); !more || err != nil {
				break
			}
		}
		if err := f.Close(); err != nil && more {
			yield(nil, fmt.Errorf("read items: %w", err))
		}
	}
}

// readLines yields the lines of a log without their newlines.
func readLines(r io.Reader) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		br := bufio.NewReaderSize(r, 64<<10)
		var long []byte
		for {
			part, err := br.ReadSlice('\n')
			switch {
			case errors.Is(err, bufio.ErrBufferFull):
				long = append(long, part...)
				continue
			case errors.Is(err, io.EOF) && len(part)+len(long) == 0:
				return
			case err != nil:
				yield(nil, fmt.Errorf("read items: %w", err))
				return
			}
			if len(long) > 0 {
				part = append(long, part...)
				long = nil
			}
			if !yield(part[:len(part)-1], nil) {
				return
			}
		}
	}
}

// Items yields the items of a result decoded as T: those of the given kinds, see
// [Output.ItemKind], or all of them. An item that does not decode is an error
// that names its line; the sequence goes on after it.
func Items[T any](r *Result, kinds ...string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		n := 0
		for line, err := range r.Items() {
			n++
			var v T
			if err == nil && len(kinds) > 0 && !hasKind(line, kinds) {
				continue
			}
			if err == nil {
				if err = json.Unmarshal(line, &v); err != nil {
					err = fmt.Errorf("item %d: %w", n, err)
				}
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

func hasKind(line []byte, kinds []string) bool {
	var k struct {
		Kind string `json:"_kind"`
	}
	if json.Unmarshal(line, &k) != nil {
		return false
	}
	return slices.Contains(kinds, k.Kind)
}

// WriteJSON writes the items to a file as one JSON array, indented or not. Like the
// other renderings it replaces the file in one step and makes missing folders.
func (r *Result) WriteJSON(path string, indent bool) error {
	return writeFileAtomic(path, func(w io.Writer) error { return renderJSON(w, r.Items(), indent) })
}

// WriteJSONL writes the items to a file as one JSON value a line.
func (r *Result) WriteJSONL(path string) error {
	return writeFileAtomic(path, func(w io.Writer) error {
		for line, err := range r.Items() {
			if err != nil {
				return err
			}
			if _, err := w.Write(append(line, '\n')); err != nil {
				return err
			}
		}
		return nil
	})
}

// WriteCSV writes the items to a file as comma-separated values under a row of
// names: the given fields, or all that occur. Nested values are written as JSON.
// A comma of 0 is ','.
func (r *Result) WriteCSV(path string, fields []string, comma rune) error {
	if comma == 0 {
		comma = ','
	}
	return writeFileAtomic(path, func(w io.Writer) error { return renderCSV(w, r.Items, fields, comma) })
}

// WriteXML writes the items to a file as XML, with the given names of the root
// element and of each item; "" is "items" and "item".
func (r *Result) WriteXML(path, root, item string, indent bool) error {
	if root == "" {
		root = "items"
	}
	if item == "" {
		item = "item"
	}
	return writeFileAtomic(path, func(w io.Writer) error { return renderXML(w, r.Items(), root, item, indent) })
}
