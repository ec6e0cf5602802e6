//go:build !unix

package selector_test

import "time"

var began = time.Now()

// processor is no shorter than the time that this process has had of the processors.
func processor() (time.Duration, error) { return time.Since(began), nil }
