package drill

import (
	"net/http"
	"slices"
	"time"

	"sana/backend/keyring"
	"sana/backend/test/harness"
)

// The session stores.
const (
	postgres     = "postgres"
	cookie       = "cookie"
	randomSecret = "random-secret"
	localFiles   = "local-files"
)

var stores = []drillStore{
	{postgres, "sessions in Postgres, the default"},
	{cookie, "sessions in the cookie, sealed with SECRET_KEYS (SESSION_STORE=cookie)"},
	{randomSecret, "the predecessor's first defect: a sealed cookie, with a new secret at each " +
		"start"},
	{localFiles, "the predecessor's second defect: sessions in files of one instance"},
}

type drillStore struct{ id, title string }

// drillCase is an event for users who are signed in and for users between the code and the sign-in.
type drillCase struct {
	id     string
	title  string
	people int // number of users in it
	play   func(*scene)
	ends   bool // the case revokes a session
}

var cases = []drillCase{
	{id: "restart", title: "SIGTERM, then a new process", people: 2, play: func(s *scene) {
		playRestart(s, s.end)
	}},
	{id: "kill", title: "kill -9, then a new process", people: 2, play: func(s *scene) {
		playRestart(s, func(p *harness.Process) { p.Kill(s.t) })
	}},
	{id: "second-instance", title: "a second instance, requests alternate", people: 3,
		play: playSecondInstance},
	{id: "rolling-restart", title: "rolling restart, 100 requests a second", people: 6,
		play: playRollingRestart},
	{id: "new-key-old-kept", title: "new secret key, the old one kept", people: 2,
		play: func(s *scene) {
			playNewKey(s, keyring.New(time.Now())+","+harness.SecretKeys)
		}},
	{id: "new-key-old-gone", title: "new secret key, the old one removed", people: 2,
		play: func(s *scene) {
			playNewKey(s, keyring.New(time.Now()))
		}},
	{id: "ended-elsewhere", title: "session revoked from another device", people: 2,
		play: playEndedElsewhere, ends: true},
	{id: "replay", title: "cookie copied, used after sign-out", people: 2, play: playReplay,
		ends: true},
	{id: "database-away", title: "database unavailable for 5 seconds", people: 2,
		play: playDatabaseAway},
	{id: "clock-ahead", title: "one of two clocks 45 minutes ahead (idle timeout 30)", people: 3,
		play: playClockAhead},
	{id: "ten-tabs", title: "ten tabs at once", people: 2, play: playTenTabs},
	{id: "lost-answers", title: "requests and answers lost on the way, repeated", people: 2,
		play: playLostAnswers},
	{id: "two-tabs", title: "a code in each of two tabs, one step-up in both", people: 3,
		play: playTwoTabs},
	{id: "older-token", title: "signed out with an older token", people: 2, play: playOlderToken,
		ends: true},
}

// playRestart has one instance, and for a moment none.
func playRestart(s *scene, end func(*harness.Process)) {
	first := s.open()
	in, waiting := s.signedIn(), s.waiting()
	end(first)
	s.tryWhileDown(in, waiting)
	s.open()
	s.finish(waiting)
	s.look(in)
}

// playSecondInstance adds a user who requests a code at one instance and types it at the other.
func playSecondInstance(s *scene) {
	first := s.open()
	in, waiting := s.signedIn(), s.waiting()
	s.front.to(s.start(), first)
	s.finish(waiting)
	s.look(in)
	s.finish(s.waiting())
}

// betweenSteps is the number of answered requests between the steps of a rolling restart.
const betweenSteps = 50

// playRollingRestart replaces two instances, one after the other: the new one is started, gets the
// traffic when it is ready, and then the old one is stopped. The predecessor has one instance,
// because two already break it.
func playRollingRestart(s *scene) {
	count := 2
	if s.store == randomSecret || s.store == localFiles {
		count = 1
	}
	var fleet []*harness.Process
	for range count {
		fleet = append(fleet, s.start())
	}
	s.front.to(fleet...)
	in := []*person{s.signedIn(), s.signedIn()}
	steps := slices.Collect(
		slices.Chunk([]*person{s.waiting(), s.waiting(), s.waiting(), s.waiting()}, 2/count))
	requests := s.load(in)
	for i := range fleet {
		requests.await(betweenSteps)
		old := fleet[i]
		fleet[i] = s.start()
		s.front.to(fleet...)
		s.finish(steps[2*i]...)
		requests.await(betweenSteps)
		s.end(old)
		s.finish(steps[2*i+1]...)
	}
	requests.await(betweenSteps)
	s.outcome.Failed = requests.stop()
	s.look(in...)
}

// playNewKey deploys an instance with other keys, without an interruption.
func playNewKey(s *scene, keys string) {
	first := s.open()
	in, waiting := s.signedIn(), s.waiting()
	s.open("SECRET_KEYS=" + keys)
	s.end(first)
	s.finish(waiting)
	s.look(in)
}

// playEndedElsewhere has a user with two devices, who revokes the session of one from the other.
func playEndedElsewhere(s *scene) {
	s.open()
	laptop, waiting := s.signedIn(), s.waiting()
	phone := &person{Browser: s.browser()}
	s.world.Pass(s.t, time.Minute)
	phone.RequestCode(laptop.email).Want(http.StatusAccepted)
	lost := phone.Verify(s.world.Code(s.t, laptop.email, 2)).Want(http.StatusOK).SignedIn()

	answer := laptop.Do(http.MethodDelete, "/api/sessions/"+lost.Session.ID, "")
	if answer.Status != http.StatusNoContent {
		s.outcome.Failed++
		s.refuse(answer)
	}
	s.lookEnded(phone)
	s.finish(waiting)
	s.look(laptop)
}

// playReplay has an attacker with copies of cookies: of a session that is signed out, and of a
// finished sign-in. A browser with a browser token and its code shares the session, but gets none
// of its own.
func playReplay(s *scene) {
	s.open()
	in, waiting := s.signedIn(), s.waiting()
	copied, copiedWaiting := &person{Browser: in.Clone()}, waiting.Clone()
	in.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
	s.lookEnded(copied)
	s.finish(waiting)
	again := copiedWaiting.VerifyFor(waiting.email, waiting.code).Want(http.StatusOK).SignedIn()
	harness.WantEqual(s.t, "session of a repeated code", again.Session.ID, s.sessionOf(waiting))
}

// The database is unavailable for awayRounds rounds, each awayRound long: for 5 seconds.
const (
	awayRounds = 10
	awayRound  = 500 * time.Millisecond
)

func playDatabaseAway(s *scene) {
	instance := s.open()
	in, waiting := s.signedIn(), s.waiting()
	s.world.StopDatabase(s.t)
	tick := time.NewTicker(awayRound)
	defer tick.Stop()
	for round := range awayRounds {
		s.answeredWhileAway(in.Get("/api/auth/session"))
		s.answeredWhileAway(waiting.Get("/api/auth/code"))
		if round == awayRounds/2 {
			s.answeredWhileAway(waiting.verify())
		}
		in.Get("/livez").Want(http.StatusOK)
		<-tick.C
	}
	s.world.BringBack(s.t)
	instance.WaitReady(s.t)
	s.finish(waiting)
	s.look(in)
}

// answeredWhileAway expects the answer, or 503 with Retry-After, and no cookie in either.
func (s *scene) answeredWhileAway(a *answer) {
	s.t.Helper()
	switch {
	case a.Status == http.StatusUnauthorized:
		s.outcome.Away401++
	case a.Status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") != "":
		s.outcome.Failed++
	case a.Status != http.StatusOK:
		s.t.Errorf("while the database was unavailable: got %d with Retry-After %q: %s", a.Status,
			a.Header.Get("Retry-After"), a.Body)
	}
	if len(a.Set) > 0 {
		s.t.Errorf("while the database was unavailable: %d sets a cookie: %v", a.Status, a.Set)
	}
}

// playClockAhead adds an instance whose clock is 45 minutes ahead, with an idle timeout of 30
// minutes. Users who signed in at one instance continue at the other, and finally all requests
// reach the one that is ahead.
func playClockAhead(s *scene) {
	const idle = "SESSION_IDLE_TIMEOUT=30m"
	first := s.open(idle)
	in, waiting := s.signedIn(), s.waiting()
	var err error
	if s.world.Program, err = s.ahead(); err != nil {
		s.t.Fatal(err)
	}
	second := s.start(idle)
	wantAhead(s.t, second)
	s.front.to(second, first)
	s.look(append(s.finish(waiting), in)...)
	s.end(first)
	s.front.to(second)
	s.finish(s.waiting())
}

// playTenTabs has both users send ten requests at the same time, with one cookie each. A code that
// is typed in one tab is no longer pending in the others, so that their answers may say so.
func playTenTabs(s *scene) {
	s.open()
	in, waiting := s.signedIn(), s.waiting()
	s.world.Pass(s.t, time.Minute) // so that the mail may be sent again
	read := func(path string) func() *answer {
		return func() *answer { return waiting.Get(path) }
	}
	tabs := []func() *answer{
		waiting.verify,
		waiting.Resend,
	}
	for range 4 {
		tabs = append(tabs, read("/api/auth/session"), read("/api/auth/code"))
	}
	for range 10 {
		tabs = append(tabs, func() *answer { return in.Get("/api/auth/session") })
	}
	answers := harness.Together(len(tabs), func(i int) *answer { return tabs[i]() })
	if s.finished(answers[0]) {
		s.look(waiting)
	}
	for i, a := range answers[1:] {
		isIn := i >= len(tabs)-11
		if a.Status >= 500 || a.Status == http.StatusTooManyRequests || isIn &&
			a.Status != http.StatusOK {
			s.outcome.Failed++
			s.refuse(a)
		}
	}
	s.look(in)
}
