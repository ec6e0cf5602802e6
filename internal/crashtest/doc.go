// Package crashtest breaks crawls on purpose and compares what they end with.
//
// Its tests crawl a seeded [testsite.Site] in a process of its own, the test
// binary started again, and end that process in every way there is: SIGKILL at
// random instants, signals, panics in handlers and hooks, handlers that never
// return, handlers that take the process with them. The site lives in the test's
// own process and notes every request with the run that sent it, so what a run
// fetched outlives the run.
//
// After each kill a copy of the crawl directory is opened, checked and read: no
// request that it shows as over may be fetched again. In the end pages, items,
// failures, state and book counters must be those of a crawl that nothing stopped.
//
//	go test ./internal/crashtest -run TestKillResume -seed 7 -kills 200 -seeds 5
package crashtest
