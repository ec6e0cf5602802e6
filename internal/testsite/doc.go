// Package testsite is a web made of nothing but a seed: pages, links and
// faults that tests, the demo and the benchmarks can crawl and then check
// against an oracle.
//
// [Site] is the scripted one: every page, link and fault is a function of
// [Config] alone, so a crawl's result can be compared with [Site.Items] and
// what it asked for with [Site.Hits]. [Quotes] and [News] are two sites that
// look like sites.
package testsite
