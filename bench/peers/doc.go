// Peers puts other crawlers and Clew through the same stops and counts what is
// left: items lost, items doubled, pages never fetched, pages fetched again.
//
//	go run ./bench/peers reliability                     every peer, every stop, three rounds
//	go run ./bench/peers reliability -peer scrapy,clew   some peers
//	go run ./bench/peers reliability -stop kill          some stops
//
// Each peer is installed into a folder of its own below -work and runs the same
// job, a spider in its own manner with what its documentation recommends for
// resuming: scrapy/spider.py, scrapling/spider.py, colly/main.go, clew.go.
// Wherever a setting makes a peer look better it is used, and its spider says so.
// A peer that cannot be installed is reported as not measured.
//
// This program serves the site, so it knows what was fetched; what was kept is
// read from the peer's own output, and what it thinks of it from its exit code
// and its log. A stop comes after a number of pages, not
// after a time, so a busy machine changes nothing. After it the same command is
// run again until the peer says that it is finished, or for the third time.
package main
