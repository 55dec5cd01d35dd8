package sanatest_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"sana/backend/sanatest"
)

// What differs between any two answers: ids, times and spans, the address itself, and the value of a cookie.
var varying = regexp.MustCompile(`"request_id":"[^"]+"|"\d{4}-\d\d-\d\dT[^"]+"|"email":"[^"]+"|sana_session=[^;]+|Retry-After: \d+|"retry_after":\d+`)

// face is all that a client can tell of an answer.
func face(a *sanatest.Answer) string {
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

// until a code was right, somebody with an account, somebody without, and somebody who could not
// make one are answered alike, byte for byte, and the same is done for them.
func TestNobodyCanTellWhoHasAnAccountOrCouldMakeOne(t *testing.T) {
	t.Parallel()
	for _, signUp := range []string{"open", "closed", "sana.example"} {
		t.Run(signUp, func(t *testing.T) {
			t.Parallel()
			w := sanatest.NewWorld(t)
			w.Run(t).Open(t).SignIn(w, "known@sana.example")
			w.Pass(t, 24*time.Hour)
			app := w.Run(t, "SIGN_UP="+signUp)
			var faces []string
			for _, email := range []string{"known@sana.example", "other@sana.example", "other@else.example"} {
				faces = append(faces, walkToTheLimits(t, w, app.Instance, email))
			}
			sanatest.WantEqual(t, "somebody without an account", faces[1], faces[0])
			sanatest.WantEqual(t, "somebody at another domain", faces[2], faces[0])
		})
	}
}

// walkToTheLimits does with an address all that needs no right code, and returns the faces of the answers and what was
// done for them.
func walkToTheLimits(t *testing.T, w *sanatest.World, app *sanatest.Instance, email string) string {
	t.Helper()
	rows := func() string {
		w.AwaitMails(t)
		counts := ""
		for _, table := range []string{"users", "challenges", "sessions", "river_job WHERE kind = 'mail'", "throttle"} {
			counts += fmt.Sprintf("%s %d, ", table, w.Count(t, `SELECT count(*) FROM `+table))
		}
		w.Exec(t, `TRUNCATE challenges, sessions, river_job, throttle, throttle_service`)
		return counts
	}
	rows()
	var faces []string
	for range 3 {
		b := app.Open(t)
		faces = append(faces, face(b.RequestCode(email)))
		w.AwaitMails(t)
		faces = append(faces, face(b.RequestCode(email)), face(b.Post("/api/auth/code/resend", "{}")))
		for range 6 {
			faces = append(faces, face(b.Verify("000000")))
		}
		faces = append(faces, face(b.Verify("nonsense")), face(b.Get("/api/auth/session")), face(b.Get("/api/auth/code")))
	}
	return strings.Join(append(faces, rows()), "\n")
}

// A proven address that may not come in gets to know it, and nothing is made.
func TestAClosedSignUpSaysSoAfterTheRightCodeAndMakesNothing(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	w.Run(t).Open(t).SignIn(w, grace)
	app := w.Run(t, "SIGN_UP=closed")
	b := app.Open(t)
	code := b.GetCode(w, ada)
	a := b.Verify(code).Want(http.StatusForbidden, "sign_up_closed")
	sanatest.WantEqual(t, "cookies set", len(a.Set), 0)
	b.Verify(code).Want(http.StatusGone, "code_expired")
	b.Get("/api/auth/session").Want(http.StatusUnauthorized, "not_signed_in")
	sanatest.WantEqual(t, "users", w.Count(t, `SELECT count(*) FROM users`), 1)
	w.Pass(t, time.Minute)
	sanatest.WantEqual(t, "who has an account is new", app.Open(t).SignIn(w, grace).Created, false)
}

func TestASignUpForSomeDomainsTakesTheirAddressesOnly(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	app := w.Run(t, "SIGN_UP=else.example, Bücher.example")
	for email, status := range map[string]int{
		"ada@else.example": http.StatusOK, "ada@bücher.example": http.StatusOK,
		"ada@sana.example": http.StatusForbidden, "ada@sub.else.example": http.StatusForbidden, "ada@notelse.example": http.StatusForbidden,
	} {
		b := app.Open(t)
		p := b.RequestCode(email).Want(http.StatusAccepted).Pending()
		b.Verify(w.Code(t, p.Email, 1)).Want(status)
	}
}

// a tag makes another identity, though not another mailbox.
func TestATaggedAddressIsSomebodyElse(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	app := w.Run(t)
	plain := app.Open(t).SignIn(w, ada)
	w.Pass(t, time.Minute)
	tagged := app.Open(t).SignIn(w, "ada+shop@sana.example")
	if tagged.User.ID == plain.User.ID || !tagged.Created {
		t.Errorf("ada+shop signed in as %+v, want somebody new", tagged.User)
	}
}

// where nothing can be counted, nothing is compared and nothing is sent.
func TestWithoutItsCountsNothingIsComparedAndNothingSent(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	app := w.Run(t)
	b := app.Open(t)
	code := b.GetCode(w, ada)
	w.Exec(t, `ALTER TABLE throttle RENAME TO away`)
	if a := b.Verify(code); a.Status < 500 {
		t.Errorf("got %d for the right code, want an error: %s", a.Status, a.Body)
	}
	if a := app.Open(t).RequestCode(grace); a.Status < 500 {
		t.Errorf("got %d for a new code, want an error: %s", a.Status, a.Body)
	}
	sanatest.WantEqual(t, "tries", w.Count(t, `SELECT sum(tries) FROM challenges`), 0)
	sanatest.WantEqual(t, "mails", w.Count(t, `SELECT count(*) FROM river_job WHERE kind = 'mail'`), 1)
	w.Exec(t, `ALTER TABLE away RENAME TO throttle`)
	b.Verify(code).Want(http.StatusOK)
}

// An instance writes once a second what was tried at it. As soon as it cannot, it compares nothing.
func TestWithoutTheCountsOfTheServiceNothingIsComparedAndNothingSent(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	app := w.Run(t)
	b := app.Open(t)
	code := b.GetCode(w, ada)
	w.Exec(t, `ALTER TABLE throttle_service RENAME TO away`)
	sanatest.Eventually(t, "codes are compared whose tries cannot be counted", func() error {
		guesser := app.Open(t)
		guesser.RequestCode(grace)
		if a := guesser.Verify("000000"); a.Status < 500 {
			return fmt.Errorf("got %d", a.Status)
		}
		return nil
	})
	tries := w.Count(t, `SELECT sum(tries) FROM challenges`)
	if a := b.Verify(code); a.Status < 500 {
		t.Errorf("got %d for the right code, want an error: %s", a.Status, a.Body)
	}
	sanatest.WantEqual(t, "tries", w.Count(t, `SELECT sum(tries) FROM challenges`), tries)
	mails := w.Count(t, `SELECT count(*) FROM river_job WHERE kind = 'mail'`)
	if a := w.Run(t).Open(t).RequestCode(grace); a.Status < 500 { // what it knows of the service it has to ask for
		t.Errorf("got %d for a new code, want an error: %s", a.Status, a.Body)
	}
	sanatest.WantEqual(t, "mails", w.Count(t, `SELECT count(*) FROM river_job WHERE kind = 'mail'`), mails)
	w.Exec(t, `ALTER TABLE away RENAME TO throttle_service`)
	sanatest.Eventually(t, "the right code is not taken again", func() error {
		return sanatest.CountError(b.Verify(code).Status, http.StatusOK)
	})
	sanatest.Eventually(t, "what was tried meanwhile is not counted", func() error {
		return sanatest.CountError(w.Count(t, `SELECT coalesce(sum(tries), 0) FROM throttle_service`), tries+1)
	})
}

// what an attack leaves in the table of counts does not grow with its length.
func TestTheCountsOfAnAttackAreAFewRows(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	app := w.Run(t)
	for range 60 {
		b := app.Open(t).At("192.0.2.1")
		b.RequestCode(ada)
		b.Verify("000000")
		b.Verify("000000")
		w.Pass(t, 10*time.Minute)
	}
	// Codes sent by address and by network; wrong codes by address, in a row, and by network. Some may have been swept.
	if n := w.Count(t, `SELECT count(*) FROM throttle`); n < 1 || n > 5 {
		t.Errorf("there are %d rows, want 1 to 5", n)
	}
	if n := w.Count(t, `SELECT max(cardinality(events)) FROM throttle`); n > 50 {
		t.Errorf("a row has %d events, want at most 50", n)
	}
}
