package mail

import (
	"net/netip"
	"slices"
	"strings"
)

// browsers and systems are the names that a message repeats. What a browser calls itself is written by whoever asked for
// the code, and the mail goes to somebody else: any other name could be a text or a link of an attacker's in our mail.
var (
	browsers = []string{
		"Android browser", "Chrome", "Edge", "Facebook App", "Firefox", "Headless Chrome", "Huawei Browser", "Instagram App",
		"Internet Explorer", "Miui Browser", "Opera", "Opera Mini", "Opera Touch", "Safari", "Samsung Browser", "TikTok App", "Vivaldi",
	}
	systems = []string{
		"Android", "BlackBerry", "ChromeOS", "FreeBSD", "Harmony", "Linux", "Windows", "Windows Phone", "iOS", "macOS",
	}
)

// platform says "Firefox on Linux" in the language, or as much of it as is known by name, or "".
func (c catalogue) platform(browser string) (string, error) {
	name, system, both := strings.Cut(browser, " on ")
	switch {
	case !slices.Contains(browsers, name):
		return "", nil
	case !both || !slices.Contains(systems, system):
		return name, nil
	}
	return c.say("platform", map[string]string{"browser": name, "system": system})
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
