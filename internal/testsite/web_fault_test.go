package testsite

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clew-crawler/clew/fetch"
)

// symptom is how a fault shows: in a status, in an error of net/http, or in one of
// package fetch.
type symptom struct {
	status int
	cause  func(error) bool // of net/http
	kind   fetch.Kind
	check  func(t *testing.T, body []byte)
}

func wraps[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

func mentions(text string) func(error) bool {
	return func(err error) bool { return strings.Contains(err.Error(), text) }
}

func from(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

var symptoms = map[FaultKind]symptom{
	Refused:     {cause: from(syscall.ECONNREFUSED), kind: fetch.KindConnect},
	NoSuchHost:  {cause: wraps[*net.DNSError], kind: fetch.KindDNS},
	NotFound:    {status: 404},
	ServerError: {status: 500},
	Busy:        {status: 503},
	TooMany:     {status: 429},
	Forbidden:   {status: 403},
	Captcha:     {status: 200, check: lacks(`class="quote"`)},
	Drip:        {status: 200, check: holds("</html>")},
	Endless:     {cause: from(errEnough), kind: fetch.KindTooLarge},
	Bomb:        {cause: from(errEnough), kind: fetch.KindTooLarge},
	BadMarkup:   {status: 200, check: holds("<!-- <!-- -->")},
	Silence:     {cause: from(context.DeadlineExceeded), kind: fetch.KindTimeout},
	Reset:       {cause: from(syscall.ECONNRESET), kind: fetch.KindReset},
	LongLength:  {cause: from(io.ErrUnexpectedEOF), kind: fetch.KindBody},
	ShortLength: {status: 200, check: lacks("class=\"links\"")},
	BadChunks:   {cause: mentions("chunk"), kind: fetch.KindBody},
	HeaderFlood: {cause: mentions("headers exceeded"), kind: fetch.KindProtocol},
}

func holds(text string) func(*testing.T, []byte) {
	return func(t *testing.T, body []byte) {
		if !strings.Contains(string(body), text) {
			t.Errorf("%q is not in the body", text)
		}
	}
}

func lacks(text string) func(*testing.T, []byte) {
	return func(t *testing.T, body []byte) {
		if strings.Contains(string(body), text) || len(body) == 0 {
			t.Errorf("%q is in the body, or nothing is", text)
		}
	}
}

// errEnough ends the reading of what would not end.
var errEnough = errors.New("more than enough")

// netHTTP asks with net/http alone.
func netHTTP(ctx context.Context, transport http.RoundTripper, url string) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body := io.Reader(response.Body)
	if response.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(body); err != nil {
			return 0, nil, err
		}
	}
	const most = 4 << 20
	data, err := io.ReadAll(io.LimitReader(body, most))
	if len(data) == most {
		err = errEnough
	}
	if err != nil {
		return 0, nil, err
	}
	return response.StatusCode, data, nil
}

// fetchHTTP asks with the session that crawls use.
func fetchHTTP(t *testing.T, ctx context.Context, transport http.RoundTripper, url string) (int, []byte, error) { //nolint:revive // a test helper begins with t
	t.Helper()
	session, err := fetch.NewHTTP(fetch.HTTPOptions{Transport: transport, MaxBody: 4 << 20, Timeout: time.Minute, IdleTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	}()
	response, err := session.Fetch(ctx, &fetch.Request{URL: url})
	if err != nil {
		return 0, nil, err
	}
	return response.Status, response.Body, nil
}

// afflicted is a web in which a fault befalls everything but its first page.
func afflicted(kind FaultKind, times int) *Web {
	return NewWeb(WebConfig{Hosts: 3, BodyBytes: 4000, Faults: []Fault{{Kind: kind, Rate: 1, Times: times}}})
}

func TestEveryFault(t *testing.T) {
	for kind := Refused; kind <= lastFault; kind++ {
		symptom, ok := symptoms[kind]
		if !ok {
			t.Fatalf("%v is not tested", kind)
		}
		t.Run(kind.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // as pipes, with the clock of a bubble
				web := afflicted(kind, 0)
				symptom.inHTTP(t, web, web.InProcess(), time.Hour)
				symptom.inFetch(t, web, web.InProcess())
			})
			if kind == Silence || kind == Drip {
				return // nothing but the clock differs
			}
			web := afflicted(kind, 0)
			transport := web.Start(t)
			symptom.inHTTP(t, web, transport, 10*time.Second)
			symptom.inFetch(t, web, transport)
		})
	}
}

func (s symptom) inHTTP(t *testing.T, web *Web, transport http.RoundTripper, patience time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	status, body, err := netHTTP(ctx, transport, web.Front(1))
	switch {
	case s.cause == nil && err != nil, s.cause != nil && (err == nil || !s.cause(err)), status != s.status:
		t.Errorf("net/http: status %d, error %v; want %d", status, err, s.status)
	case s.check != nil:
		s.check(t, body)
	}
}

func (s symptom) inFetch(t *testing.T, web *Web, transport http.RoundTripper) {
	t.Helper()
	status, body, err := fetchHTTP(t, t.Context(), transport, web.Front(1))
	fault, ok := errors.AsType[*fetch.Error](err)
	switch {
	case s.kind == 0 && err != nil, s.kind != 0 && (!ok || fault.Kind != s.kind), status != s.status:
		t.Errorf("fetch: status %d, error %v; want %d, %v", status, err, s.status, s.kind)
	case s.check != nil:
		s.check(t, body)
	}
}

// A fault that befalls a page twice does so twice, and the log says it.
func TestFaultsPass(t *testing.T) {
	for _, kind := range []FaultKind{Refused, NoSuchHost, Busy, Forbidden, Reset, BadChunks} {
		t.Run(kind.String(), func(t *testing.T) {
			web := afflicted(kind, 2)
			transport := web.InProcess()
			for n := 1; n <= 4; n++ {
				status, _, err := netHTTP(t.Context(), transport, web.URL(1, 3))
				if well := err == nil && status == 200; well != (n > 2) {
					t.Errorf("try %d: status %d, error %v", n, status, err)
				}
			}
			var befell []FaultKind
			for _, v := range web.Log() {
				befell = append(befell, v.Fault)
			}
			if len(befell) != 4 || befell[0] != kind || befell[1] != kind || befell[2] != 0 || befell[3] != 0 {
				t.Errorf("the log has %v", befell)
			}
			web.Reset()
			if status, _, err := netHTTP(t.Context(), transport, web.URL(1, 3)); err == nil && status == 200 {
				t.Error("after Reset all was well at once")
			}
		})
	}
}

// What a bubble's clock says of silence and drips is exact.
func TestTimeOfFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web := afflicted(Drip, 0)
		began := time.Now()
		if _, _, err := netHTTP(t.Context(), web.InProcess(), web.Front(1)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 1900*time.Millisecond || took > 2*time.Second {
			t.Errorf("dripping took %v", took)
		}
		web = afflicted(Silence, 0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began = time.Now()
		if _, _, err := netHTTP(ctx, web.InProcess(), web.Front(1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("silence ended with %v", err)
		}
		if took := time.Since(began); took != time.Hour {
			t.Errorf("silence took %v", took)
		}
		synctest.Wait()
		if log := web.Log(); len(log) != 1 || log[0].Fault != Silence || log[0].Status != 0 {
			t.Errorf("log %+v", log)
		}
	})
}

func TestFaultsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for kind := FaultKind(0); kind <= lastFault; kind++ {
		if name := kind.String(); seen[name] || strings.HasPrefix(name, "fault ") {
			t.Errorf("fault %d is called %q", int(kind), name)
		}
		seen[kind.String()] = true
	}
	if name := (lastFault + 1).String(); name != "fault 19" {
		t.Errorf("no fault is called %q", name)
	}
}
