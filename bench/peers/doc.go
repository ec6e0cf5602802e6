// Peers compares other crawlers with Clew: what is left after a stop, and how fast
// they are.
//
//	go run ./bench/peers reliability                     every peer, every stop, three rounds
//	go run ./bench/peers reliability -peer scrapy,clew   some peers
//	go run ./bench/peers reliability -stop kill          some stops
//	go run ./bench/peers speed                           every peer, every job, five rounds
//	go run ./bench/peers speed -peer colly,clew -jobs 10k
//
// Each peer is installed into a folder of its own below -work and runs the same
// job, a spider in its own manner with what its documentation recommends.
// Wherever a setting makes a peer look better it is used, and its spider says so.
// A peer that cannot be installed is reported as not measured.
//
// # Reliability
//
// Peers are put through the same stops. What is left is counted: items lost, items
// doubled, pages never fetched, pages fetched again. The spiders are those for
// resuming: scrapy/spider.py, scrapling/spider.py, colly/main.go, clew.go.
//
// This program serves the site, so it knows what was fetched; what was kept is
// read from the peer's own output, and what it thinks of it from its exit code
// and its log. A stop comes after a number of pages, not
// after a time, so a busy machine changes nothing. After it the same command is
// run again until the peer says that it is finished, or for the third time.
//
// # Speed
//
// Peers crawl the same sites as fast as they can: scrapy/speed.py,
// scrapling/speed.py, crawlee/speed.mjs, colly/speed, spider/src/main.rs,
// racers.go. In each round every peer runs once, one after another, on a core of
// its own; the server, a new one for each run, is on another. A peer that left a
// page unfetched or an item unwritten has no rank; what it did twice counts once.
// Slow peers get a smaller site, since the figures are rates.
package main
