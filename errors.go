package clew

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/store/pebblestore"
)

// Errors that callers may want to tell apart, with [errors.Is].
var (
	// ErrInUse says that another process runs the crawl; the message names it.
	ErrInUse = pebblestore.ErrLocked
	// ErrDamaged says that a crawl directory cannot be trusted, see [OnDamage].
	ErrDamaged = frontier.ErrDamaged
	// ErrNewerFormat says that a newer version of Clew wrote the directory.
	ErrNewerFormat = pebblestore.ErrFormat
	// ErrMismatch says that a crawl directory belongs to another spider, or
	// needs a handler, a session or a way of fingerprinting that this one lacks.
	ErrMismatch = errors.New("crawl directory does not fit the spider")
	// ErrNoCrawl says that a directory holds no crawl.
	ErrNoCrawl = pebblestore.ErrAbsent
	// ErrNotRunning says that no process runs the crawl of a directory.
	ErrNotRunning = errors.New("crawl is not running")
)

// RetryAfter makes a handler's error one to try again for: the page is fetched
// again after at least wait, as often as the spider's retries allow. Other errors
// of a handler fail the page at once.
func RetryAfter(wait time.Duration, err error) error { return &retryError{wait, err} }

type retryError struct {
	wait time.Duration
	err  error
}

func (e *retryError) Error() string { return e.err.Error() }
func (e *retryError) Unwrap() error { return e.err }

// panicError is a panic in code of the user's.
type panicError struct {
	where string
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic in %s: %v", e.where, e.value) }

func newPanicError(where string, value any) error {
	return &panicError{where: where, value: value, stack: debug.Stack()}
}
