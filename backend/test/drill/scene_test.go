package drill

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// outcome is the effect of one case on its users.
type outcome struct {
	People    int
	LostCodes int // users between the code and the sign-in whose mailed code did not work
	// users signed in before and not after; if the case revokes a session, users still signed in
	SignedOut int
	Failed    int    // requests without the expected answer, because of the case
	Away401   int    // answers of 401 while the database was unavailable
	Refusals  string // refusals that the affected users saw
}

// scene is one case with one store: its own world, and the load balancer of its users.
type scene struct {
	t       *testing.T
	store   string
	world   *harness.World
	front   *front
	ahead   func() (path string, err error) // of the program whose clock is ahead
	outcome outcome
	refused []string
}

func newScene(t *testing.T, store string) *scene {
	t.Helper()
	s := &scene{t: t, store: store, world: harness.NewWorld(t), front: newFront(t)}
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s.world.Program = executable
	return s
}

// start runs one more instance, with further NAME=value pairs, and waits until it is ready.
func (s *scene) start(override ...string) *harness.Process {
	s.t.Helper()
	store := cookie
	if s.store == postgres {
		store = postgres
	}
	return s.world.Run(s.t,
		append([]string{storeVariable + "=" + s.store, "SESSION_STORE=" + store}, override...)...)
}

// open starts the first instance and directs the load balancer to it.
func (s *scene) open(override ...string) *harness.Process {
	s.t.Helper()
	p := s.start(override...)
	s.front.to(p)
	return p
}

// end stops an instance as a platform does, and expects a clean exit.
func (s *scene) end(p *harness.Process) {
	s.t.Helper()
	if err := p.Terminate(s.t); err != nil {
		s.t.Errorf("after SIGTERM: %v", err)
	}
}

// person is a user with a browser.
type person struct {
	*harness.Browser
	email string
	code  string  // from the mail, "" if none could be requested
	lost  *answer // the answer to the code request, if it was refused
}

// answer is an answer of an instance.
type answer = harness.Answer

// verify sends the user's code for their address.
func (p *person) verify() *answer { return p.VerifyFor(p.email, p.code) }

// browser opens a new browser.
func (s *scene) browser() *harness.Browser {
	return (&harness.Instance{URL: s.front.URL}).Open(s.t)
}

// visitor adds a user who has opened the page in a browser and done nothing yet.
func (s *scene) visitor(b *harness.Browser) *person {
	s.outcome.People++
	return &person{Browser: b, email: fmt.Sprintf("person%d@sana.example", s.outcome.People)}
}

// waiting adds a user who has a code and has not typed it.
func (s *scene) waiting() *person {
	s.t.Helper()
	return s.waitingIn(s.browser())
}

// waitingIn is waiting for a browser that may be another user's too.
func (s *scene) waitingIn(b *harness.Browser) *person {
	s.t.Helper()
	p := s.visitor(b)
	if a := p.RequestCode(p.email); a.Status != http.StatusAccepted {
		p.lost = a
		return p
	}
	p.code = s.world.Code(s.t, p.email, 1)
	return p
}

// signedIn adds a user who is signed in.
func (s *scene) signedIn() *person {
	s.t.Helper()
	p := s.waiting()
	p.verify().Want(http.StatusOK)
	return p
}

// finish makes users type their codes, and returns those who are signed in then.
func (s *scene) finish(people ...*person) (in []*person) {
	s.t.Helper()
	for _, p := range people {
		a := p.lost
		if a == nil {
			a = p.verify()
		}
		if s.finished(a) {
			in = append(in, p)
		}
	}
	return in
}

// finished judges the answer to a code.
func (s *scene) finished(a *answer) bool {
	s.t.Helper()
	if a.Status == http.StatusOK {
		return true
	}
	s.outcome.LostCodes++
	s.refuse(a)
	return false
}

// look counts the users who are no longer signed in. Each user asks twice, so that both of two
// instances are asked.
func (s *scene) look(people ...*person) {
	s.t.Helper()
	for _, p := range people {
		first, second := p.Get("/api/auth/session"), p.Get("/api/auth/session")
		if first.Status != http.StatusOK || second.Status != http.StatusOK {
			s.outcome.SignedOut++
		}
		s.refuse(first)
		s.refuse(second)
	}
}

// lookEnded counts a user whose session was revoked and who is still signed in.
func (s *scene) lookEnded(p *person) {
	s.t.Helper()
	a := p.Get("/api/auth/session")
	if a.Status == http.StatusOK {
		s.outcome.SignedOut++
	}
	s.refuse(a)
}

// refuse records the refusal, if the answer is one. No answer in a drill may be an internal error.
func (s *scene) refuse(a *answer) {
	s.t.Helper()
	if a.Status < 400 {
		return
	}
	var problem struct {
		Code      string
		SignedOut struct{ Reason string } `json:"signed_out"`
	}
	a.JSON(&problem)
	if a.Status == http.StatusInternalServerError {
		s.t.Errorf("an internal error: %s", a.Body)
	}
	refusal := fmt.Sprint(a.Status, " ", problem.Code)
	if reason := problem.SignedOut.Reason; reason != "" {
		refusal += ": " + reason
	}
	if !slices.Contains(s.refused, refusal) {
		s.refused = append(s.refused, refusal)
	}
	s.outcome.Refusals = strings.Join(s.refused, ", ")
}

// lose sends a request of a user that is lost, or whose answer is.
func (s *scene) lose(p *person, what loss, path, body string) {
	s.front.lose(what)
	p.Try(http.MethodPost, path, body)
	s.outcome.Failed++
}

// tryWhileDown sends a request of every user while no instance runs.
func (s *scene) tryWhileDown(people ...*person) {
	for _, p := range people {
		if s.ask(p) != http.StatusOK {
			s.outcome.Failed++
		}
	}
}

// ask reads a user's session, which may fail, and returns the status, 0 if there is no answer.
func (s *scene) ask(p *person) int { return p.Try(http.MethodGet, "/api/auth/session", "") }

// stall is longer than any timeout of these programs for a statement, a lock or a connection: a 503
// that took longer means that the machine was stalled.
const stall = 2500 * time.Millisecond

// askPatiently is ask that retries after a 503 that took longer than a stall, as browsers of
// package harness do.
func (s *scene) askPatiently(p *person) (status int) {
	for range 5 {
		began := time.Now()
		status = s.ask(p)
		if status != http.StatusServiceUnavailable || time.Since(began) < stall {
			break
		}
	}
	return status
}

// loadInterval is 100 requests a second.
const loadInterval = 10 * time.Millisecond

// load is a number of signed-in users who read their session, 100 times a second in all.
type load struct {
	cancel   context.CancelFunc
	group    sync.WaitGroup
	answered chan bool // one value for each answer: whether it was the right one
	failed   int
}

func (s *scene) load(people []*person) *load {
	ctx, cancel := context.WithCancel(s.t.Context())
	l := &load{cancel: cancel, answered: make(chan bool, 100_000)}
	l.group.Go(func() {
		tick := time.NewTicker(loadInterval)
		defer tick.Stop()
		for sent := 0; ; sent++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			l.group.Go(func() {
				l.answered <- s.askPatiently(people[sent%len(people)]) == http.StatusOK
			})
		}
	})
	return l
}

// await waits until n more requests were answered.
func (l *load) await(n int) {
	for range n {
		if !<-l.answered {
			l.failed++
		}
	}
}

// stop ends the load and returns the number of answers other than 200.
func (l *load) stop() (failed int) {
	l.cancel()
	l.group.Wait()
	l.await(len(l.answered))
	return l.failed
}
