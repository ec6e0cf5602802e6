package fetch

import (
	"context"
	"iter"
	"net/http"
	"time"
)

// Request is one exchange to make. Only URL is required.
type Request struct {
	// Method is the HTTP method; "" is GET.
	Method string
	// URL is absolute, http or https. It is sent as it stands, without its
	// fragment. A user and password in it become an Authorization header
	// unless Header has one.
	URL string
	// Header is sent over the session's own, replacing same-named fields, with
	// names in the case given here. "Host" overrides the host sent to the
	// server. The fields that frame the message (Content-Length,
	// Transfer-Encoding, Trailer) are worked out and ignored here. It is never
	// changed; nil is fine.
	Header http.Header
	// Cookies are sent with this request only. They replace the session's
	// cookies of the same name.
	Cookies []*http.Cookie
	// Body is sent with its length; empty is none.
	Body []byte
	// Proxy is the URL of the proxy for this request (http, https, socks5,
	// socks5h); "" is the session's choice.
	Proxy string
	// Timeout bounds the whole exchange, from the first lookup to the last byte
	// of the body; 0 is the session's.
	Timeout time.Duration
	// MaxBody is the largest body accepted, in bytes after decompression; 0 is
	// the session's.
	MaxBody int64
	// Truncate keeps the first MaxBody bytes of a larger body, where the fetch
	// would otherwise fail.
	Truncate bool
}

// Response is what the server answered, whatever its status: a redirect or an
// error page is a Response, not an error.
type Response struct {
	// URL is the one asked for. Redirects are not followed, so it is also the
	// one that answered.
	URL string
	// Status is the status code, for example 200.
	Status int
	// Proto is the protocol spoken, for example "HTTP/1.1" or "HTTP/2.0".
	Proto string
	// Header is as received: Content-Encoding and Content-Length describe the
	// body on the wire, not Body.
	Header http.Header
	// RequestHeader is what was sent, cookies included, without credentials for
	// a proxy. It may share its values with the Request and the session: read
	// it only.
	RequestHeader http.Header
	// Body is decompressed and belongs to the caller, until it calls Release.
	Body []byte
	// WireBytes counts the bytes of the body as received, before decompression.
	WireBytes int64
	// Elapsed is the time from the call of Fetch to the last byte of the body.
	Elapsed time.Duration
	// Proxy is the proxy used, its password replaced by xxxxx; "" is none.
	Proxy string

	memory *[]byte     // of Body, if it is lent
	lender *bodyMemory // by whom
}

// Session fetches. Implementations are safe for concurrent use.
type Session interface {
	// Fetch makes one exchange and returns its response, or an error that is an
	// [*Error]. When ctx ends first, the error has KindCanceled.
	Fetch(ctx context.Context, req *Request) (*Response, error)
	// Close releases what the session holds. It waits for no Fetch under way,
	// and the session is not used after it.
	Close() error
}

// Keeper is a [Session] whose state outlives the process: what it changes is
// committed with the crawl and restored on resume. Its methods are safe for
// concurrent use with Fetch and with each other.
type Keeper interface {
	// Changed returns the records that changed since the last call, the newest
	// value of each key once; nil when nothing did, which costs next to nothing.
	Changed() []Record
	// Restore puts back records that an earlier session's Changed returned.
	// Either all of them are taken or, on an error, none; an error of a record
	// names its key.
	Restore(records iter.Seq2[Record, error]) error
}

// Record is one opaque piece of a session's state. A later record replaces an
// earlier one with the same key; a nil Value means that the key is gone.
type Record struct {
	Key   string
	Value []byte
}
