package system_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"sana/backend/test/harness"
)

// guesser is a browser that waits for a code.
type guesser struct {
	*harness.Browser
	email, code string
}

// guessers opens n browsers in an IPv6 network, each with a code for its own address. network is a
// prefix such as "2001:db8:1:100:".
func guessers(
	t *testing.T, w *harness.World, i *harness.Instance, name, network string, n int,
) []guesser {
	t.Helper()
	list := make([]guesser, n)
	for k := range list {
		g := guesser{Browser: i.Open(t), email: fmt.Sprintf("%s%d@sana.example", name, k)}
		g.code = g.GetCode(w, g.email)
		g.At(fmt.Sprintf("%s:%d", network, k+1))
		list[k] = g
	}
	return list
}

// withoutID returns the body of an answer without the request id.
func withoutID(a *harness.Answer) harness.Problem {
	p := a.Problem()
	p.RequestID = ""
	return p
}

// An attacker whose commit does not end holds the lock of a network, here the /48 of all guessers.
// The attacker cannot distinguish a right code: right and wrong ones get the same 503, and no wrong
// one is counted. Afterwards each gets its own answer.
func TestVerifyCode_BusyNetworkAnswersRightAndWrongAlike(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	stallCommits(t, w, "challenges", "NEW.tries > 0 AND NEW.email LIKE 'attacker%'")
	attacked := w.Run(t, "DATABASE_URL="+w.DatabaseURL+patientLimits)
	quick := w.Run(t, "DATABASE_URL="+w.DatabaseURL+"&lock_timeout=500ms&statement_timeout=10s")
	attacker := guessers(t, w, attacked.Instance, "attacker", "2001:db8:1:100:", 1)[0]
	victims := guessers(t, w, quick.Instance, "person", "2001:db8:1:200:", 6)
	w.Exec(t, `TRUNCATE uses`)
	typed := func(i int) string { // the right code in every second browser
		if i%2 == 0 {
			return victims[i].code
		}
		return harness.WrongCode(victims[i].code)
	}

	wrong := harness.WrongCode(attacker.code)
	finish := stall(t, w, attacked, func() {
		attacker.Try(http.MethodPost, "/api/auth/verify", `{"code":"`+wrong+`"}`)
	})
	answers := harness.Together(len(victims), func(i int) *harness.Answer {
		return victims[i].Verify(typed(i))
	})
	for i, a := range answers {
		a.Want(http.StatusServiceUnavailable)
		harness.WantEqual(t, fmt.Sprint("answer ", i), withoutID(a), withoutID(answers[0]))
		harness.WantEqual(t, "Retry-After",
			a.Header.Get("Retry-After"), answers[0].Header.Get("Retry-After"))
		harness.WantEqual(t, "cookies set", len(a.Set), 0)
	}
	for _, from := range []string{
		"uses", "users", "challenges WHERE tries > 0", "challenges WHERE consumed_at IS NOT NULL",
	} {
		harness.WantEqual(t, "rows of "+from, w.Count(t, `SELECT count(*) FROM `+from), 0)
	}

	finish()
	harness.WantEqual(t, "tries of the attacker",
		w.Count(t, `SELECT tries FROM challenges WHERE email = $1`, attacker.email), 1)
	for i, v := range victims {
		a := v.Verify(typed(i))
		if i%2 == 0 {
			a.Want(http.StatusOK)
			continue
		}
		a.Want(http.StatusUnauthorized, "wrong_code")
		harness.WantEqual(t, "tries left", *a.Problem().TriesLeft, 4)
	}
}

// Each commit takes 100 ms, and attackers guess all the time in the network of others. A request
// that gets 503 had no effect, and every other one had the effect that its answer reports.
func TestVerifyCode_SlowCommitsCountWhatIsAnswered(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	limits := "DATABASE_URL=" + w.DatabaseURL + "&lock_timeout=300ms&statement_timeout=10s"
	processes := []*harness.Process{w.Run(t, limits), w.Run(t, limits)}
	const network = "2001:db8:1:100:"
	attackers := guessers(t, w, processes[0].Instance, "attacker", network, 8)
	victims := guessers(t, w, processes[0].Instance, "person", network, 8)
	w.Exec(t, `TRUNCATE uses`)
	w.Exec(t, `
		CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM pg_sleep(0.1);
			RETURN NULL;
		END $$`)
	w.Exec(t, `
		CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON challenges
		DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()`)

	const each = 2 // attempts of an attacker
	answers := harness.Together(len(attackers)*each+2*len(victims), func(i int) *harness.Answer {
		g, code := attackers[i%len(attackers)], ""
		if i >= len(attackers)*each {
			g = victims[i%len(victims)]
			code = g.code // a right and a wrong code for every victim
		}
		if i < len(attackers)*each+len(victims) {
			code = harness.WrongCode(g.code)
		}
		b := g.Clone()
		b.MoveTo(processes[i/len(victims)%2].Instance)
		return b.Verify(code)
	})

	counts := tally(answers)
	t.Logf("answers: %v", counts)
	right := tally(answers[len(answers)-len(victims):])
	unavailable := 0
	for what, n := range counts {
		switch what {
		case "200", "401 wrong_code":
		case "503 unavailable":
			unavailable = n
		default:
			t.Errorf("%d answers were %s", n, what)
		}
	}
	harness.WantEqual(t, "right codes answered 200 or 503",
		right["200"]+right["503 unavailable"], len(victims))
	if unavailable == 0 || counts["401 wrong_code"] == 0 {
		t.Error("want some answers of each kind")
	}
	harness.WantEqual(t, "wrong codes counted",
		w.Count(t, `SELECT sum(tries) FROM challenges`), counts["401 wrong_code"])
	harness.WantEqual(t, "right codes spent",
		w.Count(t, `SELECT count(*) FROM challenges WHERE consumed_at IS NOT NULL`), counts["200"])
	harness.WantEqual(t, "users", w.Count(t, `SELECT count(*) FROM users`), counts["200"])

	w.Exec(t, `DROP TRIGGER slow ON challenges`)
	for _, v := range victims {
		v.Verify(v.code).Want(http.StatusOK)
	}
}

// A lock that is held for more than a second, as by a migration or an operator, delays a code and
// does not refuse it: the reads of its first statement and its later writes wait alike.
func TestVerifyCode_WaitsForLocksLongerThanOneSecond(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t)
	for _, table := range []string{"challenges", "users"} {
		b := app.Open(t)
		code := b.GetCode(w, table+"@sana.example")
		unlock := w.Lock(t, `LOCK TABLE `+table)
		var answer *harness.Answer
		var asking sync.WaitGroup
		asking.Go(func() { answer = b.Verify(code) })
		harness.Eventually(t, "no statement waits for "+table+" longer than a second",
			func() error {
				if w.Count(t, `
				SELECT count(*)
				FROM pg_stat_activity
				WHERE datname = current_database()
				  AND application_name = 'sana'
				  AND wait_event_type = 'Lock'
				  AND clock_timestamp() - query_start > interval '1.2 seconds'`) == 0 {
					return errors.New("none does")
				}
				return nil
			})
		unlock()
		if asking.Wait(); answer == nil {
			t.FailNow() // Verify has said why
		}
		answer.Want(http.StatusOK)
	}
}
