// Package clew crawls web sites, and survives every stop: run the same program
// again after Ctrl+C, kill -9 or a power cut, and the finished output is one that
// a crawl which never stopped could have produced.
//
// A [Spider] says what to crawl and how to read it. Its handlers get a [Response]
// and fill an [Output] with items and with requests to follow. [Run] does the
// rest; with [CrawlDir] it keeps the crawl in a directory, and resumes what it
// finds there.
//
// # One page
//
// The frontier chooses the request whose host may be asked now. The page is
// fetched, read by its handler, and judged: done, failed, dropped, or to be tried
// again. Its outcome is admitted, in one order, and committed with others in
// groups: its items are appended to items.jsonl and synced, then one batch makes
// its completion, its new requests, its counters and its changes of state
// durable. Before that batch the page will be fetched again after a stop; after
// it, never.
//
// Nothing a handler says is visible before its page is admitted, and nothing of a
// page that failed is kept. So a handler may run more than once for a page, and
// only what it does outside its Output is seen twice.
//
// # Stopping
//
// Cancelling the context of [Crawl.Run], [Crawl.Pause], a limit, or a signal when
// [HandleSignals] is given: the pages in flight finish, everything is committed,
// and the result is [Paused]. A second time, or after [PauseTimeout], what is in
// flight is given up and will be fetched again. A kill is the same without the
// last commit: at most the pages in flight and the last group or two are fetched
// again.
//
// # Looking after a crawl
//
// [Inspect] and [List] show what a directory holds, [RequestPause] stops its crawl,
// [Snapshot] copies it, [Requeue] puts failed requests back, [Check] reads all of it,
// and [Salvage] brings back what can be read of a damaged one. Package clewtest helps
// to test spiders.
//
// # Files of a crawl directory
//
//	items.jsonl   the items of all runs, one JSON value a line
//	report.json   the result, once the crawl is finished
//	status.json   what the crawl was doing a moment ago
//	crawl.json    what the directory is
//	frontier/     what is left to do, gone when nothing is
package clew
