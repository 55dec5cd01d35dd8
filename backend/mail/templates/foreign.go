package templates

import (
	"net/netip"
	"strings"

	"sana/backend/visitor"
)

// platform returns "Firefox on Linux" in the language, or the part that is a known name, or "". A
// client chooses its User-Agent and the recipient of the mail: an unknown name could be an
// attacker's text or link in our mail.
func (c catalogue) platform(browser string) (string, error) {
	p := visitor.ParsePlatform(browser)
	if p.System == "" {
		return p.Browser, nil
	}
	return c.say("platform", map[string]string{"browser": p.Browser, "system": p.System})
}

// plainIP is an IP address as people know it, "" when s is none.
func plainIP(s string) string {
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return ""
	}
	return ip.Unmap().WithZone("").String()
}

// mask hides who has an address: "g•••@people.example".
func mask(address string) string {
	at := strings.LastIndexByte(address, '@')
	return address[:1] + "•••" + address[at:]
}
