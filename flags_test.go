package clew

import "flag"

// Flags of the long forms of the tests in this package. The short forms, which are
// the defaults, take a sample; -long takes everything.
var (
	longFlag = flag.Bool("long", false, "try every operation, byte and instant instead of a sample")
	seedFlag = flag.Uint64("seed", 1, "seed of what the samples choose")
)
