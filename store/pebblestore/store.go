package pebblestore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/clew-crawler/clew/frontier"
)

// How long a store that failed is waited for. A damaged one can be closed, and has
// to be before it is set aside, since Pebble goes on to name its files by path.
const (
	abandonAfter        = time.Second
	abandonDamagedAfter = 10 * time.Second
)

// Options shape a store. The zero value is the right one outside tests.
type Options struct {
	// Logger receives Pebble's errors, and its chatter at debug level. Nil discards it.
	Logger *slog.Logger
	// CacheBytes is the size of the block cache. Default 64 MB.
	CacheBytes int64
	// MemTableBytes is the size at which a memtable is flushed; up to four are in
	// memory at a time. Default 32 MB.
	MemTableBytes uint64
	// ReadOnly opens the store for looking at it: nothing is written, not even a cut of the log.
	ReadOnly bool

	checkLog bool // read-only, and yet with the item log
}

// A Store is a [frontier.Store] in a directory, see the package comment.
type Store struct {
	fs      vfs.FS
	dir     string
	db      *pebble.DB
	log     itemLog
	audit   audit
	tide    tide
	books   frontier.Books
	fresh   bool   // nothing was ever committed
	view    bool   // opened read-only
	commits uint64 // so far, in all runs
	writer  writer // of commits

	once     sync.Once
	poisoned chan struct{} // closed by the first failure
	failure  error         // why; set before poisoned is closed
	until    time.Time     // how long Pebble is waited for then; likewise
	stuck    chan struct{} // closed when Pebble met a fatal error
	stick    sync.Once     // closes it
	flushing atomic.Bool   // Pebble has written a table, see engineFS.late
	opened   atomic.Bool   // Pebble has opened
	closed   bool
	gone     bool // closed, though it had failed

	readMu  sync.Mutex
	noReads bool
	reads   sync.WaitGroup

	gate gate
	held func() error // reports that the directory is not ours any more; nil without one
}

var _ frontier.Store = (*Store)(nil)

// NewMem returns a store that lives in memory and is gone with the process.
func NewMem() (*Store, error) {
	return open(vfs.NewMem(), "crawl", Options{MemTableBytes: 16 << 20})
}

// newStore returns a store that is not open yet.
func newStore(fs vfs.FS, dir string, view bool) *Store {
	return &Store{
		fs: fs, dir: dir, poisoned: make(chan struct{}), stuck: make(chan struct{}), view: view,
		log:  itemLog{fs: fs, name: fs.PathJoin(dir, itemsName)},
		tide: tide{fs: fs, name: fs.PathJoin(dir, frontierName, tideName)},
	}
}

// open opens or creates the frontier and the item log below dir.
func open(fs vfs.FS, dir string, o Options) (*Store, error) {
	if !o.ReadOnly {
		if err := lookFirst(fs, dir, o); err != nil {
			return nil, err
		}
	}
	s := newStore(fs, dir, o.ReadOnly)
	name := fs.PathJoin(dir, frontierName)
	if there, err := exists(fs, name); o.ReadOnly && (err != nil || !there) {
		return nil, fmt.Errorf("open %s: %w", name, cmp.Or(err, os.ErrNotExist))
	}
	if err := s.openEngine(name, s.options(o)); err != nil {
		return nil, err
	}
	if err := s.recover(!s.view || o.checkLog); err != nil {
		s.poison(err)
		if !s.abandon() {
			return nil, fmt.Errorf("%w: %w", ErrStillOpen, s.failed())
		}
		return nil, s.failed()
	}
	if !s.view {
		s.beginAudit()
	}
	return s, nil
}

// openEngine opens Pebble in a folder.
func (s *Store) openEngine(name string, o *pebble.Options) error {
	var returned atomic.Bool
	err := s.guard(func() (err error) {
		defer returned.Store(true)
		s.db, err = pebble.Open(name, o)
		s.opened.Store(true)
		if err == nil && s.failed() != nil {
			return s.db.Close() // it went well but for what poisoned the store
		}
		return incomplete(err)
	})
	if err != nil && !returned.Load() {
		return fmt.Errorf("open %s: %w: %w", name, ErrStillOpen, err)
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	return nil
}

func (s *Store) options(o Options) *pebble.Options {
	if o.CacheBytes <= 0 {
		o.CacheBytes = 64 << 20
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = 32 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	opts := &pebble.Options{
		FS:                          engineFS{s.fs, s},
		ReadOnly:                    o.ReadOnly,
		CacheSize:                   o.CacheBytes,
		MemTableSize:                o.MemTableBytes,
		MemTableStopWritesThreshold: 3,
		FormatMajorVersion:          pebble.FormatNewest,
		Logger:                      engineLogger{o.Logger, s.fatal},
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) { s.poison(fmt.Errorf("write in the background: %w", err)) },
			DataCorruption: func(info pebble.DataCorruptionInfo) {
				s.poison(fmt.Errorf("%w: %s: %w", frontier.ErrDamaged, info.Path, oneLine(info.Details)))
			},
		},
	}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	// The last level holds nearly everything, and what is looked up is nearly always
	// there, since the frontier has a filter of its own. Filters of it would crowd all
	// else out of the cache: 1.25 MB a million fingerprints, megabytes at a time.
	opts.Levels[len(opts.Levels)-1].FilterPolicy = pebble.NoFilterPolicy
	return opts
}

// recover reads the books, sees that no commit is missing, and brings the item log to
// the length that the books state.
func (s *Store) recover(withLog bool) (err error) {
	data, closer, err := s.db.Get([]byte{prefixBooks})
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		s.fresh = true
	case err != nil:
		return fmt.Errorf("read books: %w", classify(err))
	default:
		err := json.Unmarshal(data, &s.books)
		if cerr := closer.Close(); cerr != nil {
			return cerr
		}
		if err != nil {
			return fmt.Errorf("%w: books cannot be read: %w", frontier.ErrDamaged, err)
		}
	}
	if s.commits, err = s.readChain(); err != nil {
		return err
	}
	if err := s.tide.check(s.commits); err != nil {
		return err
	}
	if !withLog {
		s.log.length = s.books.ItemBytes
		return nil
	}
	tail, err := s.log.recover(s.books.ItemBytes, !s.fresh)
	if err != nil {
		return err
	}
	if err := s.verifyLastGroup(); err != nil || s.view || !tail {
		return err
	}
	return s.log.cut()
}

// verifyLastGroup checks the lines of the last commit, the ones that an unclean
// stop could have torn. What stands before them is read beside the crawl, see [audit].
func (s *Store) verifyLastGroup() error {
	it, err := s.db.NewIter(bounds([]byte{prefixGroup}))
	if err != nil {
		return fmt.Errorf("read marks of the item log: %w", classify(err))
	}
	if !it.Last() {
		return errors.Join(classify(it.Error()), it.Close())
	}
	m, err := parseMark(it.Value())
	if err == nil {
		err = s.log.verify(s.log.length-m.length, m)
	}
	return errors.Join(err, it.Close())
}

// poison notes the first failure. From then on nothing counts as committed.
func (s *Store) poison(err error) {
	wait := abandonAfter
	if errors.Is(classify(err), frontier.ErrDamaged) {
		wait = abandonDamagedAfter
	}
	s.poisonFor(err, wait)
}

func (s *Store) poisonFor(err error, wait time.Duration) {
	s.once.Do(func() {
		s.failure, s.until = explain(s.fs, s.dir, err), time.Now().Add(wait)
		close(s.poisoned)
	})
}

// fatal poisons the store and does not return: Pebble does not expect a fatal error
// to be survived, and what it did next could make things worse, up to a panic in one
// of its goroutines. So the goroutine stays where it is. It may hold Pebble's locks,
// so there is nothing to wait for.
func (s *Store) fatal(err error) {
	s.stick.Do(func() { close(s.stuck) })
	s.poisonFor(err, 0)
	select {}
}

// failed returns why the store may not be used any more.
func (s *Store) failed() error {
	select {
	case <-s.poisoned:
		return s.failure
	default:
		return nil
	}
}

// guard runs a call that Pebble may never return from once the disk has failed.
func (s *Store) guard(call func() error) error {
	result := make(chan error, 1)
	go func() { result <- survived(call) }()
	select {
	case err := <-result:
		if err != nil {
			s.poison(err)
		}
		return s.failed()
	case <-s.poisoned:
	}
	select {
	case <-result: //nolint:errcheck // a late success does not count
	case <-time.After(time.Until(s.until)):
	}
	return s.failure
}

// survived turns a panic of Pebble's into an error. It panics where it sees no way
// out, and may do so after one of its fatal errors was survived.
func survived(call func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			cause, ok := v.(error)
			if !ok {
				cause = fmt.Errorf("%v", v)
			}
			err = fmt.Errorf("storage engine: %w", cause)
		}
	}()
	return call()
}

// Close flushes what is in memory, so that the next open has nothing to replay,
// and closes the files. A store that failed is abandoned instead.
func (s *Store) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	if s.Failed() {
		s.gone = s.abandon() // with the item log, to which a call that was given up may still write
		return s.noteDamage()
	}
	s.endAudit()
	s.endReads()
	err := explain(s.fs, s.dir, errors.Join(s.log.close(), s.tide.close()))
	if !s.view && !s.spent() {
		if ferr := s.guard(s.db.Flush); ferr != nil {
			s.abandon()
			return errors.Join(err, fmt.Errorf("flush: %w", ferr))
		}
	}
	if cerr := s.guard(s.db.Close); cerr != nil {
		return errors.Join(err, fmt.Errorf("close: %w", cerr))
	}
	return err
}

// spent reports that nothing is left which a later run would want to find soon: after the
// end of a crawl without failures the frontier is removed. Its log holds it until then.
func (s *Store) spent() bool { return s.books.Finished && s.books.Failed == 0 }

// noteDamage keeps what made the store fail, if that was damage, for the next open.
func (s *Store) noteDamage() error {
	if s.view || !errors.Is(s.failure, frontier.ErrDamaged) {
		return nil
	}
	return (&Directory{fs: s.fs, path: s.dir}).NoteDamage(s.failure)
}

// beginRead admits a read, unless the store was closed or has failed. The function
// that it returns ends the read; until then the store is not closed.
func (s *Store) beginRead() (end func(), err error) {
	s.readMu.Lock()
	defer s.readMu.Unlock()
	if s.noReads {
		return nil, frontier.ErrClosed
	}
	if err := s.failed(); err != nil {
		return nil, err
	}
	s.reads.Add(1)
	return s.reads.Done, nil
}

// endReads lets no read begin and waits for those under way.
func (s *Store) endReads() {
	s.readMu.Lock()
	s.noReads = true
	s.readMu.Unlock()
	s.reads.Wait()
}

// abandon gives Pebble a moment to close, and reports whether it has; on a full disk
// it would take for ever.
func (s *Store) abandon() bool {
	select {
	case <-s.stuck:
		return false
	default:
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.endAudit()
		_ = survived(s.db.Close) // its failure is the one that poisoned the store
	}()
	select {
	case <-done:
		return true
	case <-s.stuck: // while it closed
	case <-time.After(time.Until(s.until)):
	}
	return false
}

// Failed reports whether the store had to be given up. Unless it is also [Store.Gone],
// the directory's lock stays held until the process ends.
func (s *Store) Failed() bool { return s.failed() != nil }

// Gone reports whether Close has closed everything, also of a store that had failed:
// then the directory may be opened again in this process.
func (s *Store) Gone() bool { return s.closed && (s.gone || !s.Failed()) }

// Load implements [frontier.Store].
func (s *Store) Load(context.Context) (frontier.Books, error) { return s.books, s.failed() }

// incomplete marks a frontier as damaged whose files do not fit its manifest, or whose
// OPTIONS are not those that every store of ours is written with. Pebble does not call
// that corruption, and has no name for some of it.
func incomplete(err error) error {
	if err == nil || !errors.Is(err, os.ErrNotExist) && !errors.Is(err, pebble.ErrDBNotPristine) &&
		!errors.As(err, new(pebble.ErrMissingWALRecoveryDir)) && // OPTIONS name a folder for logs; we never do
		!strings.Contains(err.Error(), "object size mismatch") &&
		!strings.Contains(err.Error(), "name from file") { // of OPTIONS, which say how keys are compared
		return err
	}
	return fmt.Errorf("%w: %w", frontier.ErrDamaged, oneLine(err))
}

// classify marks evidence of damage, and nothing else, as such.
func classify(err error) error {
	if err == nil || errors.Is(err, frontier.ErrDamaged) {
		return err
	}
	if pebble.IsCorruptionError(err) {
		return fmt.Errorf("%w: %w", frontier.ErrDamaged, oneLine(err))
	}
	return err
}

// A shortError is an error of Pebble's without what follows on further lines: its
// carriers of details, which say nothing, and stacks.
type shortError struct{ error }

func (e shortError) Error() string { return firstLine(e.error) }
func (e shortError) Unwrap() error { return e.error }

func oneLine(err error) error { return shortError{err} }

func bounds(prefix []byte) *pebble.IterOptions {
	return &pebble.IterOptions{LowerBound: prefix, UpperBound: upper(prefix)}
}
