package drill

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"sana/backend/test/harness"
)

// playLostAnswers loses each kind of write: one user's requests and the other's answers. The pages
// repeat requests without an answer.
func playLostAnswers(s *scene) {
	s.open()
	for _, what := range []loss{lostRequest, lostAnswer} {
		p := s.visitor(s.browser())
		p.Get("/api/auth/session").Want(http.StatusUnauthorized)

		// The code request is mailed once.
		s.lose(p, what, "/api/auth/code", fmt.Sprintf(`{"email":%q}`, p.email))
		p.RequestCode(p.email).Want(http.StatusAccepted)
		s.world.AwaitMails(s.t)
		harness.WantEqual(s.t, "mails", len(s.world.Mails(s.t, "sign_in_code", p.email, 1)), 1)
		p.code = s.world.Code(s.t, p.email, 1)

		// The code creates one session.
		s.lose(p, what, "/api/auth/verify", fmt.Sprintf(`{"email":%q,"code":%q}`, p.email, p.code))
		if !s.finished(p.verify()) {
			continue
		}
		s.look(p)

		// During the step-up the session is unchanged; it stays the same one afterwards.
		before := s.sessionOf(p)
		s.world.Pass(s.t, time.Minute) // so that the next mail may be sent
		p.RequestCode(p.email).Want(http.StatusAccepted)
		p.code = s.world.Code(s.t, p.email, 2)
		s.lose(p, what, "/api/auth/verify", fmt.Sprintf(`{"email":%q,"code":%q}`, p.email, p.code))
		s.look(p)
		if !s.finished(p.verify()) {
			continue
		}
		harness.WantEqual(s.t, "session after the step-up", s.sessionOf(p), before)

		// The sign-out holds.
		copied := p.Clone()
		s.lose(p, what, "/api/auth/sign-out", "{}")
		p.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
		p.Get("/api/auth/session").Want(http.StatusUnauthorized)
		if s.store == postgres {
			copied.Get("/api/auth/session").Want(http.StatusUnauthorized)
			s.wantEvents(p, "account_created", "signed_in", "signed_out")
		}
	}
}

// wantEvents fails the test unless these events, each once, are all events of a user.
func (s *scene) wantEvents(p *person, kinds ...string) {
	s.t.Helper()
	var found []string
	err := s.world.DB.QueryRow(s.t.Context(), `
		SELECT ARRAY(
		    SELECT kind
		    FROM account_events
		    JOIN users ON users.id = user_id
		    WHERE email = $1
		    ORDER BY account_events.id)`, p.email).Scan(&found)
	if err != nil {
		s.t.Fatal(err)
	}
	harness.WantEqual(s.t, "events of "+p.email, found, kinds)
}

// sessionOf returns the public id of a user's session, "" if there is none.
func (s *scene) sessionOf(p *person) string {
	s.t.Helper()
	if a := p.Get("/api/auth/session"); a.Status == http.StatusOK {
		return a.SignedIn().Session.ID
	}
	return ""
}

// playTwoTabs makes two users wait for their codes in two tabs of one browser; the second one to
// type a code stays signed in. A third user steps up in two tabs at once.
func playTwoTabs(s *scene) {
	s.open()
	in, first := s.signedIn(), s.waiting()
	second := s.waitingIn(first.Browser)
	s.finish(first, second)
	harness.WantEqual(s.t, "user of the browser",
		first.Get("/api/auth/session").SignedIn().User.Email, second.email)

	before := s.sessionOf(in)
	s.world.Pass(s.t, time.Minute) // so that the next mail may be sent
	twice := func(call func() *answer) []*answer {
		return harness.Together(2, func(int) *answer { return call() })
	}
	for _, a := range twice(func() *answer { return in.RequestCode(in.email) }) {
		a.Want(http.StatusAccepted)
	}
	s.world.AwaitMails(s.t)
	harness.WantEqual(s.t, "mails", len(s.world.Mails(s.t, "sign_in_code", in.email, 2)), 2)
	in.code = s.world.Code(s.t, in.email, 2)
	answers := twice(in.verify)
	if failed := slices.IndexFunc(answers,
		func(a *answer) bool { return a.Status != http.StatusOK }); failed >= 0 {
		s.finished(answers[failed])
		return
	}
	for _, a := range answers {
		harness.WantEqual(s.t, "session after the step-up", a.SignedIn().Session.ID, before)
	}
	s.look(in)
}

// playOlderToken signs a user out with the cookies from before a step-up, as a restored window can.
func playOlderToken(s *scene) {
	s.open()
	in, waiting := s.signedIn(), s.waiting()
	older := in.Clone()
	s.world.Pass(s.t, time.Minute)
	in.RequestCode(in.email).Want(http.StatusAccepted)
	in.code = s.world.Code(s.t, in.email, 2)
	in.verify().Want(http.StatusOK)
	in.Get("/api/auth/session").Want(http.StatusOK)
	s.world.Exec(s.t,
		`UPDATE replaced_tokens SET presented_at = presented_at - interval '11 seconds'`)
	if s.store == postgres {
		older.Get("/api/auth/session").Want(http.StatusUnauthorized)
	}

	older.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
	s.lookEnded(in)
	s.finish(waiting)
}
