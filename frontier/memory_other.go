//go:build !unix

package frontier

// allocate returns n zeros.
func allocate[T byte | Fingerprint](n int) []T { return make([]T, n) }

// free does nothing: the memory is the heap's.
func free[T byte | Fingerprint]([]T) {}
