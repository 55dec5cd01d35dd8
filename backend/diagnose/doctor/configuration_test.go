package doctor_test

import (
	"strings"
	"testing"
	"time"

	"sana/backend/diagnose"
	"sana/backend/diagnose/doctor"
	"sana/backend/keyring"
)

func TestConfiguration_ReportsEachFault(t *testing.T) {
	t.Parallel()
	checks, broken := doctor.Configuration([]string{"PORT is 0; it must be more", "SIGN_UP is odd"},
		"production")
	var got []diagnose.Result
	diagnose.Run(t.Context(), checks, broken, func(r diagnose.Result) { got = append(got, r) })
	assert(t, "with a remedy", got[0], diagnose.Failed, "PORT is 0", "it must be more")
	assert(t, "without", got[1], diagnose.Failed, "SIGN_UP is odd", "correct SIGN_UP")
	if strings.Join(broken, " ") != "PORT SIGN_UP" {
		t.Errorf("got %q broken", broken)
	}
	checks, _ = doctor.Configuration(nil, "production")
	assert(t, "none", results(t, checks)["configuration"], diagnose.Passed,
		"every variable is valid", "")
}

func TestKeys_ReadsTheAgeFromTheID(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	const secret = ":c2FuYS10ZXN0LWtleS0wMTIzNDU2Nzg5LWJjZGZnaCEh"
	old := keyring.New(now.AddDate(-2, 0, 0))
	for name, test := range map[string]struct {
		list         string
		state        diagnose.State
		detail, hint string
	}{
		"of today": {keyring.New(now), diagnose.Passed, "1 key; the current one is 20261122-",
			""},
		"of today, its age": {keyring.New(now), diagnose.Passed, "is 0 days old", ""},
		"a year old":        {"20251122-aaaa" + secret, diagnose.Passed, "is 365 days old", ""},
		"a day older": {"20251121-aaaa" + secret, diagnose.Warned, "is 366 days old",
			"docs/security/keys.md"},
		"rotated": {"20261101-aaaa" + secret + "," + old, diagnose.Passed,
			"2 keys; the current one is 20261101-aaaa and is 21 days old", ""},
		"with another id": {"k1" + secret, diagnose.Passed, "age unknown: its id has no date", ""},
		"without an id":   {secret[1:], diagnose.Passed, "age unknown", ""},
		"from the future": {"20271122-aaaa" + secret, diagnose.Warned,
			"2027-11-22, which is in the future", "clock"},
		"from a zone further": {"20261123-aaaa" + secret, diagnose.Passed, "is 0 days old", ""},
	} {
		ring, err := keyring.Parse(test.list)
		if err != nil {
			t.Fatal(err)
		}
		got := results(t,
			[]diagnose.Check{doctor.Keys(ring, func() time.Time { return now })})["keys"]
		assert(t, name, got, test.state, test.detail, test.hint)
	}
}
