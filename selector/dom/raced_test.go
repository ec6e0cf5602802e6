//go:build race

package dom_test

// raced says that the race detector slows everything down.
const raced = true
