package system_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"

	"sana/backend/test/harness"
)

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
	raceNetworks(t, newFleet(t, harness.NewWorld(t)))
}

func raceNetworks(t *testing.T, f fleet) {
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

// raceNetwork uses up a network's budget except for a few uses, and then tries many more.
func raceNetwork(t *testing.T, f fleet, n network) {
	what := func(text string) string { return fmt.Sprintf("/%d: %s", n.bits, text) }
	host := func(i int) string { return fmt.Sprintf("%s::%x", n.within[i%len(n.within)], i+1) }

	// The codes are requested from elsewhere. Before the race each /64 sends one code and a wrong
	// one, which are then counted many times: all but a few uses of the widest network are gone.
	guessed := make([]guesser, n.left()/2)
	for i := range guessed {
		email := fmt.Sprintf("guessed%d@sana.example", i)
		guessed[i] = guesser{Browser: f.on[i%2].Open(t), email: email}
		guessed[i].RequestCode(email).Want(http.StatusAccepted)
	}
	for i := range guessed {
		guessed[i].code = f.w.Code(t, guessed[i].email, 1)
		guessed[i].At(host(i))
	}
	f.w.Exec(t, `TRUNCATE uses`)
	for i := range n.within {
		b := f.on[i%2].Open(t).At(host(i))
		b.RequestCode(fmt.Sprintf("before%d@sana.example", i)).Want(http.StatusAccepted)
		b.Verify(longWrong).Want(http.StatusUnauthorized, "wrong_code")
	}
	f.w.Exec(t, `
		INSERT INTO uses (key, at, ends_at)
		SELECT key, at, ends_at
		FROM uses
		CROSS JOIN generate_series(2, $1)`, n.times)
	mailed := f.w.Count(t, `SELECT count(*) FROM mails`)

	// For each code seven wrong attempts and the right one, and as many requests as wrong attempts
	// fit.
	const perCode = 8
	guesses, requests := perCode*len(guessed), 2*n.left()
	right := func(i int) bool { return i < guesses && i/len(guessed) == 3 }
	answers := inWaves(guesses+requests, func(i int) *harness.Answer {
		if i >= guesses {
			b := f.on[i%2].Open(t).At(host(i))
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
				t.Errorf("%s: %s", what("a guess"), code)
			}
		default:
			t.Errorf("%s: got %d %s", what(fmt.Sprint("answer ", i)), a.Status, a.Body)
		}
	}
	harness.WantEqual(t, what("wrong codes compared"), wrong, n.left())
	harness.WantEqual(t, what("codes sent"), sent, n.left())
	for i, compared := range perGuessed {
		if compared > 5 {
			t.Errorf("%s: %d were compared", what(fmt.Sprint("guesses at code ", i)), compared)
		}
	}
	harness.WantEqual(t, what("tries counted"),
		f.w.Count(t, `SELECT sum(tries) FROM challenges`), n.left()+len(n.within))
	harness.WantEqual(t, what("mails queued"),
		f.w.Count(t, `SELECT count(*) FROM mails`), mailed+n.left())
	harness.WantEqual(t, what("networks with so many uses, of both kinds"), f.w.Count(t, `
		SELECT count(*)
		FROM (SELECT key FROM uses GROUP BY key HAVING count(*) = $1) AS keys`,
		n.budget), 2*n.around)
}
