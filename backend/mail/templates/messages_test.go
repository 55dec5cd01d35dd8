package templates_test

import (
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sana/backend/brand"
	"sana/backend/mail"
	"sana/backend/mail/templates"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

const (
	oldAddress = "ada@people.example"
	// long, for narrow windows
	newAddress = "grace.brewster.murray.hopper@computation.people.example"
)

func parsed(t *testing.T) *templates.Set {
	t.Helper()
	parsed, err := templates.Parse(brand.Default)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// notYou has the form of the token of a link that ends a session.
const notYou = "00112233445566778899aabbccddeeff.1795961159." +
	"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

// aTime is 14:05 in UTC.
func aTime() time.Time {
	return time.Date(2026, 11, 22, 16, 5, 59, 0, time.FixedZone("somewhere", 2*60*60))
}

func parseURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// everyMessage is each message in a language, with all that can be known and with as little as
// there can be.
func everyMessage(t *testing.T, language string) map[string]mail.Message {
	t.Helper()
	const from = "Sana <no-reply@sana.example>"
	write, all := parsed(t), map[string]mail.Message{}
	keep := func(name string, m mail.Message, err error) {
		if err != nil {
			t.Fatalf("%s in %s: %v", name, language, err)
		}
		all[name] = m
	}
	code := aSignInCode(t, "123456", "https://sana.example")
	code.Language, code.Browser = language, "Firefox on Linux"
	m, err := write.SignInCode(oldAddress, from, code)
	keep("code", m, err)
	code.App = "Team & Wiki"
	m, err = write.SignInCode(oldAddress, from, code)
	keep("code_for_app", m, err)
	code.App, code.ForChange = "", true
	m, err = write.SignInCode(oldAddress, from, code)
	keep("code_change", m, err)
	code.ForChange = false
	code.Code, code.Browser = "ABCDEFGHJKMNP", ""
	m, err = write.SignInCode(oldAddress, from, code)
	keep("code_of_letters", m, err)

	device := templates.NewDevice{Language: language, Browser: "Samsung Browser on Android",
		IP:     "2001:db8:85a3:8d3:1319:8a2e:370:7348",
		NotYou: notYou, When: aTime(), PublicURL: code.PublicURL}
	m, err = write.NewDevice(oldAddress, from, device)
	keep("new_device", m, err)
	device.Browser, device.IP, device.NotYou = "", "", ""
	m, err = write.NewDevice(oldAddress, from, device)
	keep("new_device_unknown", m, err)

	changed := templates.AddressChanged{Language: language, Old: oldAddress, New: newAddress,
		When: aTime(), PublicURL: code.PublicURL}
	m, err = write.AddressChanged(oldAddress, from, changed)
	keep("address_changed_old", m, err)
	m, err = write.AddressChanged(newAddress, from, changed)
	keep("address_changed_new", m, err)

	m, err = write.AccountDeleted(oldAddress, from,
		templates.AccountDeleted{Language: language, When: aTime(), PublicURL: code.PublicURL})
	keep("account_deleted", m, err)

	m, err = write.AccountBlocked(oldAddress, from, templates.AccountBlocked{
		Language: language, Browser: "Firefox on Linux", When: aTime(), PublicURL: code.PublicURL,
	})
	keep("account_blocked", m, err)
	m, err = write.AccessKeyMade(oldAddress, from, templates.AccessKeyMade{
		Language: language, Browser: "Firefox on Linux", IP: "203.0.113.7", App: "Team & Wiki",
		ExpiresAt: aTime().AddDate(0, 0, 90), When: aTime(), PublicURL: code.PublicURL,
	})
	keep("access_key_made", m, err)
	for _, name := range templates.SignInChanges() {
		m, err = write.SignInChange(oldAddress, from, templates.SignInChange{
			Name: name, Language: language, Browser: "Firefox on Linux", IP: "203.0.113.7",
			Passkey: "1Password",
			Until:   aTime().Add(24 * time.Hour), StopToken: "0c6b3a52.1a2b", When: aTime(),
			PublicURL: code.PublicURL,
		})
		keep(name, m, err)
	}
	return all
}

// forEveryMessage is a test of its own for each message in each language.
func forEveryMessage(
	t *testing.T, check func(t *testing.T, name, language string, m mail.Message),
) {
	t.Helper()
	for _, language := range templates.Languages() {
		for name, m := range everyMessage(t, language) {
			t.Run(name+"."+language, func(t *testing.T) {
				t.Parallel()
				check(t, name, language, m)
			})
		}
	}
}

func TestEveryMessageReadsAsAgreed(t *testing.T) {
	t.Parallel()
	forEveryMessage(t, func(t *testing.T, name, language string, m mail.Message) {
		golden(t, name+"."+language+".txt", m.Subject+"\n\n"+m.Text+"\n")
		golden(t, name+"."+language+".html", m.HTML)
	})
	messages := everyMessage(t, "en")
	for _, name := range parsed(t).Names() {
		if _, ok := messages[name]; !ok {
			t.Errorf("everyMessage has no mail %s", name)
		}
	}
	want := len(templates.Languages()) * len(messages) * 2
	if files, _ := filepath.Glob("testdata/*.*.*"); len(files) != want && !*update {
		t.Errorf("got %d golden files, want %d: delete those of messages that are gone", len(files),
			want)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (npm run golden writes it); got:\n%s", file, got)
	}
}

func TestEveryMessageIsAddressedAndSaysThatNobodyWroteIt(t *testing.T) {
	t.Parallel()
	forEveryMessage(t, func(t *testing.T, name, _ string, m mail.Message) {
		if got := m.Headers["Auto-Submitted"]; got != "auto-generated" || len(m.Headers) != 1 {
			t.Errorf("got headers %v, want Auto-Submitted: auto-generated alone", m.Headers)
		}
		if m.From != "Sana <no-reply@sana.example>" ||
			(m.To == newAddress) != (name == "address_changed_new") {
			t.Errorf("got to %q, from %q", m.To, m.From)
		}
		if m.Kind == "" || !strings.HasPrefix(name, strings.TrimPrefix(m.Kind, "sign_in_")) {
			t.Errorf("got kind %q", m.Kind)
		}
		if strings.ContainsAny(m.Subject, "\r\n") {
			t.Errorf("got subject %q, want one line", m.Subject)
		}
	})
}

func TestTheHTMLLoadsNothingAndStaysSmall(t *testing.T) {
	t.Parallel()
	loads := regexp.MustCompile(
		`(?i)<(img|link|script|iframe|object|video|svg|form)\b|\bsrc(set)?\s*=|url\(|` +
			`@import|@font-face|background=`)
	address := regexp.MustCompile(`(?i)(https?:)?//[^"' <\n]+`)
	links := map[string]string{
		"code":               "https://sana.example/verify#c=123456",
		"code_change":        "https://sana.example/verify#c=123456",
		"code_for_app":       "https://sana.example/verify#c=123456",
		"code_of_letters":    "https://sana.example/verify#c=ABCDEFGHJKMNP",
		"new_device":         "https://sana.example/not-you#t=" + notYou,
		"new_device_unknown": "https://sana.example/sessions",
		"recovery_begun":     "https://sana.example/recovery#stop=0c6b3a52.1a2b",
	}
	forEveryMessage(t, func(t *testing.T, name, _ string, m mail.Message) {
		if size := len(m.Subject) + len(m.Text) + len(m.HTML); size > 20_000 {
			t.Errorf("got %d bytes, want at most 20000", size)
		}
		for line := range strings.Lines(m.Text + "\n" + m.HTML) {
			if len(line) > 998 { // RFC 5322, 2.1.1: some server on the way may break it anywhere
				t.Errorf("got a line of %d bytes, want at most 998: %.60s", len(line), line)
			}
		}
		if got := loads.FindString(m.HTML); got != "" {
			t.Errorf("got %q, want nothing that loads anything", got)
		}
		var want []string
		if links[name] != "" {
			want = []string{links[name]}
		}
		if got := address.FindAllString(m.HTML, -1); !slices.Equal(got, want) {
			t.Errorf("got addresses %q in the HTML, want %q", got, want)
		}
		if got := address.FindAllString(m.Text, -1); !slices.Equal(got, want) {
			t.Errorf("got addresses %q in the text, want %q", got, want)
		}
	})
}

func TestTheHTMLSaysItsLanguageAndKnowsDarkMode(t *testing.T) {
	t.Parallel()
	forEveryMessage(t, func(t *testing.T, _, language string, m mail.Message) {
		for _, want := range []string{
			`<html lang="` + language + `" dir="ltr">`,
			`<meta charset="utf-8">`,
			`<meta name="color-scheme" content="light dark">`,
			`:root { color-scheme: light dark;`,
			`@media (prefers-color-scheme: dark)`,
			`<title>` + m.Subject + `</title>`,
		} {
			if !strings.Contains(m.HTML, want) {
				t.Errorf("got HTML without %s", want)
			}
		}
	})
}

// clock is a time of day as each language writes it, and day what stands before it where the day is
// told too.
var clock, day = map[string]string{
	"en": "14:05 (UTC)", "de": "14:05 Uhr (UTC)", "fr": "14:05 (UTC)", "es": "14:05 (UTC)",
	"ja": "14:05（UTC）",
}, map[string]string{
	"en": "22 November 2026, ", "de": "22. November 2026, ", "fr": "22 novembre 2026 à ",
	"es": "22 de noviembre de 2026, ",
	"ja": "2026年11月22日 ",
}

func TestEveryMessageSaysWhereAndWhenAndWhatToDo(t *testing.T) {
	t.Parallel()
	forEveryMessage(t, func(t *testing.T, name, language string, m mail.Message) {
		when := clock[language]
		if m.Kind != "sign_in_code" {
			when = day[language] + when
		}
		for _, want := range []string{when, "sana.example"} {
			if !strings.Contains(m.Text, want) ||
				!strings.Contains(m.HTML, "<strong>"+want+"</strong>") {
				t.Errorf("got no %q in both text and HTML:\n%s", want, m.Text)
			}
		}
		if name == "codes_suspended" {
			return // no user has done it
		}
		if wrong := map[string]string{
			"en": "Not you\\?|Didn’t (try|ask)", "de": "Das waren nicht Sie\\?|Sie (wollten|haben)",
			"fr": "Ce n’était pas vous|Vous n’(essayez pas|avez rien)",
			"es": "¿No (has sido|has intentado|lo has)",
			"ja": "お心当たりがない場合は",
		}[language]; !regexp.MustCompile(wrong).MatchString(m.Text) ||
			!regexp.MustCompile(wrong).MatchString(m.HTML) {
			t.Errorf("got no %q in both text and HTML:\n%s", wrong, m.Text)
		}
	})
}

func TestAMessageInALanguageThatIsNotWrittenIsEnglish(t *testing.T) {
	t.Parallel()
	english := everyMessage(t, "en")
	for _, language := range []string{"", "xx", "DE", "../de"} {
		for name, m := range everyMessage(t, language) {
			if m.Text != english[name].Text || m.HTML != english[name].HTML {
				t.Errorf("%s in %q: got other words than in English", name, language)
			}
		}
	}
}
