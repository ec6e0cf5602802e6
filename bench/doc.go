// Bench measures what a durable crawl costs and how fast it is, and prints
// tables in Markdown. docs/performance.md explains them and keeps the figures of
// one machine.
//
//	go run ./bench                      everything, with 1 and 10 million pending requests
//	go run ./bench -sizes 100000        a quick look
//	go run ./bench -only throughput     one part: cost, latency or throughput
//
// Everything is measured in fresh processes: the program starts itself again
// with a role and reads what that process reports. The frontiers are built once,
// with twice as many known requests as pending ones, and kept in -dir.
package main
