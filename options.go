package clew

import (
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// An Option says something about one run.
type Option func(*options)

type options struct {
	dir          string
	interval     time.Duration
	pauseTimeout time.Duration
	fresh        bool
	lenient      bool
	onDamage     DamagePolicy
	signals      bool
	maxPages     int64
	maxDuration  time.Duration
	seenBytes    int64
	fs           vfs.FS // tests only
	store        storeOpener
	groupPages   int
}

// Defaults of the options.
const (
	defaultInterval     = 100 * time.Millisecond
	defaultPauseTimeout = 20 * time.Second
)

// A DamagePolicy says what to do about a damaged crawl directory.
type DamagePolicy int

const (
	// SetAside moves the damaged crawl into a dated folder of its directory, whole,
	// and starts anew, with a loud warning. It is the default.
	SetAside DamagePolicy = iota
	// Refuse returns an error that is [ErrDamaged], with nothing touched.
	Refuse
)

// CrawlDir keeps the crawl in a directory, made if need be, and resumes what is
// there. Without it a crawl lives in memory and cannot be resumed. A relative path is
// one of the working directory when the crawl is opened, whatever that is later.
func CrawlDir(path string) Option { return func(o *options) { o.dir = path } }

// Interval is the age at which finished pages are committed. Default 100 ms. At 0
// they are committed when there are many, when nothing is in flight, or at a stop.
func Interval(d time.Duration) Option { return func(o *options) { o.interval = d } }

// PauseTimeout is how long a pause waits for pages in flight before it gives them
// up. Default 20 s; 0 gives them up at once.
func PauseTimeout(d time.Duration) Option { return func(o *options) { o.pauseTimeout = d } }

// Fresh sets aside what is in the crawl directory and starts anew.
func Fresh() Option { return func(o *options) { o.fresh = true } }

// Lenient resumes even if pending requests need handlers or sessions that the
// spider lacks, or it fingerprints otherwise: Parse and the default session stand
// in, and a changed recipe fetches some pages again.
func Lenient() Option { return func(o *options) { o.lenient = true } }

// OnDamage says what to do about a damaged crawl directory.
func OnDamage(p DamagePolicy) Option { return func(o *options) { o.onDamage = p } }

// HandleSignals makes SIGINT, SIGTERM and SIGHUP pause the crawl; a second one
// gives up what is in flight, a third one exits the process at once. Nothing that
// is committed is lost by any of them.
func HandleSignals() Option { return func(o *options) { o.signals = true } }

// MaxPages pauses the crawl when this run has n pages. Default no limit.
func MaxPages(n int64) Option { return func(o *options) { o.maxPages = n } }

// MaxDuration pauses the crawl when this run has lasted d. Default no limit.
func MaxDuration(d time.Duration) Option { return func(o *options) { o.maxDuration = d } }

// SeenMemory bounds the memory, in bytes, in which known requests are remembered;
// beyond it a file is asked that the run writes for itself, at some microseconds each.
// The default is 128 MB, for 20 million known requests.
func SeenMemory(bytes int64) Option { return func(o *options) { o.seenBytes = bytes } }

func newOptions(opts []Option) (*options, error) {
	o := &options{interval: defaultInterval, pauseTimeout: defaultPauseTimeout}
	for _, opt := range opts {
		opt(o)
	}
	var errs []error
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"Interval", int64(o.interval)},
		{"PauseTimeout", int64(o.pauseTimeout)},
		{"MaxPages", o.maxPages},
		{"MaxDuration", int64(o.maxDuration)},
		{"SeenMemory", o.seenBytes},
	} {
		if n.value < 0 {
			errs = append(errs, fmt.Errorf("option %s: %d is negative", n.name, n.value))
		}
	}
	if o.fresh && o.dir == "" {
		errs = append(errs, errors.New("option Fresh: there is no CrawlDir to start anew"))
	}
	return o, errors.Join(errs...)
}
