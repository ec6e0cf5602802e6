package clew

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zeebo/xxh3"

	"github.com/clew-crawler/clew/frontier"
	"github.com/clew-crawler/clew/links"
)

// A Request is something to fetch. It is plain data: what it holds is stored, and
// handlers only ever see requests that were read back from the store, so a first
// run and a resumed one cannot differ.
type Request struct {
	// URL is absolute, http or https.
	URL string
	// Method is the HTTP method. Default GET.
	Method string
	// Header is sent over the session's own.
	Header http.Header
	// Params are added to the URL's query.
	Params url.Values
	// Body, Form and JSON are three ways to give a body; use one. Form and JSON
	// set the Content-Type as well.
	Body []byte
	Form url.Values
	JSON any
	// Cookies are sent with this request only.
	Cookies []*http.Cookie
	// Proxy overrides the session's.
	Proxy string
	// Timeout bounds the whole exchange. Default: the session's.
	Timeout time.Duration
	// Priority orders the requests of a host, higher first. Default 0.
	Priority int
	// Meta travels to the handler, encoded as JSON. See [Response.Meta].
	Meta map[string]any
	// DontFilter fetches it even if it is known.
	DontFilter bool
	// Session names one of the spider's sessions. Default the HTTP one.
	Session string
	// Handler names one of the spider's handlers. Default Parse.
	Handler string

	resolved bool // URL came out of package links already
}

// A RequestOption changes a request that [Output.Follow] makes.
type RequestOption func(*Request)

// To gives a request to a named handler.
func To(handler string) RequestOption { return func(r *Request) { r.Handler = handler } }

// WithMeta gives a request a value that its handler can read with [Response.Meta].
func WithMeta(key string, value any) RequestOption {
	return func(r *Request) {
		if r.Meta == nil {
			r.Meta = map[string]any{}
		}
		r.Meta[key] = value
	}
}

// WithPriority sets the priority of a request, higher first.
func WithPriority(p int) RequestOption { return func(r *Request) { r.Priority = p } }

// stored is a request as it is kept: the payload of a task. Field names are part
// of the on-disk format.
type stored struct {
	URL     string                     `json:"u"`
	Method  string                     `json:"m,omitempty"`
	Header  http.Header                `json:"h,omitempty"`
	Body    []byte                     `json:"b,omitempty"`
	Cookies map[string]string          `json:"c,omitempty"`
	Proxy   string                     `json:"p,omitempty"`
	Timeout time.Duration              `json:"t,omitempty"`
	Meta    map[string]json.RawMessage `json:"x,omitempty"`
	Depth   int                        `json:"d,omitempty"`
	Referer string                     `json:"r,omitempty"`
	Chain   []string                   `json:"v,omitempty"` // URLs that redirected here, oldest first
	Plain   bool                       `json:"g,omitempty"` // the chain began with an ordinary filtered GET
}

// payload encodes the request.
func (st *stored) payload() ([]byte, error) {
	if st.isPlain() {
		return st.plain(), nil
	}
	return json.Marshal(*st) // a copy: the others need not leave the stack
}

// isPlain reports a request of nothing but URL, depth and referer, in characters that
// JSON leaves as they are. Most are.
func (st *stored) isPlain() bool { return st.isLink() && isLiteral(st.Referer) }

// isLink is isPlain whatever the referer.
func (st *stored) isLink() bool {
	return st.Method == "" && st.Proxy == "" && st.Timeout == 0 && !st.Plain &&
		st.Header == nil && st.Body == nil && st.Cookies == nil && st.Meta == nil && st.Chain == nil &&
		isLiteral(st.URL)
}

// plain is payload for a plain request: a page has dozens of them, and reflection is slow.
func (st *stored) plain() []byte {
	b := make([]byte, 0, len(`{"u":"","d":,"r":""}`)+len(st.URL)+len(st.Referer)+len("1000000"))
	b = append(append(append(b, `{"u":"`...), st.URL...), '"')
	if st.Depth != 0 {
		b = strconv.AppendInt(append(b, `,"d":`...), int64(st.Depth), 10)
	}
	if st.Referer != "" {
		b = append(append(append(b, `,"r":"`...), st.Referer...), '"')
	}
	return append(b, '}')
}

// isLiteral reports whether a string stands in JSON as it is. It looks at eight bytes
// at a time, since every link of a page comes by here with its referer.
func isLiteral(s string) bool {
	for ; len(s) >= 8; s = s[8:] {
		if strange([8]byte([]byte(s[:8]))) {
			return false
		}
	}
	last := [8]byte{'_', '_', '_', '_', '_', '_', '_', '_'}
	copy(last[:], s)
	return !strange(last)
}

// strange reports a byte that JSON escapes or that is not ASCII: below ' ', above
// '~', '"' or '\\'.
func strange(chars [8]byte) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	w := binary.LittleEndian.Uint64(chars[:])
	zero := func(w uint64) uint64 { return (w - ones) &^ w } // has the high bit of the first byte that is 0
	found := w | (w + ones) | (w - ' '*ones) | zero(w^('"'*ones)) | zero(w^('\\'*ones))
	return found&high != 0
}

// origin says where a request was found.
type origin struct {
	depth   int
	referer string
	chain   []string
	plain   bool
}

// encode turns a request into a task.
func (s *Spider) encode(r *Request, from origin) (t frontier.Task, err error) {
	var st stored
	if err := s.task(r, &from, &t, &st); err != nil {
		return t, err
	}
	return t, st.pack(&t)
}

// task is encode without the payload. It is where a request's faults show. It fills in
// t and st, which are zero.
func (s *Spider) task(r *Request, from *origin, t *frontier.Task, st *stored) error {
	if err := r.store(st); err != nil {
		return err
	}
	st.Depth, st.Referer, st.Chain, st.Plain = from.depth, from.referer, from.chain, from.plain
	if _, ok := s.handler(r.Handler); !ok {
		return fmt.Errorf("request %s: handler %q is not registered (there are %q)", r.URL, r.Handler, s.handlerNames())
	}
	if _, ok := s.Sessions[r.Session]; !ok && r.Session != "" {
		return fmt.Errorf("request %s: session %q is not registered", r.URL, r.Session)
	}
	if r.Priority > frontier.MaxPriority || r.Priority < -frontier.MaxPriority {
		return fmt.Errorf("request %s: priority %d is beyond ±%d", r.URL, r.Priority, frontier.MaxPriority)
	}
	t.Handler, t.Session = strings.Clone(r.Handler), strings.Clone(r.Session) // they may be parts of the page
	t.Priority, t.Unfiltered = int32(r.Priority), r.DontFilter
	return s.identify(t, st)
}

// identify fills in the host and the identity of a stored request.
func (s *Spider) identify(t *frontier.Task, st *stored) error {
	fp, host, err := s.recipe().Identify(links.Identity{
		Method: st.Method, URL: st.URL, Body: st.Body, Session: t.Session,
		Header: st.Header,
	})
	if err != nil {
		return fmt.Errorf("request: %w", err)
	}
	t.Host, t.Fingerprint = host, fp
	if len(s.Handlers) > 0 {
		name := s.present(t.Handler)
		t.Mark = handlerMark(t.Fingerprint, name)
		if t.Front || t.Unfiltered { // others have a new mark whenever they are new
			for _, old := range s.former(name) {
				t.Former = append(t.Former, handlerMark(t.Fingerprint, old))
			}
		}
	}
	return nil
}

// pack fills in the payload.
func (st *stored) pack(t *frontier.Task) (err error) {
	if t.Payload, err = st.payload(); err != nil {
		return fmt.Errorf("request %s: encode: %w", st.URL, err)
	}
	return nil
}

// handlerMark is the identity of "this request, for this handler". A redirect asks
// for it, since its target may be known for another handler only.
func handlerMark(fp frontier.Fingerprint, handler string) frontier.Fingerprint {
	h := xxh3.HashString128(string(fp[:]) + "\x00" + handler)
	return frontier.Fingerprint(h.Bytes())
}

// store brings a request into its stored form.
func (r *Request) store(st *stored) (err error) {
	u := r.URL
	if len(r.Params) > 0 {
		u = addParams(u, r.Params)
	}
	if !r.resolved || len(r.Params) > 0 {
		if u, err = links.Resolve(u, u); err != nil {
			return fmt.Errorf("request: %w", err)
		}
	}
	st.URL, st.Proxy, st.Timeout, st.Body, st.Header = u, r.Proxy, r.Timeout, r.Body, r.Header
	if r.isBare() {
		return nil
	}
	if m := strings.ToUpper(r.Method); m != http.MethodGet {
		st.Method = m // GET is what no method means
	}
	if r.Timeout < 0 {
		return fmt.Errorf("request %s: Timeout %v is negative", u, r.Timeout)
	}
	if err := r.encodeBody(st); err != nil {
		return err
	}
	for _, c := range r.Cookies {
		if st.Cookies == nil {
			st.Cookies = map[string]string{}
		}
		st.Cookies[c.Name] = c.Value
	}
	if err := st.storable(r.Method); err != nil {
		return err
	}
	for k, v := range r.Meta {
		data, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("request %s: Meta[%q]: %w", u, k, err)
		}
		if st.Meta == nil {
			st.Meta = map[string]json.RawMessage{}
		}
		st.Meta[k] = data
	}
	return nil
}

// isBare reports a request that says no more about the fetch than what to get, as most do.
func (r *Request) isBare() bool {
	return r.Method == "" && r.Proxy == "" && r.Timeout == 0 && r.Header == nil && r.Cookies == nil &&
		r.Body == nil && r.Form == nil && r.JSON == nil && r.Meta == nil
}

// storable refuses text that JSON would change: what is sent must be what was asked for.
func (st *stored) storable(method string) error {
	refuse := func(what string, texts ...string) error {
		for _, text := range texts {
			if !utf8.ValidString(text) {
				return fmt.Errorf("request %s: %s is not UTF-8", st.URL, what)
			}
		}
		return nil
	}
	err := errors.Join(refuse("Method", method), refuse("Proxy", st.Proxy))
	for name, values := range st.Header {
		err = errors.Join(err, refuse("a name in Header", name), refuse("Header "+name, values...))
	}
	for name, value := range st.Cookies {
		err = errors.Join(err, refuse("a cookie", name, value))
	}
	return err
}

func (r *Request) encodeBody(st *stored) error {
	given := 0
	contentType := ""
	if r.Body != nil {
		given++
	}
	if r.Form != nil {
		given++
		st.Body, contentType = []byte(r.Form.Encode()), "application/x-www-form-urlencoded"
	}
	if r.JSON != nil {
		given++
		data, err := json.Marshal(r.JSON)
		if err != nil {
			return fmt.Errorf("request %s: JSON: %w", st.URL, err)
		}
		st.Body, contentType = data, "application/json"
	}
	if given > 1 {
		return fmt.Errorf("request %s: has more than one of Body, Form and JSON", st.URL)
	}
	if contentType != "" && st.Header.Get("Content-Type") == "" {
		st.Header = st.Header.Clone()
		if st.Header == nil {
			st.Header = http.Header{}
		}
		st.Header.Set("Content-Type", contentType)
	}
	return nil
}

// addParams appends parameters to a URL's query, before its fragment.
func addParams(raw string, params url.Values) string {
	raw, fragment, hasFragment := strings.Cut(raw, "#")
	sep := "?"
	if strings.Contains(raw, "?") {
		sep = "&"
	}
	raw += sep + params.Encode()
	if hasFragment {
		raw += "#" + fragment
	}
	return raw
}

// parse reads what payload wrote.
func (st *stored) parse(payload []byte) error {
	if st.parsePlain(string(payload)) {
		return nil
	}
	*st = stored{}
	return json.Unmarshal(payload, st)
}

// parsePlain reads what most requests are, see payload, and reports whether it is that.
func (st *stored) parsePlain(text string) bool {
	rest, ok := strings.CutPrefix(text, `{"u":"`)
	if !ok || strings.IndexByte(text, '\\') >= 0 {
		return false
	}
	if st.URL, rest, ok = strings.Cut(rest, `"`); !ok || !isLiteral(st.URL) {
		return false
	}
	if digits, after, ok := cutNumber(rest, `,"d":`); ok {
		st.Depth, rest = digits, after
	}
	if after, ok := strings.CutPrefix(rest, `,"r":"`); ok {
		if st.Referer, rest, ok = strings.Cut(after, `"`); !ok || !isLiteral(st.Referer) {
			return false
		}
	}
	return rest == "}"
}

// cutNumber cuts a name and a number of a few digits from the front of a text.
func cutNumber(text, name string) (n int, rest string, ok bool) {
	digits, ok := strings.CutPrefix(text, name)
	if !ok {
		return 0, text, false
	}
	i := 0
	for ; i < len(digits) && i < 9 && '0' <= digits[i] && digits[i] <= '9'; i++ {
		n = 10*n + int(digits[i]-'0')
	}
	return n, digits[i:], i > 0 && digits[0] != '0'
}

// decode reads a task's payload back.
func decode(t *frontier.Task) (*Request, *stored, error) {
	st := new(stored)
	if err := st.parse(t.Payload); err != nil {
		return nil, nil, fmt.Errorf("%w: request %d cannot be read: %w", ErrDamaged, t.Seq, err)
	}
	r := &Request{
		URL: st.URL, Method: st.Method, Header: st.Header, Body: st.Body, Proxy: st.Proxy, Timeout: st.Timeout,
		Priority: int(t.Priority), DontFilter: t.Unfiltered, Session: t.Session, Handler: t.Handler,
	}
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	for name, value := range st.Cookies {
		r.Cookies = append(r.Cookies, &http.Cookie{Name: name, Value: value}) //nolint:gosec // sent, not set
	}
	for k, data := range st.Meta {
		if r.Meta == nil {
			r.Meta = map[string]any{}
		}
		dec := json.NewDecoder(strings.NewReader(string(data)))
		dec.UseNumber()
		var v any
		if err := dec.Decode(&v); err != nil && !errors.Is(err, io.EOF) {
			return nil, nil, fmt.Errorf("%w: request %d: meta %q: %w", ErrDamaged, t.Seq, k, err)
		}
		r.Meta[k] = v
	}
	return r, st, nil
}
