package system_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sana/backend/test/harness"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// storm requests codes from two processes while they are killed.
type storm struct {
	*testing.T
	w      *harness.World
	mu     sync.RWMutex // of processes
	random *rand.Rand
	on     []*harness.Process

	next     atomic.Int64 // number of the next request
	accepted sync.Map     // addresses with an accepted request (202)
	done     atomic.Int64 // number of accepted requests
}

// F-01, F-02, F-03 and F-17: two instances are killed at random times while codes are requested.
// Every accepted request has exactly one mail in the queue, which is done in the end. A mail is
// sent twice only if a kill fell between sending and recording it, and then with the same code.
// None is sent after its code has expired. A request without an answer has a challenge and its
// mail, or neither. SANA_KILLS and SANA_MAILS are the numbers, SANA_KILLS_SEED is the seed.
func TestKills_LoseNoMailAndSendNoneNeedlessly(t *testing.T) {
	t.Parallel()
	kills, mails := harness.Number(t, "SANA_KILLS", 6), harness.Number(t, "SANA_MAILS", 60)
	seed := harness.Number(t, "SANA_KILLS_SEED", int(rand.Uint32()))
	t.Logf("SANA_KILLS=%d SANA_MAILS=%d SANA_KILLS_SEED=%d", kills, mails, seed)
	s := &storm{T: t, w: harness.NewWorld(t), random: rand.New(rand.NewPCG(uint64(seed), 0))}
	for range 2 {
		s.on = append(s.on, s.w.Run(t))
	}
	asking := s.ask(mails)
	for n := range kills {
		s.awaitShare(n, kills, mails)
		s.kill()
	}
	asking.Wait()
	for _, p := range s.on {
		p.Kill(t)
	}
	expired := s.expireSome()
	before := s.mailsTo(expired)

	// No instance runs now. Their leases expire.
	leased := s.w.Count(t, `SELECT count(*) FROM mails WHERE done_at IS NULL AND attempts > 0`)
	s.w.Exec(t, `UPDATE mails SET next_at = now() WHERE done_at IS NULL`)
	s.w.Run(t)
	s.w.AwaitMails(t)

	harness.WantEqual(t, "mails with expired codes", s.mailsTo(expired), before)
	s.checkQueue(mails)
	duplicates := s.checkMails(expired)
	t.Logf("%d requests, %d accepted, %d kills, %d mails leased by the last two, %d twice, %d "+
		"expired", s.next.Load(), s.done.Load(), kills+2, leased, duplicates, len(expired))
}

// ask requests codes from several clients until the given number was accepted.
func (s *storm) ask(mails int) *sync.WaitGroup {
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for s.done.Load() < int64(mails) && s.Context().Err() == nil {
				s.askOnce()
			}
		})
	}
	return &clients
}

// askOnce requests a code in a new browser, with an unused address and from an unused network.
func (s *storm) askOnce() {
	n := s.next.Add(1)
	email := fmt.Sprintf("storm%d@sana.example", n)
	s.mu.RLock()
	b := s.on[n%2].Open(s)
	s.mu.RUnlock()
	b.Keep(browserCookie, string(visitor.NewBrowser()))
	switch status := b.Try(http.MethodPost, "/api/auth/code", `{"email":"`+email+`"}`); status {
	case http.StatusAccepted:
		s.accepted.Store(email, true)
		s.done.Add(1)
	case 0, http.StatusServiceUnavailable: // 0: killed
	default:
		s.Errorf("%s: got %d", email, status)
	}
}

// awaitShare waits until the share of accepted mails equals the share of kills, and a random moment
// longer.
func (s *storm) awaitShare(kill, kills, mails int) {
	s.Helper()
	harness.Eventually(s, "codes are not asked for any more", func() error {
		if got, want := s.done.Load(), int64(kill*mails/kills); got < want {
			return fmt.Errorf("%d requests were accepted, want %d", got, want)
		}
		return nil
	})
	moment := time.NewTimer(time.Duration(s.random.Int64N(int64(100 * time.Millisecond))))
	select {
	case <-moment.C:
	case <-s.Context().Done():
	}
}

// kill kills one of the processes and starts another in its place.
func (s *storm) kill() {
	s.Helper()
	which := s.random.IntN(2)
	s.on[which].Kill(s)
	fresh := s.w.Run(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on[which] = fresh
}

// expireSome expires the codes of half of the unfinished mails, and returns their addresses.
func (s *storm) expireSome() map[string]bool {
	s.Helper()
	rows, err := s.w.DB.Query(s.Context(), `
		UPDATE challenges
		SET expires_at = now()
		WHERE id IN (
		    SELECT ref
		    FROM mails
		    WHERE done_at IS NULL
		      AND get_byte(uuid_send(ref), 0) % 2 = 0)
		RETURNING email`)
	if err != nil {
		s.Fatal(err)
	}
	expired := map[string]bool{}
	var email string
	_, err = pgx.ForEachRow(rows, []any{&email}, func() error {
		expired[email] = true
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	return expired
}

func (s *storm) mailsTo(addresses map[string]bool) (n int) {
	for _, m := range s.w.Mailgun.Messages() {
		if addresses[m.To[0]] {
			n++
		}
	}
	return n
}

// checkQueue checks that each challenge has one mail, which is done, and each accepted request a
// challenge.
func (s *storm) checkQueue(mails int) {
	s.Helper()
	harness.WantEqual(s, "challenges without exactly one mail that is done", s.w.Count(s, `
		SELECT count(*)
		FROM challenges
		WHERE 1 <> (
		    SELECT count(*)
		    FROM mails
		    WHERE ref = challenges.id
		      AND done_at IS NOT NULL)`), 0)
	harness.WantEqual(s, "mails without a challenge", s.w.Count(s, `
		SELECT count(*) FROM mails WHERE NOT EXISTS (SELECT FROM challenges WHERE id = ref)`), 0)
	asked := map[string]bool{}
	for _, email := range s.addresses(`SELECT email FROM challenges`) {
		if asked[email] {
			s.Errorf("%s has two challenges", email)
		}
		asked[email] = true
	}
	n := 0
	s.accepted.Range(func(email, _ any) bool {
		n++
		if !asked[email.(string)] {
			s.Errorf("the request of %s was accepted and is lost", email)
		}
		return true
	})
	if n < mails {
		s.Errorf("%d requests were accepted, want %d", n, mails)
	}
}

func (s *storm) addresses(sql string) []string {
	s.Helper()
	var list []string
	if err := s.w.DB.QueryRow(s.Context(),
		`SELECT array_agg(email) FROM (`+sql+`) AS a (email)`).Scan(&list); err != nil {
		s.Fatal(err)
	}
	return list
}

// checkMails checks that a mail that was leased once was sent once, and one that a kill interrupted
// at most once more for each lease, with the same code. It returns the number of mails sent more
// than once.
func (s *storm) checkMails(expired map[string]bool) (duplicates int) {
	s.Helper()
	codes, sent := map[string]string{}, map[string]int{}
	for _, m := range accepted(s.w) {
		to, code := m.To[0], m.Subject[:6]
		sent[to]++
		if codes[to] != "" && codes[to] != code {
			s.Errorf("%s got two codes", to)
		}
		codes[to] = code
	}
	rows, err := s.w.DB.Query(s.Context(), `
		SELECT email, attempts
		FROM challenges
		JOIN mails ON ref = challenges.id`)
	if err != nil {
		s.Fatal(err)
	}
	var email string
	var attempts int
	_, err = pgx.ForEachRow(rows, []any{&email, &attempts}, func() error {
		if n := sent[email]; n > attempts || n == 0 && !expired[email] {
			s.Errorf("%s got %d mails with %d attempts", email, n, attempts)
		}
		if sent[email] > 1 {
			duplicates++
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	return duplicates
}
