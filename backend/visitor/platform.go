package visitor

import (
	"slices"
	"strings"

	"github.com/mileusna/useragent"
)

// The names that are known, as the library writes them. A user agent is whatever a client writes,
// and what is read from it stands in mails to other people and on their pages: only these names do.
var (
	browsers = []string{
		"Android browser", "Chrome", "Edge", "Facebook App", "Firefox", "Headless Chrome",
		"Huawei Browser", "Instagram App",
		"Internet Explorer", "Miui Browser", "Opera", "Opera Mini", "Opera Touch", "Safari",
		"Samsung Browser", "TikTok App", "Vivaldi",
	}
	systems = []string{
		"Android", "BlackBerry", "ChromeOS", "FreeBSD", "Harmony", "Linux", "Windows",
		"Windows Phone",
		"iOS", "macOS",
	}
)

// maxUserAgent is how much of a user agent is read.
const maxUserAgent = 256

// Platform is a browser and its system, each "" where it is not known. A system is not known
// without its browser.
type Platform struct{ Browser, System string }

// PlatformOf reads a user agent.
func PlatformOf(userAgent string) Platform {
	parsed := useragent.Parse(userAgent[:min(len(userAgent), maxUserAgent)])
	return knownPlatform(parsed.Name, parsed.OS)
}

// ParsePlatform reads what String has written.
func ParsePlatform(words string) Platform {
	browser, system, _ := strings.Cut(words, " on ")
	return knownPlatform(browser, system)
}

func knownPlatform(browser, system string) Platform {
	switch {
	case !slices.Contains(browsers, browser):
		return Platform{}
	case !slices.Contains(systems, system):
		return Platform{Browser: browser}
	}
	return Platform{Browser: browser, System: system}
}

// String is "Firefox on Linux", or as much of it as is known.
func (p Platform) String() string {
	if p.System == "" {
		return p.Browser
	}
	return p.Browser + " on " + p.System
}
