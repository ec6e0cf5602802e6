//go:build unix

package frontier

import (
	"syscall"
	"unsafe"
)

// offHeap is the size from which tables stand outside the Go heap. The collector
// would let the heap grow by as much again as the fingerprints take, though it can
// free none of them.
const offHeap = 64 << 10

// allocate returns n free slots.
func allocate(n int) []Fingerprint {
	size := n * len(Fingerprint{})
	if size < offHeap {
		return make([]Fingerprint, n)
	}
	mem, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return make([]Fingerprint, n) // the heap serves as well, and says so if it is full
	}
	return unsafe.Slice((*Fingerprint)(unsafe.Pointer(unsafe.SliceData(mem))), n) //nolint:gosec // n slots fill mem
}

// free gives back what allocate returned. The slots may not be used afterwards.
func free(slots []Fingerprint) {
	size := len(slots) * len(Fingerprint{})
	if size < offHeap {
		return
	}
	mem := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(slots))), size) //nolint:gosec // as allocated
	// Memory that is not mapped is the heap's, and its collector's business.
	_ = syscall.Munmap(mem)
}
