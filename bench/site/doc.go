// Package site is the web that the benchmarks crawl: pages of about 10 KB with
// 10 items of two fields and 40 links, rendered from nothing but their number,
// so that a crawl may be as large as one likes. It is served over HTTP, or by a
// session that answers without a network.
package site
