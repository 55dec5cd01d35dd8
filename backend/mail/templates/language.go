package templates

import (
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// maxAcceptLanguage bounds the bytes of the header that are parsed. Browsers send less.
const maxAcceptLanguage = 200

// languages are the languages of the messages; the first, English, is the fallback.
var languages = []string{"en", "de", "fr", "es", "ja"}

// Languages returns the languages (BCP 47) that messages are written in, "en" first.
func Languages() []string { return slices.Clone(languages) }

// MatchLanguage returns that one of Languages which suits an Accept-Language header (RFC 9110,
// 12.5.4) best: "en" where none does, where there is no header, and where it cannot be read.
func MatchLanguage(acceptLanguage string) string {
	if len(acceptLanguage) > maxAcceptLanguage {
		whole := strings.LastIndexByte(acceptLanguage[:maxAcceptLanguage], ',')
		acceptLanguage = acceptLanguage[:max(whole, 0)]
	}
	wanted, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return languages[0]
	}
	_, index, _ := matcher.Match(wanted...)
	return languages[index]
}

// matcher knows languages in their order. It is made once: making one takes far longer than asking
// it.
var matcher = newMatcher()

func newMatcher() language.Matcher {
	var written []language.Tag
	for _, l := range languages {
		written = append(written, language.MustParse(l))
	}
	return language.NewMatcher(written)
}
