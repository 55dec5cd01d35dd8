package system_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// varying matches the parts that differ between any two answers: ids, times and durations, the
// address itself, and the value of a cookie.
var varying = regexp.MustCompile(`"(?:request_id|id|email)":"[^"]+"|"\d{4}-\d\d-\d\dT[^"]+"|` +
	`sana_(?:session|browser)=[^;]+|Retry-After: \d+|"retry_after":\d+`)

// face returns the parts of an answer that a client can compare.
func face(a *harness.Answer) string {
	var b strings.Builder
	fmt.Fprintln(&b, a.Status)
	header := a.Header.Clone()
	for _, name := range []string{"Date", "X-Request-Id", "Content-Length"} {
		header.Del(name)
	}
	if err := header.Write(&b); err != nil {
		panic(err)
	}
	b.Write(a.Body)
	return varying.ReplaceAllString(b.String(), "*")
}

// until a code was right, a user with an account, one without, one who cannot
// create one, and a blocked one get the same answers, byte for byte, and cause the same work.
func TestEnumeration_SignInRevealsNoAccount(t *testing.T) {
	t.Parallel()
	for _, signUp := range []string{"open", "closed", "sana.example"} {
		t.Run(signUp, func(t *testing.T) {
			t.Parallel()
			w := harness.NewWorld(t)
			w.Run(t).Open(t).SignIn(w, "known@sana.example")
			w.Exec(t,
				`INSERT INTO users (email, blocked_at) VALUES ('blocked@sana.example', now())`)
			w.Pass(t, 24*time.Hour)
			app := w.Run(t, "SIGN_UP="+signUp)
			var faces []string
			for _, email := range []string{"known@sana.example", "other@sana.example",
				"other@else.example",
				"blocked@sana.example"} {
				faces = append(faces, walkToTheLimits(t, w, app.Instance, email))
			}
			harness.WantEqual(t, "a user without an account", faces[1], faces[0])
			harness.WantEqual(t, "a user at another domain", faces[2], faces[0])
			harness.WantEqual(t, "a blocked user", faces[3], faces[0])
		})
	}
}

// The same for accounts with passkeys, and for those whose codes are for recovery only.
func TestEnumeration_SignInRevealsNoPasskey(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t)
	w.Exec(t, `
		WITH known AS (
		    INSERT INTO users (email, codes_for)
		    VALUES ('codes@sana.example', 'sign_in'), ('passkey@sana.example', 'sign_in'),
		           ('recovery@sana.example', 'recovery')
		    RETURNING id, email
		)
		INSERT INTO passkeys (
		    id, user_id, rp_id, public_key, sign_count, backup_eligible, backed_up, aaguid, name)
		SELECT convert_to(email || n, 'UTF8'), id, 'sana.example', 'key', 0, false, false,
		    gen_random_uuid(), 'Passkey'
		FROM known
		CROSS JOIN generate_series(1, 2) AS n
		WHERE email <> 'codes@sana.example'`)
	codes := walkToTheLimits(t, w, app.Instance, "codes@sana.example")
	for _, email := range []string{"passkey@sana.example", "recovery@sana.example"} {
		harness.WantEqual(t, email, walkToTheLimits(t, w, app.Instance, email), codes)
	}
}

// walkToTheLimits sends all requests that need no right code with an address, until each limit by
// address is reached. It returns the answers and the numbers of rows.
func walkToTheLimits(t *testing.T, w *harness.World, app *harness.Instance, email string) string {
	t.Helper()
	rows := func() string {
		w.AwaitMails(t)
		counts := ""
		for _, table := range []string{"users", "challenges", "sessions", "mails", "uses"} {
			counts += fmt.Sprintf("%s %d, ", table, w.Count(t, `SELECT count(*) FROM `+table))
		}
		w.Exec(t, `TRUNCATE challenges, sessions, mails, uses, service_attempts`)
		return counts
	}
	rows()
	var faces []string
	walk := func() {
		b := app.Open(t)
		faces = append(faces, face(b.Get("/api/auth/session")), face(b.RequestCode(email)))
		w.AwaitMails(t)
		faces = append(faces, face(b.RequestCode(email)), face(b.Resend()))
		for range 6 {
			faces = append(faces, face(b.Verify("000000")))
		}
		faces = append(faces, face(b.Verify("nonsense")), face(b.Get("/api/auth/session")),
			face(b.Get("/api/auth/code")), face(b.Delete("/api/auth/code")))
	}
	for range 6 { // the third one exceeds the budget of wrong codes, the sixth that of mails
		walk()
		w.Pass(t, time.Minute)
	}
	text := strings.Join(faces, "\n")
	for _, reached := range []string{
		"too_many_tries", "too_many_wrong_codes", `"mail":"none"`, "no_pending_code",
	} {
		if !strings.Contains(text, reached) {
			t.Errorf("the walk lacks %s:\n%s", reached, text)
		}
	}
	return text + "\n" + rows()
}

// A verified address that may not sign up is told so, and no account is created.
func TestSignUp_ClosedIsSaidAfterTheRightCode(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	w.Run(t).Open(t).SignIn(w, grace)
	app := w.Run(t, "SIGN_UP=closed")
	b := app.Open(t)
	code := b.GetCode(w, ada)
	for range 2 { // a repeat gets the same answer
		a := b.Verify(code).Want(http.StatusForbidden, "sign_up_closed")
		harness.WantEqual(t, "cookies set", len(a.Set), 0)
	}
	b.Verify(harness.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code")
	w.Pass(t, 2*time.Minute)
	b.Verify(code).Want(http.StatusGone, "code_expired")
	b.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
	harness.WantEqual(t, "users", w.Count(t, `SELECT count(*) FROM users`), 1)
	w.Pass(t, time.Minute)
	harness.WantEqual(t, "who has an account is new", app.Open(t).SignIn(w, grace).Created, false)
}

func TestSignUp_AllowsListedDomainsOnly(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t, "SIGN_UP=else.example, Bücher.example")
	for email, status := range map[string]int{
		"ada@else.example": http.StatusOK, "ada@bücher.example": http.StatusOK,
		"ada@sana.example": http.StatusForbidden, "ada@sub.else.example": http.StatusForbidden,
		"ada@notelse.example": http.StatusForbidden,
	} {
		b := app.Open(t)
		r := b.RequestCode(email).Want(http.StatusAccepted).CodeRequest()
		b.Verify(w.Code(t, r.Email, 1)).Want(status)
	}
}

// a tag makes another account, though not another mailbox.
func TestSignUp_TaggedAddressIsAnotherAccount(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t)
	plain := app.Open(t).SignIn(w, ada)
	w.Pass(t, time.Minute)
	tagged := app.Open(t).SignIn(w, "ada+shop@sana.example")
	if tagged.User.ID == plain.User.ID || !tagged.Created {
		t.Errorf("ada+shop signed in as %+v, want a new user", tagged.User)
	}
}

// if attempts cannot be counted, no code is compared and no mail is sent.
func TestCounts_WithoutThemNothingIsComparedOrSent(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t)
	b := app.Open(t)
	code := b.GetCode(w, ada)
	w.Exec(t, `ALTER TABLE uses RENAME TO away`)
	if a := b.Verify(code); a.Status < 500 {
		t.Errorf("got %d for the right code, want an error: %s", a.Status, a.Body)
	}
	if a := app.Open(t).RequestCode(grace); a.Status < 500 {
		t.Errorf("got %d for a new code, want an error: %s", a.Status, a.Body)
	}
	harness.WantEqual(t, "tries", w.Count(t, `SELECT sum(tries) FROM challenges`), 0)
	harness.WantEqual(t, "mails", w.Count(t, `SELECT count(*) FROM mails`), 1)
	w.Exec(t, `ALTER TABLE away RENAME TO uses`)
	b.Verify(code).Want(http.StatusOK)
}

// An instance writes its counts of attempts once a second. As soon as it cannot, it compares no
// codes.
func TestCounts_WithoutServiceCountsNothingIsComparedOrSent(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t)
	b := app.Open(t)
	code := b.GetCode(w, ada)
	w.Exec(t, `ALTER TABLE service_attempts RENAME TO away`)
	guessers := 0
	harness.Eventually(t, "codes are compared whose tries cannot be counted", func() error {
		guessers++
		guesser := app.Open(t)
		guesser.RequestCode(fmt.Sprintf("person%d@sana.example", guessers))
		if a := guesser.Verify("000000"); a.Status < 500 {
			return fmt.Errorf("got %d", a.Status)
		}
		return nil
	})
	tries := w.Count(t, `SELECT sum(tries) FROM challenges`)
	if a := b.Verify(code); a.Status < 500 {
		t.Errorf("got %d for the right code, want an error: %s", a.Status, a.Body)
	}
	harness.WantEqual(t, "tries", w.Count(t, `SELECT sum(tries) FROM challenges`), tries)
	mails := w.Count(t, `SELECT count(*) FROM mails`)
	// it must read the service's counts
	if a := w.Run(t).Open(t).RequestCode(grace); a.Status < 500 {
		t.Errorf("got %d for a new code, want an error: %s", a.Status, a.Body)
	}
	harness.WantEqual(t, "mails", w.Count(t, `SELECT count(*) FROM mails`), mails)
	w.Exec(t, `ALTER TABLE away RENAME TO service_attempts`)
	harness.Eventually(t, "the right code is not taken again", func() error {
		return harness.CountError(b.Verify(code).Status, http.StatusOK)
	})
	harness.Eventually(t, "what was tried meanwhile is not counted", func() error {
		counted := w.Count(t, `SELECT coalesce(sum(attempts), 0) FROM service_attempts`)
		return harness.CountError(counted, tries+1)
	})
}

// the number of rows of an attack in the table of counts does not grow with its length: each
// subject has no more than its limit, and they are deleted when no limit needs them.
func TestCounts_OfAnAttackAreFewRows(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t)
	for range 5 * 24 {
		b := app.Open(t).At("192.0.2.1")
		b.RequestCode(ada)
		for range 5 {
			b.Verify("000000")
		}
		w.Pass(t, time.Hour)
	}
	w.Exec(t, `DELETE FROM periodic`) // another instance runs the sweep at once
	w.Start(t)
	harness.Eventually(t, "expired counts are not deleted", func() error {
		return harness.CountError(w.Count(t, `SELECT count(*) FROM uses WHERE ends_at < now()`), 0)
	})

	// Codes sent by address and by network; wrong codes by address, in a row, and by network.
	if n := w.Count(t, `SELECT count(DISTINCT key) FROM uses`); n < 1 || n > 5 {
		t.Errorf("there are counts of %d subjects, want 1 to 5", n)
	}
	most := w.Count(t, `SELECT max(n) FROM (SELECT count(*) AS n FROM uses GROUP BY key) AS counts`)
	harness.WantEqual(t, "the most counts of one subject", most, 50)
}
