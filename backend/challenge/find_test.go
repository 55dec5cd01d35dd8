package challenge

import (
	"testing"
	"time"

	"sana/backend/fault"
	"sana/backend/test/postgrestest"
	"sana/backend/throttle"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// sample is a challenge to insert. Zero fields have the values of a sign-in code that was sent a
// moment ago.
type sample struct {
	browser  visitor.Browser
	email    string
	purpose  Purpose
	session  string // of a step-up or a change of address, as package session writes ids
	user     string // likewise, a UUID
	key      string
	created  time.Duration // ago
	expires  time.Duration // from now
	consumed time.Duration // ago; 0 if it was not used
	tries    int
}

const (
	ada    = "ada@sana.example"
	grace  = "grace@sana.example"
	ours   = visitor.Browser("ours")
	others = visitor.Browser("others")

	noSession  = "00000000000000000000000000000001"
	idleOne    = "00000000000000000000000000000002"
	revokedOne = "00000000000000000000000000000003"
	someUser   = "98e35920-c49e-4131-afc6-ed01d92e7e17"
)

// add inserts a challenge and returns its id.
func add(t *testing.T, db *pgxpool.Pool, s sample) string {
	t.Helper()
	if s.browser == "" {
		s.browser = ours
	}
	if s.email == "" {
		s.email = ada
	}
	if s.purpose == "" {
		s.purpose = SignIn
	}
	if s.session != "" && s.user == "" {
		s.user = someUser
	}
	if s.key == "" {
		s.key = "k1"
	}
	if s.expires == 0 {
		s.expires = throttle.CodeLifetime
	}
	id := NewID()
	_, err := db.Exec(t.Context(), `
		INSERT INTO challenges (
		    id, browser, email, purpose, session_id, user_id, key_id, code_kind, code_length,
		    verifier, tries, language, platform, created_at, sent_at, resend_at, expires_at,
		    consumed_at, outcome, outcome_key_id)
		SELECT @id::uuid, @browser, @email, @purpose, nullif(@session, '')::uuid,
		       nullif(@user, '')::uuid, @key,
		       'digits', 6, 'verifier', @tries, 'en', '',
		       now() - @created::interval, now() - @created::interval,
		       now(), now() + @expires::interval, consumed_at,
		       CASE WHEN consumed_at IS NOT NULL THEN 'signed_in' END,
		       CASE WHEN consumed_at IS NOT NULL THEN 'k1' END
		FROM (SELECT CASE WHEN @used THEN now() - @consumed::interval END AS consumed_at) AS used`,
		pgx.NamedArgs{
			"id": id, "browser": s.browser.Hash(), "email": s.email, "purpose": string(s.purpose),
			"session": s.session, "user": s.user, "key": s.key, "tries": s.tries,
			"created": s.created,
			"expires": s.expires, "used": s.consumed != 0, "consumed": s.consumed,
		})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// end records why a session ended.
func end(t *testing.T, db *pgxpool.Pool, id string, reason string) {
	t.Helper()
	_, err := db.Exec(t.Context(), `
		INSERT INTO ended_sessions (k, id, user_id, reason)
		VALUES ($1, $4::uuid, $2, $3)`, id, someUser, reason, id)
	if err != nil {
		t.Fatal(err)
	}
}

// wantFound fails the test unless a query finds the challenge with this id, "" for none.
func wantFound(t *testing.T, db *pgxpool.Pool, what string, q Query, want string) {
	t.Helper()
	found, _, err := Find(t.Context(), db, q, throttle.Budgets{})
	if err != nil || found.ID != want {
		t.Errorf("%s: got %q (%v), want %q", what, found.ID, err, want)
	}
}

func TestFind_ReturnsTheNewestOpenChallengeOfTheBrowser(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	add(t, db, sample{browser: others})
	old := add(t, db, sample{created: 3 * time.Minute})
	newest := add(t, db, sample{created: 2 * time.Minute})
	locked := add(t, db, sample{created: time.Minute, tries: 5})
	add(t, db, sample{created: 30 * time.Second, expires: -time.Second})
	spent := add(t, db, sample{created: 10 * time.Second, consumed: time.Second})
	hers := add(t, db, sample{created: 2 * time.Minute, email: grace, expires: -time.Second})
	add(t, db, sample{created: 3 * time.Minute, email: grace, tries: 5})

	wantFound(t, db, "any", Query{Browser: ours, Purpose: SignIn}, newest)
	wantFound(t, db, "an address", Query{Browser: ours, Email: ada, Purpose: SignIn}, newest)
	wantFound(t, db, "another address, with none that is open",
		Query{Browser: ours, Email: grace, Purpose: SignIn}, hers)
	wantFound(t, db, "an unknown address",
		Query{Browser: ours, Email: "eve@sana.example", Purpose: SignIn}, "")
	for _, id := range []string{old, newest, locked, spent} {
		wantFound(t, db, "an id", Query{Browser: ours, ID: id, Purpose: SignIn}, id)
		wantFound(t, db, "an id of another browser",
			Query{Browser: others, ID: id, Purpose: SignIn}, "")
	}
	wantFound(t, db, "no browser", Query{Purpose: SignIn}, "")
}

// The code of a step-up whose session was revoked leads to nothing: it is not pending and not sent
// again. An attempt finds it only if no other challenge fits.
func TestFindForGuess_FindsStepUpsOfRevokedSessionsLast(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	end(t, db, idleOne, "idle")
	end(t, db, revokedOne, "ended_elsewhere")
	wantGuessed := func(what string, q Query, want string) {
		t.Helper()
		found, _, err := FindForAttempt(t.Context(), db, q, throttle.Budgets{})
		if err != nil || found.ID != want {
			t.Errorf("%s: got %q (%v), want %q", what, found.ID, err, want)
		}
	}
	any, hers := Query{Browser: ours, Purpose: SignIn},
		Query{Browser: ours, Email: ada, Purpose: SignIn}

	revoked := add(t, db, sample{created: time.Second, purpose: StepUp, session: revokedOne})
	wantFound(t, db, "revoked", any, "")
	wantGuessed("revoked, guessed", any, revoked)
	wantGuessed("revoked, guessed by address", hers, revoked)
	wantGuessed("revoked, guessed by another browser", Query{Browser: others, Purpose: SignIn}, "")
	wantGuessed("revoked, guessed as a change",
		Query{Browser: ours, Purpose: ChangeEmail, SessionID: revokedOne}, "")
	wantFound(t, db, "as a step-up", Query{Browser: ours, Purpose: StepUp, SessionID: revokedOne},
		revoked)
	wantFound(t, db, "as a step-up of another session",
		Query{Browser: ours, Purpose: StepUp, SessionID: noSession}, "")

	locked := add(t, db, sample{created: time.Minute, tries: 5})
	wantGuessed("a locked sign-in beside it", any, locked)
	idle := add(t, db, sample{created: 2 * time.Minute, purpose: StepUp, session: idleOne})
	wantFound(t, db, "expired", any, idle)
	current := add(t, db, sample{created: time.Minute, purpose: StepUp, session: noSession})
	wantGuessed("a valid session's", hers, current)
}

func TestPending_LeavesOutUsedAndForgottenCodes(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		sample  sample
		pending bool
	}{
		"open":                  {sample{}, true},
		"locked":                {sample{tries: 5}, true},
		"expired an hour ago":   {sample{expires: -59 * time.Minute}, true},
		"expired even earlier":  {sample{expires: -61 * time.Minute}, false},
		"used a moment ago":     {sample{consumed: time.Second}, false},
		"used ten minutes ago":  {sample{consumed: 10 * time.Minute}, false},
		"of another browser":    {sample{browser: others}, false},
		"a change of a session": {sample{purpose: ChangeEmail, session: noSession}, false},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			db := postgrestest.Pool(t, postgrestest.URL(t))
			id := add(t, db, c.sample)
			found, err := Pending(t.Context(), db, Query{Browser: ours, Purpose: SignIn})
			switch {
			case c.pending && (err != nil || found.ID != id):
				t.Errorf("got %+v (%v), want the challenge", found, err)
			case !c.pending && !fault.Is(err, fault.NoPendingCode):
				t.Errorf("got %+v (%v), want no_pending_code", found, err)
			}
		})
	}
}

// The conditions in SQL and the methods in Go judge alike.
func TestChallenge_RefusalDependsOnItsState(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	for what, c := range map[string]struct {
		sample  sample
		refusal fault.Code // "" for none
		open    bool
	}{
		"open":   {sample{tries: 4}, "", true},
		"locked": {sample{tries: 5}, fault.TooManyTries, false},
		"expired": {sample{expires: -time.Millisecond}, fault.CodeExpired,
			false},
		"expired and locked": {sample{expires: -time.Millisecond, tries: 5},
			fault.CodeExpired, false},
		"used": {sample{consumed: 119 * time.Second}, "", false},
		"used, and guessed at since": {sample{consumed: time.Second, tries: 5}, fault.TooManyTries,
			false},
		"used two minutes ago": {sample{consumed: 2 * time.Minute}, fault.CodeExpired, false},
		"used just before it expired": {sample{consumed: time.Minute, expires: -time.Second}, "",
			false},
		"of before the clock was set back": {sample{expires: 12 * time.Minute}, fault.CodeExpired,
			false},
		"used before it was set back": {sample{consumed: -2 * time.Minute}, fault.CodeExpired,
			false},
		"used two minutes ago and expired": {
			sample{consumed: 2 * time.Minute, expires: -time.Second},
			fault.CodeExpired, false},
	} {
		id := add(t, db, c.sample)
		found, err := ByID(t.Context(), db, id)
		if err != nil {
			t.Fatal(err)
		}
		refusal := found.Refusal()
		if c.refusal == "" && refusal != nil || c.refusal != "" && !fault.Is(refusal, c.refusal) ||
			found.IsOpen() != c.open {
			t.Errorf("%s: got %v and open %v, want %q and %v", what, refusal, found.IsOpen(),
				c.refusal, c.open)
		}
		var open, guessable bool
		err = db.QueryRow(t.Context(), `
			SELECT `+string(IsOpen)+`, coalesce(`+string(IsOpen)+` OR `+string(IsRepeatable)+
			`, false)
			FROM challenges
			WHERE id = $1`, id).Scan(&open, &guessable)
		if err != nil || open != c.open || guessable != (c.refusal == "") {
			t.Errorf("%s: the database says open %v, takes guesses %v (%v)", what, open, guessable,
				err)
		}
	}
	none, err := ByID(t.Context(), db, NewID())
	if err != nil || none.ID != "" || !fault.Is(none.Refusal(), fault.NoPendingCode) {
		t.Errorf("no challenge: got %+v (%v) and %v", none, err, none.Refusal())
	}
}
