package links

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Origin gives the unit of politeness that a URL belongs to, as
// "https://example.com": scheme and host in lower case and ASCII, the port only
// if it is not the scheme's own, no user name, no slash at the end. The error
// wraps ErrScheme, ErrInvalid or ErrTooLong.
func Origin(rawURL string) (string, error) {
	if m, ok := clean(rawURL); ok {
		return rawURL[:m.path], nil
	}
	s, err := normal(rawURL)
	if err != nil {
		return "", err
	}
	return split(s).origin(), nil
}

func (p pieces) origin() string { return p.scheme + "://" + p.host }

// Hostname gives the host of a URL without port, in lower case and ASCII, an
// IPv6 address without brackets. It is "" for what is no http or https URL.
func Hostname(rawURL string) string {
	s, err := normal(rawURL)
	if err != nil {
		return ""
	}
	name, _ := hostAndPort(s)
	return strings.Trim(name, "[]")
}

// hostAndPort cuts the host of a normal URL from its port, which is the
// scheme's own if the URL names none.
func hostAndPort(s string) (host, port string) {
	p := split(s)
	host, port = cutPort(p.host)
	switch {
	case port != "":
	case p.scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return host, port
}

func cutPort(s string) (host, port string) {
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, ']') {
		return s[:i], s[i+1:]
	}
	return s, ""
}

// Domains is a set of domains, such as those a crawl may visit. Make one with
// ParseDomains. The zero value is the empty set.
type Domains struct {
	entries []domain
}

type domain struct {
	host string // as in a normal URL, without the dot at its end
	port string // "" is any
}

// ParseDomains reads domains as people write them: "example.com",
// "Example.COM", "bücher.example", ".example.com", "[::1]", and with a port,
// "example.com:8080", which then must be that of the URL. The error names every
// entry that is none of these.
func ParseDomains(entries []string) (Domains, error) {
	var d Domains
	var faults []error
	for _, entry := range entries {
		parsed, err := parseDomain(entry)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		d.entries = append(d.entries, parsed)
	}
	return d, errors.Join(faults...)
}

func parseDomain(entry string) (domain, error) {
	host, port := cutPort(strings.TrimPrefix(strings.TrimSpace(entry), "."))
	if port != "" {
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return domain{}, fmt.Errorf("parse domain %q: port: %w", entry, err)
		}
		port = strconv.FormatUint(number, 10)
	}
	if name, _ := cutPort(host); name != host || strings.ContainsAny(host, "/\\?#@*") {
		return domain{}, fmt.Errorf("parse domain %q: want a host name such as example.com", entry)
	}
	s, err := normal("http://" + host + "/")
	if err != nil {
		return domain{}, fmt.Errorf("parse domain %q: %w", entry, err)
	}
	host = strings.TrimSuffix(split(s).host, ".")
	if strings.Contains("."+host+".", "..") { // no name has an empty label
		return domain{}, fmt.Errorf("parse domain %q: want a host name such as example.com", entry)
	}
	return domain{host, port}, nil
}

// Contain reports whether the host of an http or https URL is one of the
// domains or a subdomain of one. "notexample.com" is no subdomain of
// "example.com".
func (d Domains) Contain(rawURL string) bool {
	if len(d.entries) == 0 {
		return false
	}
	s := rawURL
	if end, ok := cleanOrigin(s); !ok || end < len(s) { // an origin, which has no path, is asked about most
		var err error
		if s, err = normal(rawURL); err != nil {
			return false
		}
	}
	host, port := hostAndPort(s)
	host = strings.TrimSuffix(host, ".")
	return slices.ContainsFunc(d.entries, func(entry domain) bool {
		if entry.port != "" && entry.port != port {
			return false
		}
		sub, ok := strings.CutSuffix(host, entry.host)
		return ok && (sub == "" || sub[len(sub)-1] == '.')
	})
}

// DomainAllowed reports whether a URL may be visited where only some domains
// are allowed; an empty list allows every http and https URL. Entries are read
// as by ParseDomains, and one that cannot be read allows nothing.
func DomainAllowed(rawURL string, allowed []string) bool {
	if len(allowed) == 0 {
		_, err := normal(rawURL)
		return err == nil
	}
	// Which entries are faulty is for whoever accepts the list to say.
	domains, _ := ParseDomains(allowed)
	return domains.Contain(rawURL)
}
