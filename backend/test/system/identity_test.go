package system_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"sana/backend/test/harness"
)

const sessionCookie = "__Host-sana_session"

// eachStore runs a test with sessions in Postgres and in cookies.
func eachStore(t *testing.T, test func(t *testing.T, store string)) {
	for _, store := range []string{"postgres", "cookie"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			test(t, "SESSION_STORE="+store)
		})
	}
}

// stepUp steps up in a browser whose limits are reset before.
func stepUp(t testing.TB, w *harness.World, b *harness.Browser, email string) harness.SignedIn {
	t.Helper()
	w.Pass(t, 2*time.Minute)
	w.Exec(t, `TRUNCATE uses`)
	return b.SignIn(w, email)
}

// In one browser at the same time: the right code for one address, and a code request for another.
func TestVerifyCode_NeverSignsInAsAnotherTabsAddress(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	instances := []*harness.Process{w.Run(t), w.Run(t)}
	const rounds, atOnce = 250, 10
	for round := 0; round < rounds; round += atOnce {
		var codes [atOnce]string
		var browsers [atOnce]*harness.Browser
		mine := func(i int) string { return fmt.Sprintf("a%d@sana.example", round+i) }
		for i := range browsers {
			browsers[i] = instances[i%2].Open(t)
			browsers[i].RequestCode(mine(i)).Want(http.StatusAccepted)
		}
		for i := range browsers {
			codes[i] = w.Code(t, mine(i), 1)
		}

		answers := harness.Together(2*atOnce, func(n int) *harness.Answer {
			i := n / 2
			tab := browsers[i].Clone()
			tab.MoveTo(instances[(i+n)%2].Instance)
			if n%2 == 0 {
				return tab.VerifyFor(mine(i), codes[i])
			}
			return tab.RequestCode(fmt.Sprintf("b%d@sana.example", round+i))
		})

		for i := range browsers {
			in := answers[2*i].Want(http.StatusOK).SignedIn()
			harness.WantEqual(t, "signed in as", in.User.Email, mine(i))
			answers[2*i+1].Want(http.StatusAccepted)
		}
	}
	harness.WantEqual(t, "accounts of the other addresses",
		w.Count(t, `SELECT count(*) FROM users WHERE email LIKE 'b%'`), 0)
}

// revocations are requests that revoke the session of a browser, or change its address, and the
// accounts and sessions that are left.
var revocations = []struct {
	name               string
	send               func(b *harness.Browser, changeCode string) *harness.Answer
	accounts, sessions int
}{
	{"sign-out", func(b *harness.Browser, _ string) *harness.Answer {
		return b.Post("/api/auth/sign-out", "{}")
	}, 1, 0},
	{"deletion", func(b *harness.Browser, _ string) *harness.Answer {
		return b.Delete("/api/account")
	}, 0, 0},
	{"change", (*harness.Browser).VerifyChange, 1, 1},
}

// The code of a step-up at the same time as a change of address, a deletion and a sign-out of the
// same session: no account is created, and no session becomes valid again.
func TestStepUp_RestoresNoRevokedSession(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	instances := []*harness.Process{w.Run(t), w.Run(t)}
	for _, r := range revocations {
		users := usersWithCodes(t, w, instances, r.name)
		for _, u := range users {
			proving, ending := u.Clone(), u.Clone()
			proving.MoveTo(instances[0].Instance)
			ending.MoveTo(instances[1].Instance)

			answers := harness.Together(2, func(i int) *harness.Answer {
				if i == 0 {
					return proving.VerifyFor(u.email, u.code)
				}
				return r.send(ending, u.changeCode)
			})

			if status := answers[0].Status; status != http.StatusOK && status != http.StatusGone &&
				status != http.StatusNotFound {
				t.Fatalf("step-up beside %s: got %d %s", r.name, status, answers[0].Body)
			}
			if status := answers[1].Status; status != http.StatusNoContent &&
				status != http.StatusOK {
				t.Fatalf("%s: got %d %s", r.name, status, answers[1].Body)
			}
			harness.WantEqual(t, "accounts after "+r.name, w.Count(t,
				`SELECT count(*) FROM users WHERE email IN ($1, 'new-' || $1)`, u.email),
				r.accounts)
			harness.WantEqual(t, "sessions after "+r.name, w.Count(t,
				`SELECT count(*) FROM sessions WHERE convert_from(v, 'UTF8') LIKE '%' || $1 || '%'`,
				u.email), r.sessions)
		}
	}
}

// userWithCodes is a signed-in user with a code of a step-up, and with one of a change of address
// if they will use it.
type userWithCodes struct {
	*harness.Browser
	email, code, changeCode string
}

// usersWithCodes returns fifteen users who are about to send a request, four at a time.
func usersWithCodes(
	t *testing.T, w *harness.World, instances []*harness.Process, request string,
) []*userWithCodes {
	t.Helper()
	users := make([]*userWithCodes, 15)
	for i := range users {
		users[i] = &userWithCodes{Browser: instances[i%2].Open(t),
			email: fmt.Sprintf("%s%d@sana.example", request, i)}
	}
	harness.Each(users, 4, func(u *userWithCodes) { u.SignIn(w, u.email) })
	if request == "change" {
		harness.Each(users, 4,
			func(u *userWithCodes) { u.changeCode = u.ChangeCode(w, "new-"+u.email) })
	}
	w.Exec(t, `TRUNCATE uses`)
	harness.Each(users, 4, func(u *userWithCodes) { u.code = u.GetCode(w, u.email) })
	return users
}

// Each way of revoking revokes a stolen session on both instances, under all its tokens.
func TestSession_RevocationCoversStolenTokens(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	instances := []*harness.Process{w.Run(t), w.Run(t)}
	for name, end := range map[string]func(owner, other *harness.Browser, id string){
		"sign-out": func(owner, _ *harness.Browser, _ string) {
			owner.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
		},
		"by-id": func(_, other *harness.Browser, id string) {
			other.Delete("/api/sessions/" + id).Want(http.StatusNoContent)
		},
		"all-others": func(_, other *harness.Browser, _ string) {
			other.Delete("/api/sessions").Want(http.StatusNoContent)
		},
	} {
		email := name + "@sana.example"
		owner := instances[0].Open(t)
		in := owner.SignIn(w, email)
		thief := owner.Clone() // has the first token
		thief.MoveTo(instances[1].Instance)
		before := thief.Get("/api/auth/session").Want(http.StatusOK).SignedIn()
		fresh := stepUp(t, w, owner, email)
		harness.WantEqual(t, name+": id", fresh.Session.ID, in.Session.ID)
		stale := thief.Get("/api/auth/session")
		if stale.Status == http.StatusOK &&
			!stale.SignedIn().Session.SignedInAt.Equal(before.Session.SignedInAt) {
			t.Errorf("%s: the thief's old token became fresh", name)
		}
		second := owner.Clone() // has the current token
		second.MoveTo(instances[1].Instance)
		second.Get("/api/auth/session").Want(http.StatusOK)
		other := instances[0].Open(t)
		stepUp(t, w, other, email)
		end(owner, other, in.Session.ID)
		for which, stolen := range map[string]*harness.Browser{"first": thief, "current": second} {
			harness.Eventually(t, name+": the "+which+" token is still accepted", func() error {
				return harness.StatusError(stolen.Get("/api/auth/session"), http.StatusUnauthorized)
			})
		}
	}
}

// During a key rotation, instances with different rings never derive two tokens from one code.
func TestVerifyCode_OneTokenDuringAKeyRotation(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	old, rolled := w.Run(t), w.Run(t, "SECRET_KEYS="+newKey+","+harness.SecretKeys)
	for round := range 20 {
		email := fmt.Sprintf("round%d@sana.example", round)
		b := old.Open(t)
		code := b.GetCode(w, email)
		answers := harness.Together(8, func(i int) *harness.Answer {
			clone := b.Clone()
			clone.MoveTo([]*harness.Process{old, rolled}[i%2].Instance)
			return clone.VerifyFor(email, code)
		})
		tokens := map[string]bool{}
		for _, a := range answers {
			// An instance without the key answers 503 and sets no cookie.
			if a.Status != http.StatusOK && a.Status != http.StatusServiceUnavailable {
				t.Fatalf("round %d: got %d %s", round, a.Status, a.Body)
			}
			for _, c := range a.Set {
				if c.Name == sessionCookie {
					tokens[c.Value] = true
				}
			}
		}
		harness.WantEqual(t, "tokens of one code", len(tokens), 1)
		harness.WantEqual(t, "sessions of one code", w.Count(t, `
			SELECT count(*) FROM sessions JOIN users ON users.id = user_id WHERE email = $1`,
			email), 1)
	}
}
