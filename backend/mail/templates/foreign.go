package templates

import (
	"net/netip"
	"strings"

	"sana/backend/visitor"
)

// platform says "Firefox on Linux" in the language, or as much of it as is known by name, or "". What a browser calls
// itself is written by whoever asked for the code, and the mail goes to somebody else: any other name could be a text or a
// link of an attacker's in our mail.
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
