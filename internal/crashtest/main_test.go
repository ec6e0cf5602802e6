package crashtest

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// The flags of a test binary have no other place.
var (
	seedFlag  = flag.Uint64("seed", 1, "seed of the first site and of the instants of its kills")
	killsFlag = flag.Int("kills", 20, "kills of each seed")
	seedsFlag = flag.Int("seeds", 1, "number of seeds, counted up from -seed")

	durationFlag = flag.Duration("duration", 0, "how long the torture goes on; 0 is until its rounds are done")
	roundsFlag   = flag.Int("rounds", 0, "rounds of the torture; 0 is no bound with -duration, else two short ones")
	smallFlag    = flag.Bool("small", false, "make the rounds of the torture short ones")
	workersFlag  = flag.Int("workers", 2, "rounds of the torture at a time")
	ledgerFlag   = flag.String("ledger", "", "file with the totals of the torture, to go on from and add to")
)

func TestMain(m *testing.M) {
	if os.Getenv(orderVariable) != "" {
		os.Exit(crawlAsTold(os.Getenv(orderVariable)))
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
