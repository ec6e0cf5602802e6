//go:build unix && !linux

package frontier

// largePages does nothing: pages are as large as the system makes them.
func largePages([]byte) {}
