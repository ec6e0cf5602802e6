package fetch

import (
	"fmt"
	"io"
	"net/http"
)

const (
	// trustedLength is how much memory a Content-Length alone can ask for.
	trustedLength = 1 << 20
	// wireSlack is how much longer than its decompressed form a body may be on
	// the wire. Without a bound a compressed stream that never yields a byte
	// would be read for ever.
	wireSlack = 64 << 10
	// maxPooled is the largest buffer kept for the next body.
	maxPooled = 1 << 20
)

// bodyLimit says how much of a body is read, and what becomes of a larger one.
type bodyLimit struct {
	bytes    int64
	truncate bool // keep its beginning
}

// readBody reads and decompresses the body of in into res.
func (s *HTTP) readBody(call *exchange, in *http.Response, res *Response, method string, limit bodyLimit) error {
	if method == http.MethodHead || in.StatusCode == http.StatusNoContent || in.StatusCode == http.StatusNotModified {
		return nil
	}
	codings, err := parseCodings(in.Header["Content-Encoding"])
	if err != nil {
		return err
	}
	call.body = wireReader{src: in.Body, limit: limit.bytes + wireSlack, call: call}
	source := &call.body
	if len(codings) == 0 {
		if in.ContentLength > limit.bytes && !limit.truncate {
			return tooLarge(limit.bytes)
		}
		err := s.codecs.readAll(res, source, in.ContentLength, limit)
		res.WireBytes = source.count
		return err
	}
	decoded, release, err := s.codecs.open(source, codings, source.limit)
	if err == nil {
		err = s.codecs.readAll(res, decoded, -1, limit)
	}
	release()
	if err == nil {
		source.finish()
	}
	res.WireBytes = source.count
	return err
}

// judge decides what becomes of a body that was read up to its limit.
func (l bodyLimit) judge(body []byte, err error) ([]byte, error) {
	switch {
	case err == nil:
		return body, nil
	case l.truncate && kindOf(err, 0) == KindTooLarge:
		return body[:min(int64(len(body)), l.bytes)], nil
	default:
		return nil, err
	}
}

func tooLarge(limit int64) error {
	return kindErrorf(KindTooLarge, "body is larger than %d bytes", limit)
}

// layer bounds what one of several decompressors yields to the next. Without a
// bound, little on the wire could keep them busy with much that becomes nothing.
type layer struct {
	src  io.Reader
	left int64
	most int64
}

func (l *layer) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, kindErrorf(KindTooLarge, "body is larger than %d bytes between decompressions", l.most)
	}
	n, err := l.src.Read(p)
	l.left -= int64(n)
	return n, err
}

// wireReader counts and bounds the bytes of a body as they arrive, and tells the
// exchange while it waits for them.
type wireReader struct {
	src   io.Reader
	limit int64
	count int64
	call  *exchange
}

func (w *wireReader) Read(p []byte) (int, error) {
	if w.count > w.limit {
		return 0, kindErrorf(KindTooLarge, "body is larger than %d bytes before decompression", w.limit)
	}
	w.call.await()
	n, err := w.src.Read(p)
	w.call.arrived()
	w.count += int64(n)
	return n, err
}

// finish reads on to the end of a body whose decompressed content is complete,
// so that its connection can be used again. Whatever is found is of no account:
// at worst the connection is closed.
func (w *wireReader) finish() {
	_, _ = io.CopyN(io.Discard, w, wireSlack)
}

// readAll reads r to its end into res. length is what r is said to hold, or less
// than 1 if nothing is.
func (c *codecs) readAll(res *Response, r io.Reader, length int64, limit bodyLimit) (err error) {
	if length > 0 {
		// One byte more, so that the end is seen without growing.
		res.lend(&c.bodies, min(length, trustedLength)+1)
		res.Body, err = appendAll(res.Body, r, limit.bytes)
		res.Body, err = limit.judge(res.Body, err)
		return err
	}
	scratch, ok := c.scratch.Get().(*[]byte)
	if !ok {
		scratch = new([]byte)
		*scratch = make([]byte, 0, 64<<10)
	}
	buf, err := appendAll((*scratch)[:0], r, limit.bytes)
	if cap(buf) <= maxPooled {
		*scratch = buf
		defer c.scratch.Put(scratch)
	}
	if buf, err = limit.judge(buf, err); err != nil || len(buf) == 0 {
		return err
	}
	if cap(buf) > maxPooled {
		res.Body = buf // too large to keep: given away instead of copied
		return nil
	}
	res.lend(&c.bodies, int64(len(buf)))
	res.Body = append(res.Body, buf...)
	return nil
}

func appendAll(buf []byte, r io.Reader, limit int64) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):min(int64(cap(buf)), limit+1)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > limit:
			return buf, tooLarge(limit)
		case err == io.EOF: // a wrapped one is a failure, not an end
			return buf, nil
		case err != nil:
			return buf, fmt.Errorf("read body: %w", err)
		}
	}
}
