package visitor_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"sana/backend/visitor"
)

// an entry of X-Forwarded-For is read in every form that proxies write, and nothing else is
// an address.
func TestAnEntryOfAProxyIsReadInEveryForm(t *testing.T) {
	t.Parallel()
	for entry, want := range map[string]string{
		"192.0.2.1":            "192.0.2.1",
		" \t192.0.2.1 ":        "192.0.2.1",
		"192.0.2.1:5678":       "192.0.2.1",
		"2001:db8::1":          "2001:db8::1",
		"2001:DB8:0:0::1":      "2001:db8::1",
		"[2001:db8::1]":        "2001:db8::1",
		"[2001:db8::1]:443":    "2001:db8::1",
		"fe80::1%eth0":         "fe80::1",
		"[fe80::1%eth0]:443":   "fe80::1",
		"::ffff:192.0.2.1":     "192.0.2.1",
		"[::ffff:192.0.2.1]:1": "192.0.2.1",
		"::ffff:c000:201":      "192.0.2.1",
		"64:ff9b::192.0.2.1":   "192.0.2.1",
		"64:ff9b::c000:201":    "192.0.2.1",
		"64:ff9b:1::c000:201":  "64:ff9b:1::c000:201",
		"64:ff9b:0:1::1":       "64:ff9b:0:1::1",
		// IPv4-compatible, deprecated by RFC 4291: not an IPv4 address
		"::192.0.2.1":          "::c000:201",
		"":                     "",
		"unknown":              "",
		"_hidden":              "",
		"192.0.2":              "",
		"192.0.2.01":           "",
		"192.0.2.256":          "",
		"0xc0.0.2.1":           "",
		"3221225985":           "",
		"192.0.2.1, 192.0.2.2": "",
		"[192.0.2.1]":          "",
		"[2001:db8::1":         "",
		"2001:db8::1]":         "",
		"[2001:db8::1]:":       "",
		"[2001:db8::1]:x":      "",
		"192.0.2.1:99999":      "",
		"\u00a0192.0.2.1":      "",
		"192.0.2.1\x00":        "",
	} {
		got, ok := visitor.ParseAddress(entry)
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("Parse(%q): got %v %v, want %q", entry, got, ok, want)
		}
	}
}

// other addresses of a network belong to the same groups; IPv4-mapped IPv6 is IPv4.
func TestAddressesOfOneNetworkShareTheirGroups(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.1":             "192.0.2.1/32",
		"::ffff:192.0.2.1":      "192.0.2.1/32",
		"64:ff9b::192.0.2.1":    "192.0.2.1/32",
		"2001:db8:1:2::1":       "2001:db8:1:2::/64 2001:db8:1::/56 2001:db8:1::/48",
		"2001:db8:1:2:a:b:c:d":  "2001:db8:1:2::/64 2001:db8:1::/56 2001:db8:1::/48",
		"2001:db8:1:3::1":       "2001:db8:1:3::/64 2001:db8:1::/56 2001:db8:1::/48",
		"2001:db8:1:1ff::1":     "2001:db8:1:1ff::/64 2001:db8:1:100::/56 2001:db8:1::/48",
		"2001:db8:2:2::1":       "2001:db8:2:2::/64 2001:db8:2::/56 2001:db8:2::/48",
		"64:ff9b:1::c000:201":   "64:ff9b:1::/64 64:ff9b:1::/56 64:ff9b:1::/48",
		"fe80::1%eth0":          "fe80::/64 fe80::/56 fe80::/48",
		"2002:c000:201::1":      "2002:c000:201::/64 2002:c000:201::/56 2002:c000:201::/48",
		"2001:0:5ef5:79fd::abc": "2001:0:5ef5:79fd::/64 2001:0:5ef5:7900::/56 2001:0:5ef5::/48",
	} {
		if got := keys(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
	}
	if got := visitor.NetworksOf(netip.Addr{}); got != nil {
		t.Errorf("no address: got %v", got)
	}
}

func keys(ip netip.Addr) string {
	return strings.Trim(fmt.Sprint(visitor.NetworksOf(ip)), "[]")
}

// A-40, the laws: folding twice is folding once; a folded address reads as itself; a group holds
// its address, and all addresses of the narrowest group have the same groups.
func FuzzAllAddressesOfAGroupHaveTheSameGroups(f *testing.F) {
	for _, seed := range []string{"192.0.2.1", "::ffff:192.0.2.1", "64:ff9b::c000:201",
		"2001:db8::1",
		"fe80::1%eth0", "::", "::1"} {
		ip := netip.MustParseAddr(seed).As16()
		f.Add(ip[:], uint64(1), "eth0")
	}
	f.Fuzz(func(t *testing.T, raw []byte, host uint64, zone string) {
		ip, ok := netip.AddrFromSlice(raw)
		if !ok {
			return
		}
		if ip.Is6() && !ip.Is4In6() {
			ip = ip.WithZone(zone)
		}
		folded := visitor.FoldAddress(ip)
		if again := visitor.FoldAddress(folded); again != folded {
			t.Errorf("Fold(%v) is %v, and folded again %v", ip, folded, again)
		}
		if read, ok := visitor.ParseAddress(folded.String()); !ok || read != folded {
			t.Errorf("%v reads as %v %v", folded, read, ok)
		}
		groups := visitor.NetworksOf(ip)
		for i, group := range groups {
			if !group.Contains(folded) || group != group.Masked() || i > 0 &&
				group.Bits() >= groups[i-1].Bits() {
				t.Errorf("%v is in the groups %v", ip, groups)
			}
		}
		neighbour := groups[0].Addr()
		if neighbour.Is6() {
			wide := neighbour.As16()
			for i := range 8 {
				wide[8+i] = byte(host >> (8 * i))
			}
			neighbour = netip.AddrFrom16(wide)
		}
		if visitor.FoldAddress(neighbour) == neighbour && keys(neighbour) != keys(ip) {
			t.Errorf("%v and %v are neighbours, with the groups %v and %v", ip, neighbour, keys(ip),
				keys(neighbour))
		}
	})
}
