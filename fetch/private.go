package fetch

import (
	"net/netip"
	"strconv"
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

// PrivateHost reports whether a host is private by its looks: an address that is
// not public, in any spelling that a resolver may take for one (127.1,
// 0x7f000001, 2130706433), or a name for this machine (localhost). Other names
// show what they are only when they are resolved, which is what
// [HTTPOptions.DenyPrivateNetworks] waits for. host is without port, with or
// without the brackets of an IPv6 address.
func PrivateHost(host string) bool {
	host = strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), ".")
	if isLocalhost(host) {
		return true
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return !isPublic(addr)
	}
	addr, ok := looseIPv4(host)
	return ok && !isPublic(addr)
}

// looseIPv4 reads an IPv4 address as C libraries do: of one to four numbers,
// each decimal, octal (017) or hexadecimal (0xf), the last one fills the rest.
func looseIPv4(host string) (netip.Addr, bool) {
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var bits uint64
	for i, part := range parts {
		room := 8
		if i == len(parts)-1 {
			room = 8 * (4 - i)
		}
		n, err := strconv.ParseUint(part, 0, room)
		if err != nil || strings.Contains(part, "_") {
			return netip.Addr{}, false
		}
		bits = bits<<room | n
	}
	return netip.AddrFrom4([4]byte{byte(bits >> 24), byte(bits >> 16), byte(bits >> 8), byte(bits)}), true
}

// isLocalhost knows the names that are loopback by definition, RFC 6761.
func isLocalhost(host string) bool {
	host = strings.TrimSuffix(host, ".")
	return strings.EqualFold(host[strings.LastIndexByte(host, '.')+1:], "localhost")
}
