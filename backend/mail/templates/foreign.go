package templates

import (
	"cmp"
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

// PasskeyName returns the name of a new passkey in a language: its maker's, or the browser and
// system that it was made with, else the word "passkey". maker must be no text of a client.
func (t *Set) PasskeyName(language, maker string) (string, error) {
	return t.languages[language].passkey(maker)
}

func (c catalogue) passkey(maker string) (string, error) {
	name, err := c.platform(maker)
	if err == nil && name+maker == "" {
		name, err = c.say("passkey", nil)
	}
	return cmp.Or(name, maker), err
}

// plainIP formats an IP address, and returns "" if s is none.
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
