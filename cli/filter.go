package cli

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clew-crawler/clew"
	"github.com/clew-crawler/clew/links"
)

// filterFlags choose entries of a crawl directory. Those not given choose all.
type filterFlags struct {
	host, handler string
	url, reason   string

	urls, reasons *regexp.Regexp
	either        *regexp.Regexp // of URL and reason; nil is none
}

func (f *filterFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.host, "host", "", "only of `HOST`, such as example.com or https://example.com:8080")
	flags.StringVar(&f.handler, "handler", "", "only for the handler `NAME`")
	flags.StringVar(&f.url, "url", "", "only URLs that `PATTERN` matches, a regular expression")
	flags.StringVar(&f.reason, "reason", "", "only failures whose reason `PATTERN` matches, likewise")
}

// compile reads the patterns.
func (f *filterFlags) compile() (err error) {
	if f.urls, err = pattern("--url", f.url); err != nil {
		return err
	}
	f.reasons, err = pattern("--reason", f.reason)
	return err
}

func pattern(flag, text string) (*regexp.Regexp, error) {
	p, err := regexp.Compile(text)
	if err != nil {
		return nil, usage("a pattern in the syntax of Go's regexp package", "%s: %v", flag, err)
	}
	return p, nil
}

// all reports whether everything is chosen.
func (f *filterFlags) all() bool {
	return f.host == "" && f.handler == "" && f.url == "" && f.reason == "" && f.either == nil
}

func (f *filterFlags) matches(e *clew.Entry) bool {
	return (f.host == "" || isHost(e.Host, f.host)) &&
		(f.handler == "" || f.handler == e.Handler) &&
		f.urls.MatchString(e.URL) && f.reasons.MatchString(e.Reason) &&
		(f.either == nil || f.either.MatchString(e.URL) || f.either.MatchString(e.Reason))
}

// isHost reports whether somebody who types name means a host.
func isHost(host, name string) bool {
	_, bare, _ := strings.Cut(host, "://")
	domain := bare
	if i := strings.LastIndexByte(bare, ':'); i >= 0 && !strings.HasSuffix(bare, "]") {
		domain = bare[:i]
	}
	name = strings.ToLower(strings.TrimSuffix(name, "/"))
	return name == host || name == bare || name == domain
}

// failed is a failure as an entry.
func failed(f *clew.Failure) *clew.Entry {
	e := &clew.Entry{Kind: "failed", URL: f.URL, Handler: f.Handler, Reason: f.Reason}
	if e.Handler == "" {
		e.Handler = "Parse"
	}
	if host, err := links.Origin(f.URL); err == nil {
		e.Host = host
	}
	if u, err := url.Parse(f.URL); err == nil && u.User != nil {
		u.User = nil // as it is listed
		e.URL = u.String()
	}
	return e
}
