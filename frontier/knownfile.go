package frontier

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/zeebo/xxh3"
)

// A Scratch is a file for what need not outlive the frontier. It is written from its
// beginning to its end, and then read from several goroutines.
type Scratch interface {
	io.Writer
	io.ReaderAt
	io.Closer
}

// A knownFile has a word of 64 bits for each known fingerprint, in their order. It is for
// those that memory has no room for: one read of a block finds a fingerprint, where a look
// into the store takes many times as long.
//
// What is found in it is known. What is not is new, if its block ends with the right
// checksum and it cannot have become known since the file was begun, which the filter
// tells. So the file needs no sync and no repair; whatever happens to it costs time and
// nothing else.
//
// A word is a hash with a seed of this file's own, and so is a checksum, which knows the
// block's number, too: nothing else that may stand in a block looks like them. The
// probability that a new fingerprint is found is that of being equal to one of the 511
// words of its block: 2^-55.
type knownFile struct {
	scratch Scratch
	seed    uint64
	starts  []uint64 // of each block: the first bytes of its first fingerprint
	parts   int      // of the filter; what came later than the file is in none of them alone

	reading sync.RWMutex
	closed  bool
}

const (
	blockBytes = 4 << 10
	blockWords = blockBytes/8 - 1 // and the checksum
	writeBytes = 64 * blockBytes  // at a time
)

// first is the beginning of a fingerprint as a number, which sorts as they do.
func first(fp Fingerprint) uint64 { return binary.BigEndian.Uint64(fp[:8]) }

func (k *knownFile) word(fp Fingerprint) uint64 {
	return mix(mix(first(fp)^k.seed) ^ binary.BigEndian.Uint64(fp[8:]))
}

// checksum is that of a block's words.
func (k *knownFile) checksum(words []byte, block int) uint64 {
	return xxh3.HashSeed(words, k.seed+uint64(block))
}

// A question is whether a fingerprint is known that memory does not tell of.
type question struct {
	fp       Fingerprint
	late     bool // it may have become known after the file was begun
	answered bool
	known    bool
}

// answer answers what it can. After an error the file is closed; a closed one answers
// nothing, nor does none.
func (k *knownFile) answer(ask []question) error {
	if k == nil {
		return nil
	}
	if err := k.read(ask); err != nil {
		return errors.Join(fmt.Errorf("read known fingerprints: %w", err), k.close())
	}
	return nil
}

func (k *knownFile) read(ask []question) error {
	k.reading.RLock()
	defer k.reading.RUnlock()
	if k.closed {
		return nil
	}
	block := make([]byte, blockBytes)
	for i := range ask {
		q := &ask[i]
		after, _ := slices.BinarySearchFunc(k.starts, first(q.fp), func(start, first uint64) int {
			if start <= first {
				return -1
			}
			return 1
		})
		n := after - 1
		if n < 0 {
			q.answered = !q.late
			continue
		}
		if _, err := k.scratch.ReadAt(block, int64(n)*blockBytes); err != nil {
			return err
		}
		words, sum := block[:blockWords*8], block[blockWords*8:]
		q.known = hasWord(words, k.word(q.fp))
		// Fingerprints that begin alike may stand in an earlier block, too.
		q.answered = q.known || !q.late && k.starts[n] != first(q.fp) &&
			binary.LittleEndian.Uint64(sum) == k.checksum(words, n)
	}
	return nil
}

func hasWord(words []byte, word uint64) bool {
	for ; len(words) >= 8; words = words[8:] {
		if binary.LittleEndian.Uint64(words) == word {
			return true
		}
	}
	return false
}

// close gives the file back when nobody reads it any more. It may be called again.
func (k *knownFile) close() error {
	if k == nil {
		return nil
	}
	k.reading.Lock()
	defer k.reading.Unlock()
	if k.closed {
		return nil
	}
	k.closed, k.starts = true, nil
	if err := k.scratch.Close(); err != nil {
		return fmt.Errorf("close known fingerprints: %w", err)
	}
	return nil
}

// A knownWriter makes a knownFile.
type knownWriter struct {
	file *knownFile
	buf  []byte
	err  error // the first one; the file is closed then, which gives its room back
}

// knownBlocks is how many blocks so many fingerprints take.
func knownBlocks(count int64) int64 { return (count + blockWords - 1) / blockWords }

// newKnownWriter begins a file that is to have so many fingerprints, all that are
// committed, when the filter has so many parts without what is not.
func newKnownWriter(s Scratch, count int64, parts int) *knownWriter {
	return &knownWriter{
		file: &knownFile{
			scratch: s, seed: rand.Uint64(), parts: parts, //nolint:gosec // it only has to differ
			starts: make([]uint64, 0, knownBlocks(count)),
		},
		buf: make([]byte, 0, writeBytes),
	}
}

// copying passes fingerprints on and writes them down. No writer only passes them on.
func (w *knownWriter) copying(all iter.Seq2[Fingerprint, error]) iter.Seq2[Fingerprint, error] {
	if w == nil {
		return all
	}
	return func(yield func(Fingerprint, error) bool) {
		for fp, err := range all {
			if err == nil {
				w.add(fp)
			}
			if !yield(fp, err) {
				return
			}
		}
	}
}

// add takes the next fingerprint in order.
func (w *knownWriter) add(fp Fingerprint) {
	if w.err != nil {
		return
	}
	if len(w.buf)%blockBytes == 0 {
		w.file.starts = append(w.file.starts, first(fp))
	}
	w.buf = binary.LittleEndian.AppendUint64(w.buf, w.file.word(fp))
	if len(w.buf)%blockBytes == blockWords*8 {
		w.endBlock()
	}
}

func (w *knownWriter) endBlock() {
	words := w.buf[len(w.buf)-blockWords*8:]
	w.buf = binary.LittleEndian.AppendUint64(w.buf, w.file.checksum(words, len(w.file.starts)-1))
	if len(w.buf) == writeBytes {
		w.flush()
	}
}

func (w *knownWriter) flush() {
	if _, err := w.file.scratch.Write(w.buf); err != nil {
		w.err = errors.Join(fmt.Errorf("write known fingerprints: %w", err), w.file.close())
	}
	w.buf = w.buf[:0]
}

// finish returns the file when all of it is written.
func (w *knownWriter) finish() (*knownFile, error) {
	if rest := len(w.buf) % blockBytes; rest > 0 {
		w.buf = append(w.buf, make([]byte, blockWords*8-rest)...)
		w.endBlock()
	}
	if len(w.buf) > 0 && w.err == nil {
		w.flush()
	}
	return w.file, w.err
}

// beginFile begins a file of what is known, if there may be one.
func (f *Frontier) beginFile() *knownWriter {
	f.mu.Lock()
	f.filed = f.saved.Seen
	count := f.filed
	f.mu.Unlock()
	if f.opts.Scratch == nil {
		return nil
	}
	s, err := f.opts.Scratch(knownBlocks(count) * blockBytes)
	if err != nil {
		f.opts.ScratchFailed(fmt.Errorf("open a file for known fingerprints: %w", err))
		return nil
	}
	return newKnownWriter(s, count, f.beginPart())
}

// beginPart has all that is not committed yet, and all that comes, in the last part of
// the filter or in later ones. It returns how many there are before.
func (f *Frontier) beginPart() (parts int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.filter.extend() {
		f.shareMemory()
	}
	parts = len(f.filter.parts) - 1
	f.eachUncommitted(f.passOn)
	return parts
}

// endFile puts a file in the place of the one before, if all committed fingerprints were
// written to it.
func (f *Frontier) endFile(w *knownWriter, whole bool) {
	if w == nil {
		return
	}
	next, err := w.finish()
	switch {
	case err != nil:
		f.opts.ScratchFailed(err)
	case whole:
		f.useFile(next)
	default:
		f.dropFile(next)
	}
}

// useFile looks known fingerprints up in a file from now on, in none if it is nil.
func (f *Frontier) useFile(next *knownFile) {
	f.mu.Lock()
	last := f.file
	f.file = next
	f.mu.Unlock()
	f.dropFile(last)
}

func (f *Frontier) dropFile(k *knownFile) {
	if err := k.close(); err != nil {
		f.opts.ScratchFailed(err)
	}
}

// outgrown reports that much was committed since the file was begun: whatever of it is
// not in memory the store has to be asked about.
func (f *Frontier) outgrown() bool { return f.filter != nil && f.saved.Seen-f.filed > f.filed/4 }

// writeFiles replaces the file each time that it is outgrown.
func (f *Frontier) writeFiles(ctx context.Context) error {
	for {
		select {
		case <-f.growing:
		case err := <-f.unread:
			f.opts.ScratchFailed(err)
			continue
		case <-ctx.Done():
			select {
			case err := <-f.unread:
				f.opts.ScratchFailed(err)
			default:
			}
			return nil
		}
		f.mu.Lock()
		due := f.outgrown()
		f.mu.Unlock()
		if !due {
			continue // it was said before the last file was begun
		}
		if err := f.rewrite(ctx); err != nil {
			return err
		}
	}
}

func (f *Frontier) rewrite(ctx context.Context) (err error) {
	w := f.beginFile()
	if w == nil {
		return nil
	}
	defer func() { f.endFile(w, err == nil && ctx.Err() == nil) }()
	for fp, err := range f.store.Fingerprints(ctx) {
		if err != nil || ctx.Err() != nil || w.err != nil {
			return err
		}
		w.add(fp)
	}
	return nil
}
