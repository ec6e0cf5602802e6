//go:build race

package clew

// raced says that the race detector slows everything down.
const raced = true
