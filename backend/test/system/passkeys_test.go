package system_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"sana/backend/keyring"
	"sana/backend/passkey"
	"sana/backend/test/harness"
	"sana/backend/visitor"

	"github.com/descope/virtualwebauthn"
)

// passkeyScene is a user with a passkey, at two processes.
type passkeyScene struct {
	world          *harness.World
	first, second  *harness.Process
	owner          *harness.Browser // signed in
	authenticator  *harness.Authenticator
	user, firstOne string // ids of the user and of the passkey
}

func newPasskeyScene(t *testing.T, override ...string) passkeyScene {
	t.Helper()
	w := harness.NewWorld(t)
	s := passkeyScene{world: w, first: w.Run(t, override...), second: w.Run(t, override...)}
	s.owner = s.first.Open(t)
	s.user = s.owner.SignIn(w, ada).User.ID
	s.authenticator = harness.NewAuthenticator(t)
	s.firstOne = s.owner.AddPasskey(s.authenticator).ID
	return s
}

func (s passkeyScene) sessions(t *testing.T) int {
	t.Helper()
	return s.world.Count(t, `SELECT count(*) FROM sessions`)
}

// notYouToken returns the token of the link in the only mail about an unknown browser.
func (s passkeyScene) notYouToken(t *testing.T) string {
	t.Helper()
	_, link, _ := strings.Cut(s.world.Mails(t, "new_device", ada, 1)[0].Text,
		harness.PublicURL+"/not-you#t=")
	token, _, _ := strings.Cut(link, "\n")
	return token
}

// makeSignInsOld makes all sign-ins too old for what needs a fresh one.
func (s passkeyScene) makeSignInsOld(t *testing.T) {
	t.Helper()
	s.world.Exec(t, `
		UPDATE sessions
		SET v = convert_to(jsonb_set(convert_from(v, 'UTF8')::jsonb, '{user,signed_in_at}',
		        to_jsonb(now() - interval '1 hour'))::text, 'UTF8')`)
	harness.Eventually(t, "the sign-in is not old", func() error {
		return harness.StatusError(s.owner.Get("/api/account/passkeys/options"), 403)
	})
}

func TestPasskeys_SignInAsACodeDoes(t *testing.T) {
	t.Parallel()
	s := newPasskeyScene(t)
	w := s.world

	b := s.second.Open(t)
	in := b.UsePasskey(s.authenticator).Want(200).SignedIn()
	harness.WantEqual(t, "user", in.User.ID, s.user)
	harness.WantEqual(t, "user of the session",
		b.Get("/api/auth/session").Want(200).SignedIn().User.Email, ada)
	harness.WantEqual(t, "sessions", s.sessions(t), 2)
	if b.Cookies()["__Host-sana_device"] == "" {
		t.Error("the browser did not become known")
	}
	events, _ := b.Get("/api/account/events").Want(200).Events()
	harness.WantEqual(t, "newest event", events[0].Kind, "signed_in")
	harness.WantEqual(t, "uses of the passkey",
		w.Count(t, `SELECT count(*) FROM passkeys WHERE used_at IS NOT NULL`), 1)
	harness.WantEqual(t, "events with the passkey's name",
		w.Count(t,
			`SELECT count(*) FROM account_events WHERE kind = 'signed_in' AND details ? 'passkey'`),
		1)

	// It is fresh, the link in the mail ends it, and a browser that is known gets no second mail.
	b.Get("/api/account/passkeys/options").Want(200)
	s.owner.Post("/api/auth/not-you", `{"token":"`+s.notYouToken(t)+`"}`).Want(204)
	harness.Eventually(t, "the link did not end the session", func() error {
		return harness.StatusError(b.Get("/api/auth/session"), 401)
	})
	b.UsePasskey(s.authenticator).Want(200)
	w.AwaitMails(t)
	harness.WantEqual(t, "mails about a new browser",
		w.Count(t, `SELECT count(*) FROM mails WHERE template = 'new_device'`), 1)
}

// A step-up keeps the session, with a new token, and takes only a passkey of its user.
func TestPasskeys_StepUpKeepsTheSession(t *testing.T) {
	t.Parallel()
	s := newPasskeyScene(t)
	before, token := s.owner.Get("/api/auth/session").SignedIn(), s.owner.Cookies()[sessionCookie]
	s.makeSignInsOld(t)

	options := s.owner.PasskeyOptions()
	var parsed struct {
		Allow []struct{ ID string } `json:"allowCredentials"`
	}
	if err := json.Unmarshal(options, &parsed); err != nil || len(parsed.Allow) != 1 ||
		parsed.Allow[0].ID != s.firstOne {
		t.Fatalf("got %+v (%v), want the user's passkey alone", parsed, err)
	}
	stranger, other := s.first.Open(t), harness.NewAuthenticator(t)
	stranger.SignIn(s.world, grace)
	stranger.AddPasskey(other)
	s.owner.Post("/api/auth/passkey", other.Sign(options)).Want(401, "passkey_refused")

	s.owner.Keep("__Host-sana_device", "unknown")
	in := s.owner.Post("/api/auth/passkey", s.authenticator.Sign(options)).Want(200).SignedIn()
	harness.WantEqual(t, "session", in.Session.ID, before.Session.ID)
	if s.owner.Cookies()[sessionCookie] == token {
		t.Error("the token stayed")
	}
	s.owner.Get("/api/account/passkeys/options").Want(200)
	harness.WantEqual(t, "sessions", s.sessions(t), 2)

	lonely := s.first.Open(t)
	lonely.SignIn(s.world, "linus@sana.example")
	lonely.Get("/api/auth/passkey").Want(404, "not_found")

	// The browser was unknown: the link in the mail about it ends the session that was renewed.
	lonely.Post("/api/auth/not-you", `{"token":"`+s.notYouToken(t)+`"}`).Want(204)
	harness.Eventually(t, "the link did not end the session", func() error {
		return harness.StatusError(s.owner.Get("/api/auth/session"), 401)
	})
}

// Only an answer of the right authenticator to this browser's challenge signs a user in.
func TestPasskeys_RefuseForgedAndSwappedCeremonies(t *testing.T) {
	t.Parallel()
	s := newPasskeyScene(t)
	b, foreign := s.first.Open(t), s.first.Open(t)
	options, foreignOptions := b.PasskeyOptions(), foreign.PasskeyOptions()
	sessions := s.sessions(t)

	with := func(change func(a *harness.Authenticator)) string {
		changed := *s.authenticator
		change(&changed)
		return changed.Sign(options)
	}
	creation := s.owner.Get("/api/account/passkeys/options").Want(200).Body
	for name, body := range map[string]string{
		"another origin": with(
			func(a *harness.Authenticator) { a.RP.Origin = "https://evil.example" }),
		"plain http": with(
			func(a *harness.Authenticator) { a.RP.Origin = "http://sana.example" }),
		"a port":                with(func(a *harness.Authenticator) { a.RP.Origin += ":8443" }),
		"another relying party": with(func(a *harness.Authenticator) { a.RP.ID = "example" }),
		"user not present": with(
			func(a *harness.Authenticator) { a.Device.Options.UserNotPresent = true }),
		"user not verified": with(
			func(a *harness.Authenticator) { a.Device.Options.UserNotVerified = true }),
		"another user's handle": with(
			func(a *harness.Authenticator) { a.Device.Options.UserHandle = make([]byte, 16) }),
		"no user's handle": with(
			func(a *harness.Authenticator) { a.Device.Options.UserHandle = nil }),
		"synced but not syncable": with(
			func(a *harness.Authenticator) { a.Device.Options.BackupState = true }),
		"another key": with(func(a *harness.Authenticator) {
			a.Credential.Key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2).Key
		}),
		"a key of another type": with(func(a *harness.Authenticator) {
			a.Credential.Key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeRSA).Key
		}),
		"another browser's challenge":  s.authenticator.Sign(foreignOptions),
		"a challenge to add a passkey": s.authenticator.Sign(creation),
		"a forged challenge": s.authenticator.Sign(
			[]byte(`{"challenge":"` + strings.Repeat("A", 75) + `"}`)),
		"an empty challenge": s.authenticator.Sign([]byte(`{"challenge":"AA"}`)),
	} {
		b.Post("/api/auth/passkey", body).Want(401, "passkey_refused")
		if t.Failed() {
			t.Fatal(name)
		}
	}
	for _, body := range []string{
		`{}`, `{"credential":null}`, `{"credential":7}`, `{"credential":{}}`,
		`{"credential":{"id":"AA","rawId":"AA","type":"public-key","response":{}}}`,
	} {
		b.Post("/api/auth/passkey", body).Want(400, "invalid_request")
	}
	harness.WantEqual(t, "sessions", s.sessions(t), sessions)
	// of the enrolment
	harness.WantEqual(t, "spent challenges",
		s.world.Count(t, `SELECT count(*) FROM passkey_challenges`), 1)

	// The challenge is still good for the right answer, and then for none.
	right := s.authenticator.Sign(options)
	b.Post("/api/auth/passkey", right).Want(200)
	b.Post("/api/auth/passkey", right).Want(401, "passkey_refused")
}

// A challenge leads to one session, even if two processes are asked at once, or sixteen times in
// all.
func TestPasskeys_AChallengeLeadsToOneSession(t *testing.T) {
	t.Parallel()
	s := newPasskeyScene(t)
	rounds := []int{2, 2, 2, 2, 16, 16}
	before := s.sessions(t)
	for _, parallel := range rounds {
		b := s.first.Open(t)
		body := s.authenticator.Sign(b.PasskeyOptions())
		clones := make([]*harness.Browser, parallel)
		for i := range clones {
			clones[i] = b.Clone()
			if i%2 == 1 {
				clones[i].MoveTo(s.second.Instance)
			}
		}

		answers := harness.Together(parallel, func(i int) *harness.Answer {
			return clones[i].Post("/api/auth/passkey", body)
		})

		harness.WantEqual(t, "answers", tally(answers),
			map[string]int{"200": 1, "401 passkey_refused": parallel - 1})
	}
	harness.WantEqual(t, "new sessions", s.sessions(t)-before, len(rounds))
	harness.WantEqual(t, "sign-ins with the passkey", s.world.Count(t,
		`SELECT count(*) FROM account_events WHERE kind = 'signed_in' AND details ? 'passkey'`),
		len(rounds))
}

// A passkey of a blocked user is refused until the user is unblocked.
func TestPasskeys_SignNoBlockedUserIn(t *testing.T) {
	t.Parallel()
	s := newPasskeyScene(t)
	s.world.Exec(t, `UPDATE users SET blocked_at = now()`)
	before := s.sessions(t)
	s.first.Open(t).UsePasskey(s.authenticator).Want(401, "passkey_refused")
	harness.WantEqual(t, "new sessions", s.sessions(t)-before, 0)
	s.world.Exec(t, `UPDATE users SET blocked_at = NULL`)
	s.first.Open(t).UsePasskey(s.authenticator).Want(200)
}

// A challenge is good for five minutes by the database's clock, and one of the future is good for
// nothing.
func TestPasskeys_ChallengesExpire(t *testing.T) {
	t.Parallel()
	s := newPasskeyScene(t)
	b := s.first.Open(t)
	b.PasskeyOptions()
	keys, err := keyring.Parse(harness.SecretKeys)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		age    time.Duration
		status int
	}{{5*time.Minute + time.Second, 401}, {-2 * time.Minute, 401}, {4 * time.Minute, 200}} {
		challenge := passkey.NewChallenge(keys.Current(), passkey.Binding{
			Purpose: passkey.SignIn, Browser: visitor.Browser(b.Cookies()["__Host-sana_browser"]),
		}, time.Now().Add(-c.age))
		options := `{"challenge":"` + base64.RawURLEncoding.EncodeToString(challenge) + `"}`
		b.Post("/api/auth/passkey", s.authenticator.Sign([]byte(options))).Want(c.status)
	}
	s.world.Exec(t, `UPDATE passkey_challenges SET expires_at = now() - interval '61 minutes'`)
	deleted, err := passkey.Sweep(t.Context(), s.world.DB)
	if err != nil || deleted != 2 {
		t.Errorf("the sweep deleted %d challenges (%v), want 2", deleted, err)
	}
}

func TestPasskeys_AnUnknownOneAnswersLikeARemovedOne(t *testing.T) {
	t.Parallel()
	s := newPasskeyScene(t)
	s.world.Exec(t, `DELETE FROM passkeys`)
	b := s.first.Open(t)
	removed := b.UsePasskey(s.authenticator).Want(401, "unknown_passkey").Problem()
	unknown := b.UsePasskey(harness.NewAuthenticator(t)).Want(401, "unknown_passkey").Problem()
	removed.RequestID, unknown.RequestID = "", ""
	harness.WantEqual(t, "problem", unknown, removed)
}

// Refused passkeys use up the limit of their network, on all instances, and a right one passes even
// so: neighbors in a network lock no user out.
func TestPasskeys_RefusedOnesAreLimitedByNetwork(t *testing.T) {
	t.Parallel()
	s := newPasskeyScene(t)
	const network = "198.51.100.7"
	owner, neighbor := s.first.Open(t).At(network), s.second.Open(t).At(network)
	s.world.Exec(t, `DELETE FROM uses`)
	neighbor.UsePasskey(harness.NewAuthenticator(t)).Want(401, "unknown_passkey")
	harness.WantEqual(t, "uses counted", s.world.Count(t, `SELECT count(*) FROM uses`), 1)
	s.world.Exec(t, `
		INSERT INTO uses (key, at, ends_at)
		SELECT key, at, ends_at
		FROM uses
		CROSS JOIN generate_series(1, 299)`)

	foreign := harness.NewAuthenticator(t)
	answer := owner.UsePasskey(foreign).Want(429, "too_many_requests")
	if answer.Header.Get("Retry-After") == "" {
		t.Error("the answer has no Retry-After")
	}
	neighbor.UsePasskey(foreign).Want(429, "too_many_requests")
	right := s.authenticator.Sign(owner.PasskeyOptions())
	owner.Post("/api/auth/passkey", right).Want(200)
	owner.Post("/api/auth/passkey", right).Want(429, "too_many_requests") // its challenge is spent
	harness.WantEqual(t, "uses counted", s.world.Count(t, `SELECT count(*) FROM uses`), 300)
	s.world.Pass(t, time.Hour)
	neighbor.UsePasskey(foreign).Want(401, "unknown_passkey")
}
