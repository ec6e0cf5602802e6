package testsite

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// answer is what a request gets.
type answer struct {
	status   int
	page     string // the page's path, "" for what is not a page
	location string // of a redirect
	cookie   *http.Cookie
	kind     string // content type
	body     []byte
	breakOff bool // half of the body, then the connection is closed
}

// ServeHTTP answers one request. A scripted break-off panics with
// [http.ErrAbortHandler], as net/http asks of handlers that want to close the
// connection; callers other than an [http.Server] have to recover it.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hit := Hit{
		Time: time.Now(), Method: r.Method, Path: r.URL.RequestURI(), Host: r.Host, Cookie: s.loggedIn(r),
	}
	var reply answer
	err := s.wait(r.Context(), canonical(r.URL))
	if err == nil {
		reply = s.answer(r)
		err = s.deliver(w, r, reply)
	}
	if err == nil {
		hit.Status = reply.status
	}
	s.record(hit, reply.page)
	if reply.breakOff {
		panic(http.ErrAbortHandler)
	}
}

// wait spends the latency of a URL.
func (s *Site) wait(ctx context.Context, path string) error {
	delay := s.cfg.Latency
	if s.cfg.Jitter > 0 {
		delay += time.Duration(chance(s.cfg.Seed, forLatency, hashString(path)) * float64(s.cfg.Jitter))
	}
	if delay <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Site) answer(r *http.Request) answer {
	path := r.URL.Path
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return failure(http.StatusMethodNotAllowed)
	case path == "/robots.txt" && s.cfg.RobotsTxt != "":
		return answer{status: http.StatusOK, kind: "text/plain; charset=utf-8", body: []byte(s.cfg.RobotsTxt)}
	case path == "/robots.txt":
		return failure(http.StatusNotFound)
	case path == "/login":
		return s.login(r.URL.Query().Get("next"))
	case s.cfg.Login && !s.loggedIn(r):
		return redirect("/login?next=" + url.QueryEscape(r.URL.RequestURI()))
	case strings.HasPrefix(path, "/r/"):
		return s.hop(strings.TrimPrefix(path, "/r/"))
	default:
		return s.page(r.URL)
	}
}

func failure(status int) answer {
	return answer{
		status: status,
		kind:   "text/html; charset=utf-8",
		body:   fmt.Appendf(nil, "<!DOCTYPE html>\n<title>%d</title>\n<p>%s</p>\n", status, http.StatusText(status)),
	}
}

func redirect(to string) answer {
	reply := failure(http.StatusFound)
	reply.location = to
	return reply
}

func (s *Site) loggedIn(r *http.Request) bool {
	cookie, err := r.Cookie(s.cookie.Name)
	return err == nil && cookie.Value == s.cookie.Value
}

// login lets everybody in and leads back to where they came from, which has to
// be a path on this site.
func (s *Site) login(next string) answer {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") {
		return failure(http.StatusBadRequest)
	}
	reply := redirect(next)
	reply.cookie = &s.cookie
	return reply
}

// hop answers /r/N, which leads to page N, for one N in four by way of /r/N/on.
func (s *Site) hop(rest string) answer {
	number, again := strings.CutSuffix(rest, "/on")
	i, ok := s.pageNumber(number)
	if !ok {
		return failure(http.StatusNotFound)
	}
	twice := mix(s.cfg.Seed, forHop, uint64(i))%4 == 0
	switch {
	case twice && !again:
		return redirect("/r/" + number + "/on")
	case again && !twice:
		return failure(http.StatusNotFound)
	default:
		return redirect(s.Path(i))
	}
}

func (s *Site) page(u *url.URL) answer {
	i, ok := 0, true
	if u.Path != "/" {
		number, found := strings.CutPrefix(u.Path, "/page/")
		i, ok = s.pageNumber(number)
		ok = ok && found && i > 0
	}
	if !ok || canonical(u) != s.Path(i) {
		return failure(http.StatusNotFound)
	}
	reply := failure(s.brokenStatus(i))
	if !s.broken(i) {
		reply = answer{status: http.StatusOK, kind: "text/html; charset=utf-8", body: s.render(i)}
		if s.fails(i) && s.firstTime(s.Path(i)) {
			if s.breaksOff(i) {
				reply.breakOff = true
			} else {
				reply = failure(http.StatusServiceUnavailable)
			}
		}
	}
	reply.page = s.Path(i)
	return reply
}

// pageNumber reads the one decimal spelling of a page's number.
func (s *Site) pageNumber(text string) (int, bool) {
	i, err := strconv.Atoi(text)
	return i, err == nil && strconv.Itoa(i) == text && s.exists(i)
}

// fails reports whether the first answer of page i fails.
func (s *Site) fails(i int) bool {
	return chance(s.cfg.Seed, forFault, uint64(i)) < s.cfg.RetryRate
}

func (s *Site) breaksOff(i int) bool {
	return mix(s.cfg.Seed, forFault, uint64(i))%2 == 0
}

// canonical is path and query with the query's keys in order.
func canonical(u *url.URL) string {
	query := u.Query().Encode()
	if query == "" {
		return u.Path
	}
	return u.Path + "?" + query
}

// deliver sends the answer; an error means that it was not sent whole.
func (s *Site) deliver(w http.ResponseWriter, r *http.Request, reply answer) error {
	header := w.Header()
	header.Set("Content-Type", reply.kind)
	if reply.location != "" {
		header.Set("Location", reply.location)
	}
	if reply.cookie != nil {
		http.SetCookie(w, reply.cookie)
	}
	body := reply.body
	if s.cfg.Gzip && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		header.Set("Content-Encoding", "gzip")
		header.Set("Vary", "Accept-Encoding")
		compressed, err := s.compress(body)
		if err != nil {
			return fmt.Errorf("compress body: %w", err)
		}
		body = compressed
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(reply.status)
	if reply.breakOff {
		return breakOff(w, body)
	}
	if _, err := w.Write(body); err != nil {
		return fmt.Errorf("send body: %w", err)
	}
	return r.Context().Err()
}

// breakOff sends half of a body. A connection that broke before the headers
// would be hidden by clients that silently ask again; this one cannot be.
func breakOff(w http.ResponseWriter, body []byte) error {
	if _, err := w.Write(body[:len(body)/2]); err != nil {
		return fmt.Errorf("send half a body: %w", err)
	}
	if err := http.NewResponseController(w).Flush(); err != nil {
		return fmt.Errorf("send half a body: %w", err)
	}
	return io.ErrUnexpectedEOF
}

func (s *Site) compress(body []byte) ([]byte, error) {
	var b bytes.Buffer
	writer, ok := s.writers.Get().(*gzip.Writer)
	if !ok {
		writer = gzip.NewWriter(nil)
	}
	defer s.writers.Put(writer)
	writer.Reset(&b)
	if _, err := writer.Write(body); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
