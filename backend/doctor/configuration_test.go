package doctor_test

import (
	"strings"
	"testing"
	"time"

	"sana/backend/doctor"
	"sana/backend/keyring"
)

func TestEachFaultOfTheConfigurationIsALineAndItsVariableBroken(t *testing.T) {
	t.Parallel()
	checks, broken := doctor.Configuration([]string{"PORT is 0; it must be more", "SIGN_UP is odd"}, "production")
	var got []doctor.Result
	doctor.Run(t.Context(), checks, broken, func(r doctor.Result) { got = append(got, r) })
	assert(t, "with a remedy", got[0], doctor.Fail, "PORT is 0", "it must be more")
	assert(t, "without", got[1], doctor.Fail, "SIGN_UP is odd", "correct SIGN_UP")
	if strings.Join(broken, " ") != "PORT SIGN_UP" {
		t.Errorf("got %q broken", broken)
	}
	checks, _ = doctor.Configuration(nil, "production")
	assert(t, "none", results(t, checks)["configuration"], doctor.OK, "every variable can be used", "")
}

func TestTheAgeOfAKeyIsTheOneThatItsIdTells(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	const secret = ":c2FuYS10ZXN0LWtleS0wMTIzNDU2Nzg5LWJjZGZnaCEh"
	old := keyring.New(now.AddDate(-2, 0, 0))
	for name, test := range map[string]struct {
		list      string
		state     doctor.State
		found, do string
	}{
		"of today":            {keyring.New(now), doctor.OK, "1 key; the first, 20261122-", ""},
		"of today, its age":   {keyring.New(now), doctor.OK, "is 0 days old", ""},
		"a year old":          {"20251122-aaaa" + secret, doctor.OK, "is 365 days old", ""},
		"a day older":         {"20251121-aaaa" + secret, doctor.Warn, "is 366 days old", "SECURITY.md"},
		"rotated":             {"20261101-aaaa" + secret + "," + old, doctor.OK, "2 keys; the first, 20261101-aaaa, makes what is new and is 21 days old", ""},
		"with another id":     {"k1" + secret, doctor.OK, "age unknown: its id holds no date", ""},
		"without an id":       {secret[1:], doctor.OK, "age unknown", ""},
		"from the future":     {"20271122-aaaa" + secret, doctor.Warn, "2027-11-22, which is still to come", "clock"},
		"from a zone further": {"20261123-aaaa" + secret, doctor.OK, "is 0 days old", ""},
	} {
		ring, err := keyring.Parse(test.list)
		if err != nil {
			t.Fatal(err)
		}
		got := results(t, []doctor.Check{doctor.Keys(ring, func() time.Time { return now })})["keys"]
		assert(t, name, got, test.state, test.found, test.do)
	}
}
