// Package frontiertest tests implementations of [frontier.Store]: verb by verb,
// and with random crawls that are compared with a reference model while the power
// is cut and the store reopened.
//
// A store's own test is three lines:
//
//	func TestStore(t *testing.T) {
//		frontiertest.Run(t, func(t *testing.T) frontiertest.Disk { return newDisk(t) })
//	}
package frontiertest
