package testsite

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ServeHTTP answers for the host that the request names. A fault that an
// [http.ResponseWriter] cannot have panics with [http.ErrAbortHandler].
func (w *Web) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	visit := &Visit{Host: r.Host, Path: r.URL.RequestURI(), Start: time.Now()}
	defer func() {
		visit.End = time.Now()
		w.record(*visit)
	}()
	at, ok := w.find(r.Host, r.URL)
	if !ok {
		reply(rw, visit, http.StatusMisdirectedRequest)
		return
	}
	if pause(r.Context(), w.latency(at.host, r.URL.Path)) != nil {
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		reply(rw, visit, http.StatusMethodNotAllowed)
		return
	}
	w.answer(rw, r, at, visit)
}

func (w *Web) answer(rw http.ResponseWriter, r *http.Request, at webPlace, visit *Visit) {
	switch at.kind {
	case aRobots:
		if text := w.robots(at.host); text != "" {
			send(rw, visit, body{kind: "text/plain; charset=utf-8", data: []byte(text)})
			return
		}
		reply(rw, visit, http.StatusNotFound)
		return
	case aLogin:
		w.login(rw, r, at.host, visit)
		return
	case aSitemap:
		send(rw, visit, w.sitemap(at.host, at.number))
		return
	case nowhere, aPage, aRedirect, aTrap:
	}
	if w.needsLogin(at.host) && !w.loggedIn(r, at.host) {
		forward(rw, visit, http.StatusFound, "/login?next="+url.QueryEscape(at.path))
		return
	}
	switch at.kind {
	case aPage:
		w.answerPage(rw, r, at, visit)
	case aRedirect:
		status, location := w.leadsTo(at)
		forward(rw, visit, status, location)
	case aTrap:
		send(rw, visit, w.trapPage(at.host, at.path))
	case nowhere, aLogin, aRobots, aSitemap:
		reply(rw, visit, http.StatusNotFound)
	}
}

func (w *Web) loggedIn(r *http.Request, h int) bool {
	want := w.cookie(h)
	got, err := r.Cookie(want.Name)
	return err == nil && got.Value == want.Value
}

// login lets everybody in and leads back to where they came from.
func (w *Web) login(rw http.ResponseWriter, r *http.Request, h int, visit *Visit) {
	next := r.URL.Query().Get("next")
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") {
		reply(rw, visit, http.StatusBadRequest)
		return
	}
	http.SetCookie(rw, w.cookie(h))
	forward(rw, visit, http.StatusFound, next)
}

func (w *Web) answerPage(rw http.ResponseWriter, r *http.Request, at webPlace, visit *Visit) {
	fault := w.pageFault(at.host, at.number)
	if !w.befalls(fault, visit.URL()) {
		send(rw, visit, w.page(at.host, at.number, false))
		return
	}
	visit.Fault = fault.Kind
	w.misbehave(rw, r, at, visit)
}

// send delivers a body whole.
func send(rw http.ResponseWriter, visit *Visit, b body) {
	rw.Header().Set("Content-Type", b.kind)
	rw.Header().Set("Content-Length", strconv.Itoa(len(b.data)))
	visit.Status = http.StatusOK
	_, _ = rw.Write(b.data) // a client that left does not want to know
}

// reply delivers a status and a page that says it.
func reply(rw http.ResponseWriter, visit *Visit, status int) {
	visit.Status = status
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.WriteHeader(status)
	_, _ = fmt.Fprintf(rw, "<!DOCTYPE html>\n<title>%d</title>\n<p>%s</p>\n", status, http.StatusText(status)) //nolint:gosec // a status and its name
}

func forward(rw http.ResponseWriter, visit *Visit, status int, location string) {
	rw.Header().Set("Location", location)
	reply(rw, visit, status)
}

// pause waits, unless the client leaves.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// misbehave answers a page as its fault has it.
func (w *Web) misbehave(rw http.ResponseWriter, r *http.Request, at webPlace, visit *Visit) {
	switch visit.Fault {
	case NotFound:
		reply(rw, visit, http.StatusNotFound)
	case ServerError:
		reply(rw, visit, http.StatusInternalServerError)
	case Busy:
		rw.Header().Set("Retry-After", "2")
		reply(rw, visit, http.StatusServiceUnavailable)
	case TooMany:
		rw.Header().Set("Retry-After", "1")
		reply(rw, visit, http.StatusTooManyRequests)
	case Forbidden:
		reply(rw, visit, http.StatusForbidden)
	case Captcha:
		send(rw, visit, body{
			kind: "text/html; charset=utf-8",
			data: []byte("<!DOCTYPE html>\n<title>One moment</title>\n<div class=\"captcha\">Are you a person?</div>\n"),
		})
	case BadMarkup:
		send(rw, visit, w.page(at.host, at.number, true))
	case Drip:
		drip(rw, r, visit, w.page(at.host, at.number, false))
	case Endless:
		pour(rw, visit, "", []byte(strings.Repeat("<p>and so on</p>\n", 2000)), -1)
	case Bomb:
		pour(rw, visit, "gzip", w.bomb(), 1024)
	case Silence:
		<-r.Context().Done()
	case Reset, LongLength, ShortLength, BadChunks, HeaderFlood:
		breakHTTP(rw, visit, w.page(at.host, at.number, false))
	case Refused, NoSuchHost: // befell the host
	}
}

// drip sends a body so slowly that only patience gets it.
func drip(rw http.ResponseWriter, r *http.Request, visit *Visit, b body) {
	const drops, apart = 20, 100 * time.Millisecond
	rw.Header().Set("Content-Type", b.kind)
	rw.Header().Set("Content-Length", strconv.Itoa(len(b.data)))
	visit.Status = http.StatusOK
	for k := range drops {
		from, to := len(b.data)*k/drops, len(b.data)*(k+1)/drops
		if _, err := rw.Write(b.data[from:to]); err != nil {
			return
		}
		if http.NewResponseController(rw).Flush() != nil || pause(r.Context(), apart) != nil {
			return
		}
	}
}

// pour sends the same piece again and again, n times or, if negative, until the
// client has enough.
func pour(rw http.ResponseWriter, visit *Visit, encoding string, piece []byte, n int) {
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	if encoding != "" {
		rw.Header().Set("Content-Encoding", encoding)
	}
	visit.Status = http.StatusOK
	for k := 0; n < 0 || k < n; k++ {
		if _, err := rw.Write(piece); err != nil {
			return
		}
	}
}
