// Package fetch brings one page over the wire: a [Request] goes in, a
// [Response] with its decompressed body or an [*Error] that says whose fault it
// was comes out.
//
// A [Session] is whatever can do that; [HTTP] is the one built on net/http. It
// follows no redirect and retries nothing: what to do next is the crawl's
// decision, and [Error.Retryable] and [Error.HostDown] are what it decides by.
// Everything a hostile server can make large or slow has a limit here: the time
// of each phase, the header, the body after decompression, the cookies.
//
// A session that keeps state between requests (cookies) is a [Keeper] as well:
// it tells what changed as plain records, so that a crawl can commit them with
// the page that caused them and restore them after a stop.
package fetch
