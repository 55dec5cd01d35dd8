package visitor

import "testing"

func TestAPlatformIsSaidByNamesThatWeKnowOrNotAtAll(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0": "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) " +
			"Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0": "Edge on Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 " +
			"(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1": "Safari on iOS",
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) " +
			"Chrome/126.0.0.0 Mobile Safari/537.36": "Chrome on Android",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 " +
			"(KHTML, like Gecko) Version/17.5 Safari/605.1.15": "Safari on macOS",
		"":                                       "",
		"curl/8.1":                               "",
		"Your account is at risk, call 555 0100": "",
		"Win a prize at evil/1 (Windows NT 10.0)":    "",
		"\x00\xff\xfe Mozilla/5.0 (Windows NT 10.0)": "",
	} {
		got := PlatformOf(agent)
		if got.String() != want {
			t.Errorf("%q: got %q, want %q", agent, got, want)
		}
		if read := ParsePlatform(got.String()); read != got {
			t.Errorf("%q: written and read it is %+v, want %+v", agent, read, got)
		}
	}
	for _, words := range []string{"Win a prize on Windows",
		"Firefox on a phone of yours at evil.example", " on Linux", "Firefox on "} {
		if got := ParsePlatform(words).String(); got != "" && got != "Firefox" {
			t.Errorf("%q is read as %q", words, got)
		}
	}
}

// Whatever a client writes, only our own words come out, and soon.
func FuzzOnlyKnownNamesComeOut(f *testing.F) {
	for _, seed := range []string{"",
		"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
		"Firefox on Linux",
		"\x00((((/1;"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, got := range []Platform{PlatformOf(text), ParsePlatform(text)} {
			if got != knownPlatform(got.Browser, got.System) {
				t.Errorf("%q becomes %+v", text, got)
			}
		}
	})
}
