package visitor

import (
	"net/netip"
	"strings"
)

// tiers are the IPv6 prefixes that one customer may hold, narrow to wide: a /64 is one link (RFC
// 4291, 2.5.1), a /56 or a /48 one site (RFC 6177, 2).
var tiers = [...]int{64, 56, 48}

// nat64 is the well-known prefix of IPv4 addresses behind a NAT64 (RFC 6052, 2.1). The local-use
// prefix 64:ff9b:1::/48 (RFC 8215) is another network's business: where in it the IPv4 address
// stands is not known outside.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// ParseAddress reads an address as proxies write it: 192.0.2.1, 192.0.2.1:5678, 2001:db8::1,
// [2001:db8::1] or [2001:db8::1]:443, with or without spaces around it. The result is folded.
func ParseAddress(entry string) (netip.Addr, bool) {
	entry = strings.Trim(entry, " \t")
	if ip, err := netip.ParseAddr(entry); err == nil {
		return FoldAddress(ip), true
	}
	if pair, err := netip.ParseAddrPort(entry); err == nil {
		return FoldAddress(pair.Addr()), true
	}
	inner, opened := strings.CutPrefix(entry, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	ip, err := netip.ParseAddr(inner)
	if err != nil || !opened || !closed || !ip.Is6() {
		return netip.Addr{}, false
	}
	return FoldAddress(ip), true
}

// FoldAddress returns the one form of an address: IPv4 for what only wraps an IPv4 address
// (IPv4-mapped, RFC 4291, 2.5.5.2, and NAT64), and no zone. The zero address stays what it is.
func FoldAddress(ip netip.Addr) netip.Addr {
	ip = ip.WithZone("").Unmap()
	if nat64.Contains(ip) {
		wide := ip.As16()
		return netip.AddrFrom4([4]byte(wide[12:]))
	}
	return ip
}

// NetworksOf returns the networks that an address is counted in, narrow to wide: an IPv4 address
// alone (/32), an IPv6 address with its /64, its /56 and its /48. Their String is the limit's key.
// The zero address belongs to none.
func NetworksOf(ip netip.Addr) []netip.Prefix {
	ip = FoldAddress(ip)
	switch {
	case !ip.IsValid():
		return nil
	case ip.Is4():
		return []netip.Prefix{netip.PrefixFrom(ip, ip.BitLen())}
	}
	groups := make([]netip.Prefix, 0, len(tiers))
	for _, bits := range tiers {
		groups = append(groups, netip.PrefixFrom(ip, bits).Masked())
	}
	return groups
}
