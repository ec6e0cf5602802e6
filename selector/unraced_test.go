//go:build !race

package selector_test

// raced says that the race detector slows everything down.
const raced = false
