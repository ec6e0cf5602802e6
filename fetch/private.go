package fetch

import (
	"net/netip"
	"strings"
)

// notPublic holds what IANA's special-purpose address registries (RFC 6890)
// keep from the public network and netip has no question for. Prefixes that
// embed an IPv4 address (NAT64, 6to4, Teredo) are denied whole: whoever crawls
// public hosts by way of them has other troubles.
//
//nolint:gochecknoglobals // constant table
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("100.64.0.0/10"),   // carrier-grade NAT, RFC 6598
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarking
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, broadcast
	netip.MustParsePrefix("::/96"),           // IPv4-compatible, deprecated
	netip.MustParsePrefix("64:ff9b::/96"),    // NAT64
	netip.MustParsePrefix("64:ff9b:1::/48"),  // NAT64, local use
	netip.MustParsePrefix("100::/64"),        // discard
	netip.MustParsePrefix("2001::/23"),       // protocol assignments, Teredo
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
	netip.MustParsePrefix("2002::/16"),       // 6to4
	netip.MustParsePrefix("fec0::/10"),       // site-local, deprecated
}

func isPublic(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if !addr.IsGlobalUnicast() || addr.IsPrivate() { // not unspecified, loopback, multicast, link-local
		return false
	}
	for _, prefix := range notPublic {
		if prefix.Contains(addr) {
			return false
		}
	}
	return true
}

// checkPublic judges a resolved "address:port", just before connecting to it.
func checkPublic(address string) error {
	resolved, err := netip.ParseAddrPort(address)
	if err != nil {
		return kindErrorf(KindDenied, "judge address: %w", err)
	}
	if !isPublic(resolved.Addr()) {
		return kindErrorf(KindDenied, "%s is not a public address", resolved.Addr())
	}
	return nil
}

// privateName reports whether a host that someone else will resolve is private
// by its looks.
func privateName(host string) bool {
	if isLocalhost(host) {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && !isPublic(addr)
}

// isLocalhost knows the names that are loopback by definition, RFC 6761.
func isLocalhost(host string) bool {
	host = strings.TrimSuffix(host, ".")
	return strings.EqualFold(host[strings.LastIndexByte(host, '.')+1:], "localhost")
}
