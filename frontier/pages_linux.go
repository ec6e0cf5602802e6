package frontier

import "syscall"

// largePages asks for large pages of memory. A filter is read in random places, so that
// with small ones nearly each look misses the processor's table of pages as well.
func largePages(mem []byte) {
	if len(mem) >= 2<<20 {
		_ = syscall.Madvise(mem, syscall.MADV_HUGEPAGE) // small ones serve as well
	}
}
