package chaos

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"sana/backend/test/harness"
)

// endedWithin is how long a revoked session may still be served by an instance that has not
// received the revocation.
const endedWithin = 2 * time.Second

// strangers are users who sign in, read and sign out, one after the other.
type strangers struct {
	n *nemesis

	mu         sync.Mutex
	counts     map[string]int
	violations []string
	accepted   []string          // addresses whose request for a code was accepted
	entered    []string          // addresses that signed in
	left       map[string]bool   // addresses that signed out
	wrong      map[string]int    // answered wrong codes, by address
	codes      map[string]string // that were mailed, by address
	arrived    map[string]time.Time
	secrets    []string // which must not be in the log
}

func newStrangers(n *nemesis) *strangers {
	c := &strangers{
		n: n, counts: map[string]int{}, left: map[string]bool{}, wrong: map[string]int{},
		codes: map[string]string{}, arrived: map[string]time.Time{},
	}
	go c.takeMail()
	return c
}

// takeMail records the mails and the time of each.
func (c *strangers) takeMail() {
	for seen := 0; ; {
		all, err := c.n.w.Mailgun.Wait(c.n.Context(), seen+1)
		if err != nil {
			return
		}
		c.mu.Lock()
		for _, m := range all[seen:] {
			code, to := harness.CodeIn(m), m.To[0]
			if m.Status != http.StatusOK || code == "" {
				continue
			}
			if before := c.codes[to]; before != "" && before != code {
				c.violations = append(c.violations, to+" was mailed two codes")
			}
			c.codes[to], c.arrived[to] = code, time.Now()
		}
		c.mu.Unlock()
		seen = len(all)
	}
}

func (c *strangers) count(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[what]++
}

func (c *strangers) violate(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.violations = append(c.violations, fmt.Sprintf(format, args...))
}

// until repeats a request, each time at any of the instances, until it is answered.
func (c *strangers) until(random *rand.Rand, ask func(at string) answer) answer {
	for {
		a := ask(c.anywhere(random))
		if !a.isLost() || c.n.Context().Err() != nil {
			return a
		}
		c.count("requests lost or refused")
	}
}

func (c *strangers) anywhere(random *rand.Rand) string {
	return fmt.Sprintf("http://127.0.0.1:%d", c.n.ports[random.IntN(len(c.n.ports))])
}

// live runs one user. If the code request is lost, half of the users do not return.
func (c *strangers) live(random *rand.Rand) {
	p := newPerson(c.n)
	a := p.requestCode(c.anywhere(random))
	if a.isLost() {
		c.count("requests lost or refused")
		if random.IntN(2) == 0 {
			return
		}
		a = c.until(random, p.requestCode)
	}
	if a.status != http.StatusAccepted {
		c.violate("%s: requesting a code got %d %s", p.email, a.status, a.body)
		return
	}
	c.count("codes requested")
	code := c.codeFor(p.email)
	if code == "" || !c.enter(random, p, code) {
		return
	}
	for range random.IntN(5) {
		if a := c.until(random, p.session); a.status != http.StatusOK {
			c.violate("I7: %s: reading a session got %d %s", p.email, a.status, a.body)
		}
		c.count("reads")
	}
	if random.IntN(2) == 0 {
		c.leave(random, p)
	}
}

// codeFor waits for the code of an address.
func (c *strangers) codeFor(email string) string {
	c.mu.Lock()
	c.accepted = append(c.accepted, email)
	c.mu.Unlock()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(2 * harness.Deadline); time.Now().Before(end) &&
		c.n.Context().Err() == nil; <-tick.C {
		c.mu.Lock()
		code := c.codes[email]
		c.mu.Unlock()
		if code != "" {
			return code
		}
	}
	c.violate("I4: the mail to %s has not come", email)
	return ""
}

// repeatable is how long the browser that has used a code may repeat it.
const repeatable = 2 * time.Minute

// enter sometimes sends a wrong code, and repeats the right one until it is answered: a lost answer
// must not cost a sign-in. It reports whether the user is signed in.
func (c *strangers) enter(random *rand.Rand, p *person, code string) bool {
	if random.IntN(3) == 0 {
		a := p.verify(c.anywhere(random), harness.WrongCode(code))
		switch {
		case a.status == http.StatusUnauthorized && a.code == "wrong_code":
			c.countWrong(p.email)
			c.count("wrong codes")
		case !a.isLost():
			c.violate("%s: a wrong code got %d %s", p.email, a.status, a.body)
		}
	}
	began := time.Now()
	a := c.until(random, func(at string) answer { return p.verify(at, code) })
	switch {
	case a.status == http.StatusOK:
		c.count("sign-ins")
		c.mu.Lock()
		c.entered = append(c.entered, p.email)
		c.secrets = append(c.secrets, slices.Collect(maps.Values(p.cookies))...)
		c.mu.Unlock()
		return true
	case a.status == http.StatusGone && time.Since(began) > repeatable:
		c.count("sign-ins whose answer was lost for too long")
	default:
		c.violate("I7: %s: the right code got %d %s", p.email, a.status, a.body)
	}
	return false
}

func (c *strangers) countWrong(email string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong[email]++
}

// leave signs out and checks that the revocation holds at every instance.
func (c *strangers) leave(random *rand.Rand, p *person) {
	thief, leaver := p.copied(), p.copied()
	a := c.until(random, func(at string) answer {
		return leaver.ask(at, http.MethodPost, "/api/auth/sign-out", "{}")
	})
	if a.status != http.StatusNoContent {
		c.violate("%s: signing out got %d %s", p.email, a.status, a.body)
		return
	}
	c.count("sign-outs")
	c.mu.Lock()
	c.left[p.email] = true
	c.mu.Unlock()
	bound := time.NewTimer(endedWithin)
	defer bound.Stop()
	<-bound.C
	for _, port := range c.n.ports {
		here := func(
			string) answer {
			return thief.session(fmt.Sprintf("http://127.0.0.1:%d", port))
		}
		if a := c.until(random, here); a.status != http.StatusUnauthorized {
			c.violate("I6: %s has signed out and got %d %s", p.email, a.status, a.body)
		}
	}
}

// check compares the users' observations with the database and the logs.
func (c *strangers) check(n *nemesis) {
	n.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, v := range c.violations {
		n.Error(v)
	}
	for _, email := range c.accepted {
		challenges := n.w.Count(n, `SELECT count(*) FROM challenges WHERE email = $1`, email)
		if challenges != 1 && !c.left[email] {
			n.Errorf("I4: %s: got %d challenges, want 1", email, challenges)
		}
	}
	for _, email := range c.entered {
		sessions := n.w.Count(n, `
			SELECT (SELECT count(*) FROM sessions WHERE user_id = users.id)
			     + (SELECT count(*) FROM ended_sessions WHERE user_id = users.id)
			FROM users
			WHERE email = $1`, email)
		harness.WantEqual(n, "I2: sessions of "+email, sessions, 1)
	}
	for email, wrong := range c.wrong {
		tries := n.w.Count(n, `SELECT coalesce(max(tries), 0) FROM challenges WHERE email = $1`,
			email)
		if wrong > tries && !c.left[email] {
			n.Errorf("I3: %s: %d wrong codes were answered and %d counted", email, wrong, tries)
		}
	}
	for email, at := range c.arrived {
		if n.w.Count(n, `SELECT count(*) FROM challenges WHERE email = $1 AND expires_at < $2`,
			email,
			at) > 0 {
			n.Errorf("I5: %s was mailed a code that had expired", email)
		}
	}
	checkLogs(n, c.secrets, n.logs...)
}
