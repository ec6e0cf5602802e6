package fetch

import (
	"encoding/base64"
	"fmt"
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
func (s *HTTP) header(req *Request, target *url.URL) (http.Header, error) {
	if err := validHeader(req.Header); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	for _, c := range req.Cookies {
		if !httpguts.ValidHeaderFieldName(c.Name) {
			return nil, fmt.Errorf("cookie: %q is not a name", c.Name)
		}
	}
	h := make(http.Header, len(s.fields)+len(req.Header)+1)
	for _, f := range s.fields {
		h[f.name] = f.values
	}
	for name, values := range req.Header {
		canonical := http.CanonicalHeaderKey(name)
		for _, f := range s.fields {
			if f.canonical == canonical && f.name != name {
				delete(h, f.name)
			}
		}
		h[name] = values
	}
	if h.Get("Range") != "" && req.Header.Get("Accept-Encoding") == "" {
		// A part of a compressed body cannot be decompressed.
		h["Accept-Encoding"] = []string{"identity"}
	}
	tameSpecialFields(h)
	if user := target.User; user != nil && h.Get("Authorization") == "" {
		password, _ := user.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		h["Authorization"] = []string{"Basic " + credentials}
	}
	s.addCookies(h, req, target)
	return h, nil
}

// tameSpecialFields puts fields that net/http looks up by their canonical name
// under that name, so that one written otherwise is not sent twice.
func tameSpecialFields(h http.Header) {
	for name, values := range h {
		switch canonical := http.CanonicalHeaderKey(name); canonical {
		case "Content-Length", "Transfer-Encoding", "Trailer":
			delete(h, name)
		case "Host", "Cookie", "Authorization":
			if name != canonical {
				delete(h, name)
				h[canonical] = values
			}
		case "User-Agent":
			if name != canonical {
				h[canonical] = nil // keeps net/http from adding its own
			}
		}
	}
}

// addCookies joins the cookies of a Cookie field, of the request, and of the
// jar; where names meet, the first of them wins.
func (s *HTTP) addCookies(h http.Header, req *Request, target *url.URL) {
	var stored []*http.Cookie
	if s.jar != nil {
		stored = s.jar.match(target, time.Now())
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
