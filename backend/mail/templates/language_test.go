package templates_test

import (
	"slices"
	"strings"
	"testing"

	"sana/backend/mail/templates"
)

func TestTheLanguageOfAMessageIsTheOneTheBrowserAskedFor(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"":                                    "en",
		"de":                                  "de",
		"de-CH, en;q=0.5":                     "de",
		"gsw":                                 "de",
		"fr-CA":                               "fr",
		"es-419,es;q=0.9":                     "es",
		"ja-JP":                               "ja",
		"en-GB,de;q=0.9":                      "en",
		"nl, fr;q=0.8":                        "fr",
		"zh-Hans, ko;q=0.9":                   "en",
		"en;q=0.1, ja;q=0.9":                  "ja",
		"*":                                   "en",
		"*, de":                               "de",
		"de;q=much":                           "en",
		"\x00\xff;;;,,q=":                     "en",
		strings.Repeat("x", 100_000):          "en",
		"ja," + strings.Repeat("de,", 30_000): "ja",
		strings.Repeat("nl,", 300) + "de":     "en", // beyond what is read
	} {
		if got := templates.MatchLanguage(header); got != want {
			t.Errorf("%.40q: got %s, want %s", header, got, want)
		}
	}
}

func TestNobodyElseCanChangeTheLanguages(t *testing.T) {
	t.Parallel()
	templates.Languages()[0] = "xx"
	if got := templates.Languages(); !slices.Equal(got, []string{"en", "de", "fr", "es", "ja"}) {
		t.Errorf("got %v", got)
	}
}

func FuzzAnyHeaderGivesALanguageThatIsWritten(f *testing.F) {
	for _, seed := range []string{"de-CH, en;q=0.5", "*", "i-klingon", "de-u-co-phonebk",
		"x-private",
		"en;q=2", "und", "de,,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if got := templates.MatchLanguage(header); !slices.Contains(templates.Languages(), got) {
			t.Errorf("%q: got %q", header, got)
		}
	})
}
