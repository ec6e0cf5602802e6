package clew

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets no test leave a goroutine behind, but for the ones of a storage
// engine whose disk failed: it may never close, so it is left, see package
// pebblestore. That other engines are closed is checked in the packages cli and
// examples, where no disk fails.
func TestMain(m *testing.M) {
	const store, engine = "github.com/clew-crawler/clew/store/pebblestore.", "github.com/cockroachdb/pebble/v2"
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction(store+"(*Store).fatal"),
		goleak.IgnoreAnyFunction(store+"(*Store).guard.func1"),
		goleak.IgnoreAnyFunction(store+"(*Store).abandon.func1"),
		goleak.IgnoreAnyFunction(engine+"/internal/genericcache.(*shard[...]).releaseLoop"),
		goleak.IgnoreAnyFunction(engine+"/record.(*LogWriter).flushLoop"),
		goleak.IgnoreAnyFunction(engine+".(*cleanupManager).mainLoop"),
		goleak.IgnoreAnyFunction(engine+".(*ConcurrencyLimitScheduler).periodicGranter"),
		goleak.IgnoreAnyFunction(engine+".(*DB).flush"),
		goleak.IgnoreAnyFunction(engine+".(*DB).compact"),
		goleak.IgnoreAnyFunction(engine+".(*DB).collectTableStats"),
	)
}
