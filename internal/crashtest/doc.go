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
// # Where to look
//
// What all tests share:
//
//	main_test.go      flags; turns the test binary into a child if it is to be one
//	process_test.go   starts a child, listens to it, ends it
//	web_test.go       serves the site and keeps the log of requests
//	inspect_test.go   opens a copy of a crawl directory and reads what is committed
//	ending_test.go    what two crawls must agree on
//
// Tests of one thing each, all with the spider of child_test.go, which commits the
// faults of fault_test.go when told to:
//
//	kill_test.go      SIGKILL at random instants of a whole crawl
//	ends_test.go      SIGKILL in the first and in the last moments
//	stop_test.go      signals, cancelled contexts, handlers that never return
//	panic_test.go     panics, and pages that take the process with them
//
// The torture is everything at once: rounds, each with a spider, a site, stops and
// restarts that are drawn from a seed.
//
//	torture_test.go           runs rounds until the time is over
//	torture_plan_test.go      what is drawn: the site, the spider, how each run goes
//	torture_round_test.go     one round, from the uninterrupted crawl to the comparison
//	torture_stop_test.go      the ways to stop a run, and how the parent does it
//	torture_between_test.go   what is done to a crawl between two runs: salvages, copies, requeues
//	torture_child_test.go     a run, and how it stops itself
//	torture_spider_test.go    the spider of a run
//	torture_site_test.go      what the site needs beyond a testsite.Site
//	torture_web_test.go       the same with a web of many hosts instead
//	torture_disk_test.go      a small disk that can be filled up
//	torture_check_test.go     what must hold after every run, and in the end
//	torture_ledger_test.go    the totals, kept over many invocations
//	torture_sabotage_test.go  breaks promises on purpose, to see that a round notices
//
//	go test ./internal/crashtest -run TestKillResume -seed 7 -kills 200 -seeds 5
//	go test ./internal/crashtest -run 'TestTorture$' -v -timeout 0 -duration 1h -ledger torture.json
package crashtest
