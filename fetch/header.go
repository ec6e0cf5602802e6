package fetch

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// field is one header field of the session, under the name it was given and
// the canonical one it is compared by.
type field struct {
	name, canonical string
	values          []string
}

func sessionFields(userAgent string, header http.Header) []field {
	fields := []field{
		{"User-Agent", "User-Agent", []string{userAgent}},
		{"Accept", "Accept", []string{defaultAccept}},
		{"Accept-Encoding", "Accept-Encoding", []string{defaultAcceptEncoding}},
	}
	for name, values := range header {
		canonical := http.CanonicalHeaderKey(name)
		fields = slices.DeleteFunc(fields, func(f field) bool { return f.canonical == canonical && f.name != name })
		own := field{name, canonical, slices.Clone(values)}
		if i := slices.IndexFunc(fields, func(f field) bool { return f.name == name }); i >= 0 {
			fields[i] = own
		} else {
			fields = append(fields, own)
		}
	}
	return fields
}

// header merges the session's fields, the request's, and the cookies.
func (s *HTTP) header(req *Request, target *url.URL, now time.Time) (http.Header, error) {
	if err := validHeader(req.Header); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	for _, c := range req.Cookies {
		if !httpguts.ValidHeaderFieldName(c.Name) {
			return nil, fmt.Errorf("cookie: %q is not a name", c.Name)
		}
	}
	h := maps.Clone(s.plain)
	s.override(h, req.Header)
	if h.Get("Range") != "" && req.Header.Get("Accept-Encoding") == "" {
		// A part of a compressed body cannot be decompressed.
		h["Accept-Encoding"] = []string{"identity"}
	}
	if user := target.User; user != nil && h.Get("Authorization") == "" {
		password, _ := user.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		h["Authorization"] = []string{"Basic " + credentials}
	}
	s.addCookies(h, req, target, now)
	return h, nil
}

// plainHeader is what is sent of a session's fields when a request has none of its own.
func plainHeader(fields []field) http.Header {
	h := make(http.Header, len(fields)+1)
	for _, f := range fields {
		put(h, f.name, f.canonical, f.values)
	}
	return h
}

// override puts a request's own fields over the session's.
func (s *HTTP) override(h, own http.Header) {
	for name := range own {
		canonical := http.CanonicalHeaderKey(name)
		for _, f := range s.fields {
			if f.canonical == canonical && f.name != name {
				delete(h, f.name)
				delete(h, canonical) // which may say that it is there under that name
			}
		}
	}
	for name, values := range own {
		put(h, name, http.CanonicalHeaderKey(name), values)
	}
}

// put gives a field to a header under its name. Fields that net/http looks up by their
// canonical name go under that one, so that one written otherwise is not sent twice, and
// those that frame the message nowhere.
func put(h http.Header, name, canonical string, values []string) {
	switch canonical {
	case "Content-Length", "Transfer-Encoding", "Trailer":
		return
	case "Host", "Cookie", "Authorization":
		name = canonical
	case "User-Agent":
		if own, ok := h[canonical]; name == canonical && ok && own == nil {
			return // it is there under another name
		}
		if name != canonical {
			h[canonical] = nil // keeps net/http from adding its own
		}
	}
	h[name] = values
}

// addCookies joins the cookies of a Cookie field, of the request, and of the
// jar; where names meet, the first of them wins.
func (s *HTTP) addCookies(h http.Header, req *Request, target *url.URL, now time.Time) {
	var stored []*http.Cookie
	if s.jar != nil {
		stored = s.jar.match(target, now)
	}
	if len(stored) == 0 && len(req.Cookies) == 0 {
		return
	}
	var parts, taken []string
	for _, line := range h["Cookie"] {
		parts = append(parts, line)
		for pair := range strings.SplitSeq(line, ";") {
			name, _, _ := strings.Cut(pair, "=")
			taken = append(taken, strings.TrimSpace(name))
		}
	}
	for _, cookies := range [][]*http.Cookie{req.Cookies, stored} {
		first := len(taken) // one source may hold a name twice, under two paths
		for _, c := range cookies {
			if slices.Contains(taken[:first], c.Name) {
				continue
			}
			pair := http.Cookie{Name: c.Name, Value: c.Value, Quoted: c.Quoted} //nolint:gosec // to a server, where attributes are not sent
			parts = append(parts, pair.String())
			taken = append(taken, c.Name)
		}
	}
	if len(parts) > 0 {
		h["Cookie"] = []string{strings.Join(parts, "; ")}
	}
}
