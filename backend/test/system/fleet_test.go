package system_test

import (
	"testing"
	"time"

	"sana/backend/test/harness"
)

// fleet is two processes on one database, on which races are run.
type fleet struct {
	w          *harness.World
	on         []*harness.Process
	inPostgres bool // of the sessions; otherwise they are in cookies
	rounds     int  // of a race
}

// longWrong is a code of a fleet that is wrong with a probability of all but one in a hundred
// million. Codes have eight digits from the start: those of six would become longer after so many
// wrong ones.
const longWrong = "00000000"

// newFleet starts a fleet with sessions in Postgres.
func newFleet(t *testing.T) fleet {
	t.Helper()
	f := startFleet(t, harness.NewWorld(t))
	f.inPostgres, f.rounds = true, 10
	return f
}

func startFleet(t *testing.T, w *harness.World, override ...string) fleet {
	t.Helper()
	override = append([]string{"CODE_LENGTH=8"}, override...)
	return fleet{
		w: w, on: []*harness.Process{w.Run(t, override...), w.Run(t, override...)}, rounds: 3,
	}
}

// inEachSetting runs a race that reads and changes sessions in three settings. More requests read
// before one of them writes if the database is distant.
func inEachSetting(t *testing.T, race func(t *testing.T, f fleet)) {
	for setting, start := range map[string]func(t *testing.T) fleet{
		"sessions in Postgres": newFleet,
		"sessions in cookies": func(t *testing.T) fleet {
			return startFleet(t, harness.NewWorld(t), "SESSION_STORE=cookie")
		},
		"distant database": func(t *testing.T) fleet {
			w := harness.NewWorld(t)
			network := harness.NewNetwork(t, w.DatabaseURL)
			network.Slow(2 * time.Millisecond)
			f := startFleet(t, w, "DATABASE_URL="+network.URL, "MIGRATE_DATABASE_URL="+network.URL)
			f.inPostgres = true
			return f
		},
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			race(t, start(t))
		})
	}
}

// rows returns the number of rows of n sessions.
func (f fleet) rows(n int) int {
	if f.inPostgres {
		return n
	}
	return 0
}

// clear removes the rows of a race.
func (f fleet) clear(t *testing.T) {
	t.Helper()
	f.w.AwaitMails(t)
	f.w.Mailgun.Forget()
	f.w.Exec(t, `DELETE FROM users`)
	f.w.Exec(t, `TRUNCATE sessions, replaced_tokens, ended_sessions, challenges, uses, mails`)
}
