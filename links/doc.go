// Package links answers what a URL is: which absolute URL a link on a page
// means, when two URLs or two requests are the same, whose host they ask, and
// which links a page holds.
//
// URLs are read as browsers read them, by the WHATWG URL standard
// (https://url.spec.whatwg.org), and only http and https are known. User names
// and passwords in a URL are kept: they are sent when it is fetched and belong
// to its identity; Origin and Hostname leave them out.
//
// There are two forms of a URL. Resolve gives the one to fetch: what the page
// said, spelt as a browser would. Canonicalizer gives the one to compare, in
// which spellings that cannot mean different pages fall together. Where they
// might, they stay apart: fetching a page twice costs little, missing one costs
// the page.
//
// Everything here is safe for concurrent use.
package links
