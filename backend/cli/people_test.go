package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// A block revokes all sessions and keys and prevents new ones, on every instance. Other visitors
// cannot notice it: only the mail says so.
func TestPeopleBlock_RevokesEverythingUnnoticed(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	here, there := w.Start(t), w.Start(t)
	o := operator{t, w.Environ()}
	laptop := here.Open(t)
	laptop.SignIn(w, ada)
	laptop.MoveTo(there)
	laptop.Get("/api/auth/session").Want(http.StatusOK) // is cached there
	w.Pass(t, time.Minute)
	waiting := there.Open(t)
	code := waiting.GetCode(w, ada)
	w.Exec(t, `
		INSERT INTO recoveries (user_id, browser, language, ends_at)
		SELECT id, '', 'en', now() + interval '24 hours'
		FROM users`)

	harness.WantEqual(t, "output", o.types(0, "", "people", "block", " Ada@SANA.example"),
		ada+" is blocked. Revoked sessions: 1. Revoked access keys: 0.\n")
	awaitSignedOut(t, laptop)
	harness.WantEqual(t, "recoveries", w.Count(t, `SELECT count(*) FROM recoveries`), 0)
	harness.WantEqual(t, "reason",
		laptop.Get("/api/auth/session").Want(http.StatusUnauthorized).Problem().SignedOut.Reason,
		"ended_by_operator")

	// The code from before the block is a wrong one, and is counted as such.
	right := waiting.Verify(code).Want(http.StatusUnauthorized, "wrong_code").Problem()
	wrong := waiting.Verify(harness.WrongCode(code)).Want(http.StatusUnauthorized,
		"wrong_code").Problem()
	harness.WantEqual(t, "tries left", fmt.Sprint(*right.TriesLeft, *wrong.TriesLeft), "4 3")

	// New codes are never mailed.
	w.Pass(t, time.Minute)
	next := here.Open(t)
	next.RequestCode(ada).Want(http.StatusAccepted)
	if mail := w.Mails(t, "account_blocked", ada, 1)[0]; strings.ContainsAny(mail.Subject,
		"0123456789") {
		t.Errorf("the mail says %q", mail.Subject)
	}
	harness.WantEqual(t, "users signed in", w.Count(t, `SELECT count(*) FROM sessions`), 0)

	harness.WantEqual(t, "again", o.types(0, "", "people", "block", ada),
		ada+" is already blocked; nothing to do.\n")
	harness.WantEqual(t, "unblock", o.types(0, "", "people", "unblock", ada),
		ada+" can sign in again.\n")
	w.Pass(t, time.Minute)
	harness.WantEqual(t, "created", next.SignIn(w, ada).Created, false)
	harness.WantEqual(t, "events of the operator", w.Count(t, `
		SELECT count(*)
		FROM account_events
		WHERE details ->> 'by' = 'operator'
		  AND kind IN ('blocked', 'unblocked', 'session_ended', 'recovery_stopped')`), 4)
	next.Get("/api/account/events").Want(http.StatusOK) // is as the contract says
}

// A blocked user cannot evade the block by a step-up, nor by changing another account's address.
func TestPeopleBlock_HoldsForStepUpsAndChangesOfAddress(t *testing.T) {
	t.Parallel()
	const bob = "bob@sana.example"
	w := harness.NewWorld(t)
	app := w.Start(t)
	o := operator{t, w.Environ()}
	b := app.Open(t)
	b.SignIn(w, ada)
	w.Pass(t, time.Minute)
	stepUp := b.GetCode(w, ada)
	// the step-up of an expired session would create a new one
	w.Exec(t, `UPDATE sessions SET e = 0`)
	o.types(0, "", "people", "block", ada)
	b.Verify(stepUp).Want(http.StatusUnauthorized, "wrong_code")

	other := app.Open(t)
	other.SignIn(w, bob)
	other.RequestChange(ada).Want(http.StatusAccepted)
	w.Mails(t, "account_blocked", ada, 1)
	harness.WantEqual(t, "accounts of the address",
		w.Count(t, `SELECT count(*) FROM users WHERE email = $1`, ada), 1)
}

// A right code and a block at the same time: in either order the blocked user is not signed in.
func TestPeopleBlock_RacesWithSignIns(t *testing.T) {
	t.Parallel()
	const people = 12
	w := harness.NewWorld(t)
	app := w.Start(t)
	o := operator{t, w.Environ()}
	email := func(i int) string { return fmt.Sprintf("person%d@sana.example", i) }
	browsers, codes := make([]*harness.Browser, people), make([]string, people)
	for i := range people {
		o.types(0, "", "people", "add", email(i))
		browsers[i] = app.Open(t)
		codes[i] = browsers[i].GetCode(w, email(i))
	}
	var group sync.WaitGroup
	for i := range people {
		group.Go(func() { browsers[i].Verify(codes[i]) })
		if i%2 == 0 {
			group.Go(func() { o.types(0, "", "people", "block", email(i)) })
		}
	}
	group.Wait()
	for i := range people {
		want := 1 - (i+1)%2
		harness.WantEqual(t, "sessions of "+email(i), w.Count(t, `
			SELECT count(*)
			FROM sessions
			JOIN users ON users.id = user_id
			WHERE email = $1`, email(i)), want)
	}
}

func TestPeople_ListShowEndAndDelete(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Start(t)
	o := operator{t, w.Environ()}
	b := app.Open(t)
	b.SignIn(w, ada)
	o.types(0, "", "people", "add", "bob@sana.example")
	o.types(0, "", "people", "block", "bob@sana.example")

	o.wantAdaAndBobListed()
	o.wantAdaShown()
	o.allowCodesForAda(w)

	harness.WantEqual(t, "end", o.types(0, "", "people", "end", ada),
		"Revoked sessions of ada@sana.example: 1\n")
	awaitSignedOut(t, b)
	harness.WantEqual(t, "delete", o.types(0, "", "people", "delete", ada),
		"The account of ada@sana.example is deleted.\n")
	w.Mails(t, "account_deleted", ada, 1)
	for _, command := range []string{"show", "end", "block", "unblock", "allow-codes", "delete"} {
		harness.WantEqual(t, command+" of a deleted account",
			o.types(1, "", "people", command, ada),
			"sana: there is no account with the address ada@sana.example\n")
	}
}

// wantAdaAndBobListed lists a user and a blocked one.
func (o operator) wantAdaAndBobListed() {
	o.Helper()
	list := strings.Split(strings.TrimSpace(o.types(0, "", "people", "list")), "\n")
	harness.WantEqual(o, "lines", len(list), 3)
	harness.WantEqual(o, "ada", list[1], ada+"\t\t1\tTIME\tcan sign in")
	harness.WantEqual(o, "bob", list[2], "bob@sana.example\t\t0\tTIME\tblocked at TIME")
	var listed struct {
		Email     string
		BlockedAt *time.Time `json:"blocked_at"`
	}
	if err := json.Unmarshal([]byte(o.types(0, "", "people", "list", "--blocked", "--json")),
		&listed); err != nil || listed.BlockedAt == nil {
		o.Errorf("%+v, %v", listed, err)
	}
}

// wantAdaShown shows a user with one session.
func (o operator) wantAdaShown() {
	o.Helper()
	var shown struct {
		Email    string
		SignedIn []struct{ ID string } `json:"signed_in"`
		Apps     []string
		Events   []struct{ Kind string }
		CodesFor string `json:"codes_for"`
	}
	if err := json.Unmarshal([]byte(o.types(0, "", "people", "show", ada, "--json")),
		&shown); err != nil {
		o.Fatal(err)
	}
	if shown.Email != ada || len(shown.SignedIn) != 1 ||
		shown.Events[0].Kind != "account_created" ||
		shown.Apps == nil ||
		shown.CodesFor != "sign_in" {
		o.Errorf("shown: %+v", shown)
	}
	text := o.types(0, "", "people", "show", ada)
	if !strings.Contains(text, "Signed in: 1\nID  ") ||
		!strings.Contains(text, "can sign in. Created TIME") {
		o.Errorf("shown:\n%s", text)
	}
}

// allowCodesForAda makes codes of a user with a passkey good for signing in again.
func (o operator) allowCodesForAda(w *harness.World) {
	o.Helper()
	w.Exec(o, `
		WITH restricted AS (
		    UPDATE users SET codes_for = 'recovery' WHERE email = $1 RETURNING id
		)
		INSERT INTO passkeys (
		    id, user_id, rp_id, public_key, sign_count, backup_eligible, backed_up, aaguid, name)
		SELECT 'a'::bytea, id, 'sana.example', ''::bytea, 0, false, false, gen_random_uuid(),
		       'Laptop'
		FROM restricted`, ada)
	if text := o.types(0, "", "people", "show", ada); !strings.Contains(text,
		"Passkeys: 1. Codes are for recovery only.\n") {
		o.Errorf("shown:\n%s", text)
	}
	w.Exec(o, `UPDATE users SET codes_suspended = true WHERE email = $1`, ada)
	if text := o.types(0, "", "people", "show", ada); !strings.Contains(text,
		"recovery only, but sign in: no passkey works at this PUBLIC_URL.\n") {
		o.Errorf("shown:\n%s", text)
	}
	harness.WantEqual(o, "allow-codes", o.types(0, "", "people", "allow-codes", ada),
		"Codes are for signing in again for ada@sana.example. The passkeys stay.\n")
	harness.WantEqual(o, "allow-codes again", o.types(0, "", "people", "allow-codes", ada),
		"Codes are for signing in already for ada@sana.example; nothing to do.\n")
	w.Mails(o, "codes_for_sign_in", ada, 1)
}
