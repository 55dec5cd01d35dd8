package system_test

import (
	"net/http"
	"strings"
	"testing"

	"sana/backend/test/harness"
)

// An assertion is no attestation, and a ceremony of one session adds nothing in another.
func TestPasskeys_AreAddedInTheSessionThatAskedForIt(t *testing.T) {
	t.Parallel()
	s := newPasskeyScene(t)
	thief := s.first.Open(t)
	thief.SignIn(s.world, grace)
	theirs := thief.Get("/api/account/passkeys/options").Want(200).Body
	second := harness.NewAuthenticator(t)
	swapped := second.Create(theirs)
	s.owner.Post("/api/account/passkeys", swapped).Want(401, "passkey_refused")

	mine := s.owner.Get("/api/account/passkeys/options").Want(200).Body
	evil := *second
	evil.RP.Origin = "https://evil.example"
	s.owner.Post("/api/account/passkeys", evil.Create(mine)).Want(401, "passkey_refused")
	contradicting := *second
	contradicting.Device.Options.BackupState = true // but not syncable
	s.owner.Post("/api/account/passkeys", contradicting.Create(mine)).Want(401, "passkey_refused")
	foreign := *second
	foreign.RP.ID = "example"
	s.owner.Post("/api/account/passkeys", foreign.Create(mine)).Want(401, "passkey_refused")
	unverified := *second
	unverified.Device.Options.UserNotVerified = true
	s.owner.Post("/api/account/passkeys", unverified.Create(mine)).Want(401, "passkey_refused")

	// Another user's credential id is refused; a repeat is the same passkey.
	taken := *s.authenticator
	thief.Post("/api/account/passkeys", taken.Create(theirs)).Want(401, "passkey_refused")
	body := second.Create(mine)
	added := s.owner.Post("/api/account/passkeys", body).Want(201).Passkey()
	s.owner.MoveTo(s.second.Instance)
	harness.WantEqual(t, "passkey of the repeat",
		s.owner.Post("/api/account/passkeys", body).Want(201).Passkey().ID, added.ID)
	third := harness.NewAuthenticator(t)
	s.owner.Post("/api/account/passkeys", third.Create(mine)).Want(401, "passkey_refused")

	// Twenty changes an hour use up the limit, and a passkey can be removed even so.
	s.world.Exec(t, `DELETE FROM uses`)
	path := "/api/account/passkeys/" + added.ID
	for range 20 {
		s.owner.Do("PATCH", path, `{"name":"Laptop"}`).Want(200)
	}
	s.owner.Do("PATCH", path, `{"name":"Laptop"}`).Want(429, "too_many_requests")
	s.owner.Delete(path).Want(204)

	// The export names what is left. A twenty-first passkey is refused, before the ceremony and
	// after it.
	s.world.Exec(t, `DELETE FROM uses`)
	if export := string(s.owner.Get("/api/account/export").Want(200).Body); !strings.Contains(
		export,
		s.firstOne) {
		t.Error("the passkey is not in the export")
	}
	late := s.owner.Get("/api/account/passkeys/options").Want(200).Body
	s.fill(t, 19)
	s.owner.Get("/api/account/passkeys/options").Want(409, "too_many_passkeys")
	s.owner.Post("/api/account/passkeys", third.Create(late)).Want(409, "too_many_passkeys")
	s.world.Exec(t, `DELETE FROM passkeys WHERE name = 'P'`)
	harness.WantEqual(t, "passkeys", s.world.Count(t, `SELECT count(*) FROM passkeys`), 1)
	harness.WantEqual(t, "events",
		s.world.Count(t, `SELECT count(*) FROM account_events WHERE kind = 'passkey_added'`), 2)
}

// fill adds passkeys of the name P to the user.
func (s passkeyScene) fill(t *testing.T, passkeys int) {
	t.Helper()
	s.world.Exec(t, `
		INSERT INTO passkeys (
		    id, user_id, rp_id, public_key, sign_count, backup_eligible, backed_up, aaguid, name)
		SELECT convert_to('full' || n, 'UTF8'), $1::uuid, 'sana.example', 'key', 0, false, false,
		    gen_random_uuid(), 'P'
		FROM generate_series(1, $2) AS n`, s.user, passkeys)
}

// Parallel requests add no more than twenty passkeys to an account.
func TestPasskeys_ParallelOnesKeepTheLimit(t *testing.T) {
	t.Parallel()
	s := newPasskeyScene(t)
	s.fill(t, 18)
	const parallel = 8
	clones, bodies := make([]*harness.Browser, parallel), make([]string, parallel)
	for i := range clones {
		options := s.owner.Get("/api/account/passkeys/options").Want(200).Body
		clones[i], bodies[i] = s.owner.Clone(), harness.NewAuthenticator(t).Create(options)
	}
	answers := harness.Together(parallel, func(i int) *harness.Answer {
		return clones[i].Post("/api/account/passkeys", bodies[i])
	})
	harness.WantEqual(t, "answers", tally(answers),
		map[string]int{"201": 1, "409 too_many_passkeys": parallel - 1})
	harness.WantEqual(t, "passkeys", s.world.Count(t, `SELECT count(*) FROM passkeys`), 20)
}

// Each change needs a fresh sign-in, of the user of the passkey.
func TestPasskeys_ChangesNeedAFreshSignInOfTheirUser(t *testing.T) {
	t.Parallel()
	s := newPasskeyScene(t)
	path := "/api/account/passkeys/" + s.firstOne
	stranger := s.first.Open(t)
	stranger.SignIn(s.world, grace)
	stranger.Do("PATCH", path, `{"name":"Mine"}`).Want(404, "not_found")
	stranger.Delete(path).Want(204)

	creation := s.owner.Get("/api/account/passkeys/options").Want(200).Body
	s.makeSignInsOld(t)
	const stale = "reauthentication_required"
	s.owner.Get("/api/account/passkeys/options").Want(403, stale)
	late := harness.NewAuthenticator(t).Create(creation)
	s.owner.Post("/api/account/passkeys", late).Want(403, stale)
	s.owner.Do("PATCH", path, `{"name":"Mine"}`).Want(403, stale)
	s.owner.Delete(path).Want(403, stale)
	s.owner.Do("PUT", "/api/account/codes", `{"for":"recovery"}`).Want(403, stale)
	harness.WantEqual(t, "passkeys that are as before",
		s.world.Count(t, `SELECT count(*) FROM passkeys WHERE name <> 'Mine'`), 1)
}

// A new passkey of an unknown make has a name in the language of its user, on the page and in mail.
func TestPasskeys_AreNamedInTheUsersLanguage(t *testing.T) {
	t.Parallel()
	s := newPasskeyScene(t)
	for i, c := range []struct{ userAgent, language, name, mailed string }{
		{"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "de",
			"Firefox unter Linux", "Passkey."},
		{"", "ja", "パスキー", "パスキー"},
	} {
		a := harness.NewAuthenticator(t)
		creation := s.owner.Get("/api/account/passkeys/options").Want(200).Body
		added := s.owner.Post("/api/account/passkeys", a.Create(creation), func(r *http.Request) {
			r.Header.Set("User-Agent", c.userAgent)
			r.Header.Set("Accept-Language", c.language)
		}).Want(201).Passkey()
		harness.WantEqual(t, "name", added.Name, c.name)
		mail := s.world.Mails(t, "passkey_added", ada, i+2)[i+1]
		if !strings.Contains(mail.Text, c.mailed) {
			t.Errorf("the mail has no %q:\n%s", c.mailed, mail.Text)
		}
	}
}

// Apple's authenticators may begin to sync a passkey; none stops being one that can be synced.
// Counters are recorded and refuse nothing.
func TestPasskeys_MayBecomeSyncedAndNeverBack(t *testing.T) {
	t.Parallel()
	s := newPasskeyScene(t)
	b := s.first.Open(t)
	use := func(eligible, synced bool, counter uint32) *harness.Answer {
		s.authenticator.Device.Options.BackupEligible, s.authenticator.Device.Options.BackupState =
			eligible, synced
		s.authenticator.Credential.Counter = counter
		b.Post("/api/auth/sign-out", `{}`).Want(204)
		return b.UsePasskey(s.authenticator)
	}
	use(false, false, 7).Want(200)
	use(false, false, 3).Want(200)
	harness.WantEqual(t, "counter", s.world.Count(t, `SELECT sign_count FROM passkeys`), 3)
	use(true, false, 0).Want(200)
	use(true, true, 0).Want(200)
	use(true, false, 0).Want(200)
	use(false, false, 0).Want(401, "passkey_refused")
	harness.WantEqual(t, "passkeys that can be synced",
		s.world.Count(t, `SELECT count(*) FROM passkeys WHERE backup_eligible AND NOT backed_up`),
		1)
}
