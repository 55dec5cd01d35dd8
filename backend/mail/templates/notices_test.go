package templates_test

import (
	"html"
	"strings"
	"testing"
	"time"

	"sana/backend/mail"
	"sana/backend/mail/templates"
)

func TestTheOldAddressIsNotToldTheNewOne(t *testing.T) {
	t.Parallel()
	for _, language := range templates.Languages() {
		all := everyMessage(t, language)
		toOld, toNew := all["address_changed_old"], all["address_changed_new"]
		if both := toOld.Subject + toOld.Text + toOld.HTML; strings.Contains(both, "grace") ||
			strings.Contains(both, "hopper") {
			t.Errorf("%s: got the new address in the mail to the old one:\n%s", language,
				toOld.Text)
		}
		for message, want := range map[*mail.Message][]string{
			&toOld: {"g•••@computation.people.example", oldAddress},
			&toNew: {newAddress, oldAddress},
		} {
			for _, address := range want {
				if !strings.Contains(message.Text, address) ||
					!strings.Contains(message.HTML, "<strong>"+address+"</strong>") {
					t.Errorf("%s: got no %q in both text and HTML:\n%s", language, address,
						message.Text)
				}
			}
		}
	}
}

func TestANewDeviceIsToldWithWhatIsKnownOfIt(t *testing.T) {
	t.Parallel()
	for ip, want := range map[string]string{
		"203.0.113.7":        "IP address: 203.0.113.7\n",
		"::ffff:203.0.113.7": "IP address: 203.0.113.7\n",
		"2001:db8::1":        "IP address: 2001:db8::1\n", "fe80::1%eth0": "IP address: fe80::1\n",
		"": "", "evil.example": "", "203.0.113.7\n@evil.example #123456": "", "<b>": "",
	} {
		m, err := parsed(t).NewDevice(oldAddress, "sana@sana.example", templates.NewDevice{
			IP: ip, When: aTime(), PublicURL: parseURL(t, "https://sana.example/app/?a=b#c"),
		})
		if err != nil {
			t.Fatal(err)
		}
		if (want == "") == strings.Contains(m.Text, "IP address") ||
			!strings.Contains(m.Text, want) ||
			strings.Contains(m.Text, "evil") {
			t.Errorf("%q: got no %q:\n%s", ip, want, m.Text)
		}
		if !strings.Contains(m.Text, "\nhttps://sana.example/app/sessions\n") ||
			!strings.Contains(m.HTML, `href="https://sana.example/app/sessions"`) {
			t.Errorf("got no link to the list of sessions alone:\n%s", m.Text)
		}
	}
}

func TestPasskeyName_IsInTheLanguage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ language, maker, want string }{
		{"en", "", "Passkey"}, {"ja", "", "パスキー"},
		{"de", "Firefox on Linux", "Firefox unter Linux"},
		{"fr", "Chrome on macOS", "Chrome sur macOS"},
		{"es", "Edge on macOS", "Edge en macOS"}, {"de", "1Password", "1Password"},
		{"de", "Safari", "Safari"},
	} {
		name, err := parsed(t).PasskeyName(c.language, c.maker)
		if err != nil || name != c.want {
			t.Errorf("%+v: got %q (%v)", c, name, err)
		}
	}
}

func TestNoNoticeIsWrittenOfWhatIsMissing(t *testing.T) {
	t.Parallel()
	const from = "sana@sana.example"
	good := templates.AddressChanged{Old: oldAddress, New: newAddress, When: aTime(),
		PublicURL: parseURL(t, "https://sana.example")}
	write := parsed(t)
	for name, attempt := range map[string]func(to string, a templates.AddressChanged) (mail.Message,
		error){
		"new device": func(to string, a templates.AddressChanged) (mail.Message, error) {
			return write.NewDevice(to, from,
				templates.NewDevice{When: a.When, PublicURL: a.PublicURL})
		},
		"address changed": func(to string, a templates.AddressChanged) (mail.Message, error) {
			return write.AddressChanged(to, from, a)
		},
		"account deleted": func(to string, a templates.AddressChanged) (mail.Message, error) {
			return write.AccountDeleted(to, from,
				templates.AccountDeleted{When: a.When, PublicURL: a.PublicURL})
		},
		"account blocked": func(to string, a templates.AddressChanged) (mail.Message, error) {
			return write.AccountBlocked(to, from,
				templates.AccountBlocked{When: a.When, PublicURL: a.PublicURL})
		},
		"access key made": func(to string, a templates.AddressChanged) (mail.Message, error) {
			return write.AccessKeyMade(to, from, templates.AccessKeyMade{
				App: "Wiki", ExpiresAt: aTime(), When: a.When, PublicURL: a.PublicURL,
			})
		},
		"sign-in change": func(to string, a templates.AddressChanged) (mail.Message, error) {
			return write.SignInChange(to, from,
				templates.SignInChange{Name: "recovered", When: a.When, PublicURL: a.PublicURL})
		},
	} {
		noTime, noURL := good, good
		noTime.When, noURL.PublicURL = time.Time{}, nil
		for _, bad := range []templates.AddressChanged{noTime, noURL} {
			if _, err := attempt(oldAddress, bad); err == nil {
				t.Errorf("%s: got no error without time or URL", name)
			}
		}
		if _, err := attempt(oldAddress, good); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, to := range []string{"", "eve@people.example"} {
		if _, err := write.AddressChanged(to, from, good); err == nil {
			t.Errorf("to %q: got no error for a recipient with neither address", to)
		}
	}
	for _, address := range []string{"", "ada", "@people.example", "a@x.example,b@y.example",
		"a\n@x.example"} {
		bad := good
		bad.New = address
		if _, err := write.AddressChanged(oldAddress, from, bad); err == nil {
			t.Errorf("new address %q: got no error", address)
		}
	}
}

// Every time of every message is in the zone of the browser; without one it is in UTC.
func TestMails_ShowTimesInTheZoneOfTheBrowser(t *testing.T) {
	t.Parallel()
	const from = "sana@sana.example"
	set, site := parsed(t), parseURL(t, "https://sana.example")
	for offset, want := range map[int]struct{ day, clock string }{
		0:    {"22 November 2026, 14:05 (UTC)", "14:05 (UTC)"},
		330:  {"22 November 2026, 19:35 (UTC+5:30)", "19:35 (UTC+5:30)"},
		-210: {"22 November 2026, 10:35 (UTC−3:30)", "10:35 (UTC−3:30)"},
		840:  {"23 November 2026, 04:05 (UTC+14)", "04:05 (UTC+14)"},
	} {
		check := func(m mail.Message, err error, times int, want string) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Count(m.Text, want); got != times ||
				!strings.Contains(html.UnescapeString(m.HTML), want) {
				t.Errorf("%d minutes: %s has %q %d times, want %d:\n%s",
					offset, m.Kind, want, got, times, m.Text)
			}
		}
		m, err := set.SignInCode(oldAddress, from, templates.SignInCode{
			Code: "123456", ExpiresAt: aTime(), PublicURL: site, UTCOffset: offset,
		})
		check(m, err, 1, want.clock)
		m, err = set.NewDevice(oldAddress, from, templates.NewDevice{
			When: aTime(), PublicURL: site, UTCOffset: offset,
		})
		check(m, err, 1, want.day)
		m, err = set.AddressChanged(oldAddress, from, templates.AddressChanged{
			Old: oldAddress, New: newAddress, When: aTime(), PublicURL: site, UTCOffset: offset,
		})
		check(m, err, 1, want.day)
		m, err = set.AccountDeleted(oldAddress, from, templates.AccountDeleted{
			When: aTime(), PublicURL: site, UTCOffset: offset,
		})
		check(m, err, 1, want.day)
		m, err = set.AccountBlocked(oldAddress, from, templates.AccountBlocked{
			When: aTime(), PublicURL: site, UTCOffset: offset,
		})
		check(m, err, 1, want.day)
		m, err = set.AccessKeyMade(oldAddress, from, templates.AccessKeyMade{
			App: "Wiki", ExpiresAt: aTime(), When: aTime(), PublicURL: site, UTCOffset: offset,
		})
		check(m, err, 2, want.day)
	}
}
