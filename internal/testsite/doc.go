// Package testsite is a web made of nothing but a seed: pages, links and
// faults that tests, the demo and the benchmarks can crawl and then check
// against an oracle.
//
// [Site] is the scripted one: every page, link and fault is a function of
// [Config] alone, so a crawl's result can be compared with [Site.Items] and
// what it asked for with [Site.Hits]. [Quotes] and [News] are two sites that
// look like sites.
//
// [Web] is a web of many such hosts, with traps, redirects, encodings, robots.txt
// and every [Fault] that a server can have, above HTTP and below it. [Web.Truth]
// says what a crawl has to come to, and [Web.Log] how polite it was. It is served
// on a socket by [Web.Start], or without one by [Web.InProcess], which works in a
// bubble of testing/synctest.
package testsite
