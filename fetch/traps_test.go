package fetch

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/clew-crawler/clew/internal/testsite"
)

// trapKinds says what each trap looks like to who fetches its page: 0 is an
// answer.
var trapKinds = map[string]Kind{
	"never answers":               KindTimeout,
	"never answers a page":        KindTimeout,
	"closes at once":              KindReset,
	"closes instead of answering": KindReset,
	"resets instead of answering": KindReset,
	"resets inside the header":    KindReset,
	"resets inside the body":      KindReset,
	"header drips":                KindTimeout,
	"body drips":                  KindTimeout,
	"stops inside the body":       KindTimeout,

	"endless header":               KindProtocol,
	"endless header line":          KindProtocol,
	"thousands of fields":          KindProtocol,
	"endless status line":          KindProtocol,
	"status line of a megabyte":    KindProtocol,
	"endless 1xx answers":          KindProtocol,
	"endless 100 answers":          KindProtocol,
	"switches protocols":           KindProtocol,
	"HTTP/0.9":                     KindProtocol,
	"another protocol":             KindProtocol,
	"binary":                       KindProtocol,
	"endless NULs":                 KindProtocol,
	"NUL in a field name":          KindProtocol,
	"NUL in a field value":         KindProtocol,
	"field without a colon":        KindProtocol,
	"HTTP/9.9":                     0,
	"status 0":                     KindProtocol,
	"status 000":                   KindProtocol,
	"status 99":                    KindProtocol,
	"status 099":                   KindProtocol,
	"status 600":                   0,
	"status 999":                   0,
	"status 1000":                  KindProtocol,
	"status -200":                  KindProtocol,
	"status 2OO":                   KindProtocol,
	"endless body":                 KindTooLarge,
	"endless chunks":               KindTooLarge,
	"body shorter than its length": KindBody,
	"body longer than its length":  0,
	"length beyond the limit":      KindTooLarge,
	"length beyond counting":       KindProtocol,
	"negative length":              KindProtocol,
	"length is no number":          KindProtocol,
	"two lengths":                  KindProtocol,
	"length and chunks":            0,
	"chunk size is no number":      KindBody,
	"chunk size is negative":       KindBody,
	"chunk size is huge":           KindBody,
	"chunk ends early":             KindBody,
	"no last chunk":                KindBody,
	"endless chunk extension":      KindBody,
	"chunk extensions flood":       KindBody,
	"endless trailer":              KindBody,
	"unknown transfer coding":      KindProtocol,
	"gzip bomb":                    KindTooLarge,
	"deflate bomb":                 KindTooLarge,
	"br bomb":                      KindTooLarge,
	"zstd bomb":                    KindTooLarge,
	"gzip, gzip bomb":              KindTooLarge,
	"br, gzip, gzip bomb":          KindTooLarge,
	"gzip five times":              KindProtocol,
	"gzip, gzip of nothing":        KindTooLarge,
	"endless gzip of nothing":      KindTooLarge,
	"zstd window of a gigabyte":    KindTooLarge,
	"gzip that is none":            KindBody,
	"gzip cut off":                 KindBody,
	"unknown encoding":             0,
	"cookie flood":                 KindProtocol,
	"cookie of a megabyte":         KindProtocol,
	"cookie of 32 KB":              0,
	"cookie for everybody":         0,

	"redirect to a malformed URL":      0,
	"redirect to a bad port":           0,
	"redirect to a URL of a megabyte":  KindProtocol,
	"redirect to a file":               0,
	"redirect to mail":                 0,
	"redirect to a script":             0,
	"redirect to data":                 0,
	"redirect with control characters": KindProtocol,
	"redirect with a line break":       KindProtocol,
	"redirect to nothing":              0,
	"redirect with credentials":        0,
	"redirect loop":                    0,
	"endless redirects":                0,

	"expired certificate":  KindTLS,
	"handshake never ends": KindConnect,
	"no TLS":               KindTLS,
	"handshake is cut off": KindConnect,
}

// TestTraps walks into every trap there is. Whatever it is made of, a fetch ends
// soon, takes little memory, and says what was wrong.
func TestTraps(t *testing.T) {
	const size, most = 1 << 14, 24 << 20
	met := map[string]bool{}
	for _, trap := range testsite.Traps(size) {
		t.Run(trap.Name, func(t *testing.T) {
			met[trap.Name] = true
			session := newSession(t, HTTPOptions{
				Timeout: 1500 * time.Millisecond, HeaderTimeout: 300 * time.Millisecond, TLSTimeout: time.Second,
				IdleTimeout: 300 * time.Millisecond, MaxBody: 2 << 20, MaxHeaderBytes: 64 << 10,
			})
			url := trap.Start(t) + "/"
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			res, err := session.Fetch(context.Background(), &Request{URL: url})
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > most {
				t.Errorf("took %d bytes of memory", allocated)
			}
			if took > 5*time.Second {
				t.Errorf("took %v", took)
			}
			var kind Kind
			if fault, ok := errors.AsType[*Error](err); ok {
				kind = fault.Kind
			} else if err != nil || res == nil {
				t.Fatalf("got %+v and %v, want an *Error", res, err)
			}
			if kind != trapKinds[trap.Name] {
				t.Errorf("got kind %v (%v), want %v", kind, err, trapKinds[trap.Name])
			}
		})
	}
	for name := range trapKinds {
		if !met[name] {
			t.Errorf("there is no trap %q", name)
		}
	}
}
