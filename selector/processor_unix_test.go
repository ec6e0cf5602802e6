//go:build unix

package selector_test

import (
	"syscall"
	"time"
)

// processor is the time that this process has had of the processors: a machine that is
// busy with other things does not lengthen it.
func processor() (time.Duration, error) {
	var r syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), err
}
