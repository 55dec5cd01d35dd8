package mail

import (
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// maxAcceptLanguage is how much of such a header is read. Browsers send less; the rest is somebody's attempt to make us
// work.
const maxAcceptLanguage = 200

// languages are those that messages are written in; English, the first, is for whoever reads none of them.
var languages = []string{"en", "de", "fr", "es", "ja"}

// Languages returns the languages (BCP 47) that messages are written in, "en" first.
func Languages() []string { return slices.Clone(languages) }

// MatchLanguage returns that one of Languages which suits an Accept-Language header (RFC 9110, 12.5.4) best: "en" where
// none does, where there is no header, and where it cannot be read.
func MatchLanguage(acceptLanguage string) string {
	if len(acceptLanguage) > maxAcceptLanguage {
		whole := strings.LastIndexByte(acceptLanguage[:maxAcceptLanguage], ',')
		acceptLanguage = acceptLanguage[:max(whole, 0)]
	}
	wanted, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return languages[0]
	}
	var written []language.Tag
	for _, l := range languages {
		written = append(written, language.MustParse(l))
	}
	_, index, _ := language.NewMatcher(written).Match(wanted...)
	return languages[index]
}
