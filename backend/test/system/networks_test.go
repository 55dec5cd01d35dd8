package system_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// office is an IP address that many visitors share.
const office = "192.0.2.1"

// network is an IPv6 network whose /64s share its budget.
type network struct {
	bits   int
	within []string // the /64s in use, such as "2001:db8:1:100"
	budget int      // of the network, for codes sent and for wrong codes
	times  int      // how often each use is counted before the race
	around int      // number of networks with the same uses: this one, and wider ones
}

// left returns the rest of the budget, after one use in each /64.
func (n network) left() int { return n.budget - len(n.within)*n.times }

// visitors with IPv6 are counted by three networks. Each network's budget is exact, while
// right codes, wrong codes and code requests come from many hosts at once. At most five wrong codes
// of a challenge are answered.
func TestNetworks_BudgetsOfIPv6AreExact(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	within := func(third int, fourth ...string) (list []string) {
		for _, part := range fourth {
			list = append(list, fmt.Sprintf("2001:db8:%d:%s", third, part))
		}
		return list
	}
	// Narrower networks have room for the whole rest of the widest one.
	for _, n := range []network{
		{bits: 64, budget: 60, times: 50, around: 3, within: within(1, "100")},
		{bits: 56, budget: 120, times: 37, around: 2, within: within(2, "100", "101", "1ff")},
		{bits: 48, budget: 360, times: 29, around: 1, within: within(3, "100", "1ff", "200", "2ff",
			"300", "3ff", "400", "4ff", "8000", "80ff", "ff00", "ffff")},
	} {
		raceNetwork(t, f, n)
		f.clear(t)
	}
}

// inWaves is together for calls in a random order, forty at once. If many more waited for one lock,
// requests on a slow machine would reach their deadline, and their answers would not say what was
// counted.
func inWaves(n int, call func(i int) *harness.Answer) []*harness.Answer {
	const atOnce = 40
	answers, order := make([]*harness.Answer, n), rand.Perm(n)
	for wave := range slices.Chunk(order, atOnce) {
		harness.Together(len(wave), func(i int) *harness.Answer {
			answers[wave[i]] = call(wave[i])
			return nil
		})
	}
	return answers
}

// raceNetwork uses up a network's budget except for a few uses, and then tries many more: for each
// code seven wrong attempts and the right one, and as many requests as wrong attempts fit.
func raceNetwork(t *testing.T, f fleet, n network) {
	guessed := n.requestCodes(t, f)
	n.fill(t, f)
	mailed := f.w.Count(t, `SELECT count(*) FROM mails`)

	const perCode = 8
	guesses, requests := perCode*len(guessed), 2*n.left()
	right := func(i int) bool { return i < guesses && i/len(guessed) == 3 }
	answers := inWaves(guesses+requests, func(i int) *harness.Answer {
		if i >= guesses {
			b := f.on[i%2].Open(t).At(n.host(i))
			return b.RequestCode(fmt.Sprintf("requested%d@sana.example", i))
		}
		g := guessed[i%len(guessed)]
		b := g.Clone()
		b.MoveTo(f.on[i/len(guessed)%2].Instance)
		if right(i) {
			return b.Verify(g.code)
		}
		return b.Verify(harness.WrongCode(g.code))
	})

	wrong, sent, perGuessed := 0, 0, map[int]int{}
	for i, a := range answers {
		switch {
		case a.Status == http.StatusAccepted && i >= guesses:
			sent++
		case a.Status == http.StatusUnauthorized && i < guesses && !right(i):
			wrong++
			perGuessed[i%len(guessed)]++
		case a.Status == http.StatusOK && right(i):
		case a.Status == http.StatusTooManyRequests && i >= guesses:
			a.Want(http.StatusTooManyRequests, "too_many_requests")
		case a.Status == http.StatusTooManyRequests:
			if code := a.Problem().Code; code != "too_many_requests" && code != "too_many_tries" {
				t.Errorf("/%d: a guess: %s", n.bits, code)
			}
		default:
			t.Errorf("/%d: answer %d: got %d %s", n.bits, i, a.Status, a.Body)
		}
	}
	for i, compared := range perGuessed {
		if compared > 5 {
			t.Errorf("/%d: %d guesses at code %d were compared", n.bits, compared, i)
		}
	}
	n.wantFull(t, f, wrong, sent, f.w.Count(t, `SELECT count(*) FROM mails`)-mailed)
}

// host returns the address of a host in one of the network's /64s.
func (n network) host(i int) string {
	return fmt.Sprintf("%s::%x", n.within[i%len(n.within)], i+1)
}

// requestCodes requests codes from elsewhere, for hosts of the network that will guess at them.
func (n network) requestCodes(t *testing.T, f fleet) []guesser {
	t.Helper()
	guessed := make([]guesser, n.left()/2)
	for i := range guessed {
		email := fmt.Sprintf("guessed%d@sana.example", i)
		guessed[i] = guesser{Browser: f.on[i%2].Open(t), email: email}
		guessed[i].RequestCode(email).Want(http.StatusAccepted)
	}
	for i := range guessed {
		guessed[i].code = f.w.Code(t, guessed[i].email, 1)
		guessed[i].At(n.host(i))
	}
	return guessed
}

// fill uses up all but a few uses of the widest network: each /64 requests one code and sends a
// wrong one, and the counts of both are multiplied.
func (n network) fill(t *testing.T, f fleet) {
	t.Helper()
	f.w.Exec(t, `TRUNCATE uses`)
	for i := range n.within {
		b := f.on[i%2].Open(t).At(n.host(i))
		b.RequestCode(fmt.Sprintf("before%d@sana.example", i)).Want(http.StatusAccepted)
		b.Verify(longWrong).Want(http.StatusUnauthorized, "wrong_code")
	}
	f.w.Exec(t, `
		INSERT INTO uses (key, at, ends_at)
		SELECT key, at, ends_at
		FROM uses
		CROSS JOIN generate_series(2, $1)`, n.times)
}

// wantFull fails the test unless exactly the rest of the budget was used, for each kind of use.
func (n network) wantFull(t *testing.T, f fleet, wrong, sent, mailed int) {
	t.Helper()
	for what, got := range map[string]int{
		"wrong codes compared": wrong, "codes sent": sent, "mails queued": mailed,
		"tries counted": f.w.Count(t, `SELECT sum(tries) FROM challenges`) - len(n.within),
	} {
		harness.WantEqual(t, fmt.Sprintf("/%d: %s", n.bits, what), got, n.left())
	}
	harness.WantEqual(t, fmt.Sprintf("/%d: networks with a full budget", n.bits), f.w.Count(t, `
		SELECT count(*)
		FROM (SELECT key FROM uses GROUP BY key HAVING count(*) = $1) AS keys`,
		n.budget), 2*n.around)
}

// the mails that one network can cause are limited, whatever its requests claim as
// their origin.
func TestNetworkBudget_SixtyCodesAnHour(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	processes := []*harness.Process{w.Run(t), w.Run(t)}
	app := processes[0]
	forged := []string{
		"X-Real-Ip", "Cf-Connecting-Ip", "True-Client-Ip",
		"Forwarded", "X-Client-Ip", "X-Cluster-Client-Ip",
	}

	answers := harness.Together(100, func(n int) *harness.Answer {
		elsewhere := fmt.Sprintf("203.0.113.%d", n)
		return processes[n%2].Open(t).RequestCode(fmt.Sprintf("person%d@sana.example", n),
			harness.With("X-Forwarded-For", elsewhere+", "+office),
			harness.With(forged[n%len(forged)], elsewhere))
	})

	harness.WantEqual(t, "answers", tally(answers),
		map[string]int{"202": 60, "429 too_many_requests": 40})
	a := app.Open(t).At(office).RequestCode(ada)
	a.Want(http.StatusTooManyRequests, "too_many_requests")
	if a.Problem().RetryAfter < 3500 || a.Header.Get("Retry-After") == "" || len(a.Set) != 0 {
		t.Errorf("got %s with Retry-After %q and %d cookies", a.Body, a.Header.Get("Retry-After"),
			len(a.Set))
	}
	harness.WantEqual(t, "challenges", w.Count(t, `SELECT count(*) FROM challenges`), 60)
	harness.WantEqual(t, "mails", w.Count(t, `SELECT count(*) FROM mails`), 60)
	app.Open(t).At("::ffff:192.0.2.1").RequestCode(ada).
		Want(http.StatusTooManyRequests, "too_many_requests")
	app.Open(t).At("192.0.2.2").RequestCode(ada).Want(http.StatusAccepted)
	w.Pass(t, time.Hour)
	app.Open(t).At(office).RequestCode(grace).Want(http.StatusAccepted)
}

// the budgets of a network are settings. Requests that send no mail count too; right codes do
// not, so that all users in an office can sign in. Other networks have budgets of their own.
func TestNetworkBudget_CountsRequestsAndWrongCodes(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t, "CODES_PER_NETWORK=3", "WRONG_CODES_PER_NETWORK=2")
	for _, email := range []string{ada, grace, "bob@sana.example"} {
		b := app.Open(t)
		code := b.GetCode(w, email)
		b.At(office).Verify(code).Want(http.StatusOK)
	}

	for n := range 3 {
		mail := app.Open(t).At(office).RequestCode("eve@sana.example").Want(http.StatusAccepted).
			CodeRequest().Mail
		harness.WantEqual(t, "mail", mail, [3]string{"queued", "none", "none"}[n])
	}
	app.Open(t).At(office).RequestCode("eve@sana.example").
		Want(http.StatusTooManyRequests, "too_many_requests")

	b := app.Open(t)
	code := b.GetCode(w, "mallory@sana.example")
	b.At(office)
	for range 2 {
		b.Verify(harness.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code")
	}
	refused := b.Verify(code).Want(http.StatusTooManyRequests, "too_many_requests").Problem()
	if refused.RetryAfter < 3500 {
		t.Errorf("retry_after is %d, want nearly an hour", refused.RetryAfter)
	}
	b.At("192.0.2.2").Verify(code).Want(http.StatusOK)
}

// A browser that is known for an address is not counted by network: it signs in from a network
// whose budgets strangers have used up, and uses none of them.
func TestKnownBrowser_IsNotCountedByNetwork(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t, "CODES_PER_NETWORK=3", "WRONG_CODES_PER_NETWORK=3")
	owner := app.Open(t)
	owner.SignIn(w, ada)
	owner.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
	owner.At(office)
	counts := func() int { return w.Count(t, `SELECT count(*) FROM uses`) }

	before := counts()
	code := owner.GetCode(w, ada)
	harness.WantEqual(t, "counts of its code, by device and for all", counts()-before, 2)
	owner.Verify(harness.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code")
	harness.WantEqual(t, "with its wrong code, by device and in a row", counts()-before, 4)
	owner.Verify(code).Want(http.StatusOK)
	owner.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)

	colleague := app.Open(t).At(office)
	for n := range 3 {
		colleague.RequestCode(fmt.Sprintf("person%d@sana.example", n)).Want(http.StatusAccepted)
		colleague.Verify("000000").Want(http.StatusUnauthorized, "wrong_code")
	}
	colleague.Verify("000000").Want(http.StatusTooManyRequests, "too_many_requests")
	// not known for that address
	for _, b := range []*harness.Browser{app.Open(t).At(office), owner} {
		b.RequestCode(grace).Want(http.StatusTooManyRequests, "too_many_requests")
	}

	code = owner.GetCode(w, ada)
	owner.Verify(harness.WrongCode(code)).Want(http.StatusUnauthorized, "wrong_code")
	owner.Verify(code).Want(http.StatusOK)
}
