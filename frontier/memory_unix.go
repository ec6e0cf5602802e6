//go:build unix

package frontier

import (
	"syscall"
	"unsafe"
)

// offHeap is the size from which tables stand outside the Go heap. The collector
// would let the heap grow by as much again as the fingerprints take, though it can
// free none of them.
const offHeap = 16 << 10

// allocate returns n zeros.
func allocate[T byte | Fingerprint](n int) []T {
	size := n * int(unsafe.Sizeof(*new(T)))
	if size < offHeap {
		return make([]T, n)
	}
	mem, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return make([]T, n) // the heap serves as well, and says so if it is full
	}
	largePages(mem)
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(mem))), n) //nolint:gosec // n of them fill mem
}

// free gives back what allocate returned. It may not be used afterwards.
func free[T byte | Fingerprint](all []T) {
	size := len(all) * int(unsafe.Sizeof(*new(T)))
	if size < offHeap {
		return
	}
	mem := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(all))), size) //nolint:gosec // as allocated
	// Memory that is not mapped is the heap's, and its collector's business.
	_ = syscall.Munmap(mem)
}
