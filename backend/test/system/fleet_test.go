package system_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"sana/backend/test/harness"

	"github.com/jackc/pgx/v5"
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
			url := distant(t, w.DatabaseURL)
			f := startFleet(t, w, "DATABASE_URL="+url, "MIGRATE_DATABASE_URL="+url)
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

// oneWay is the latency to a distant database in each direction.
const oneWay = time.Millisecond

// distant adds latency to a database: oneWay in each direction.
func distant(t *testing.T, database string) string {
	t.Helper()
	url := harness.ProxyDatabase(t, database, func(client, server net.Conn) {
		var both sync.WaitGroup
		both.Go(func() { delay(client, server) })
		both.Go(func() { delay(server, client) })
		both.Wait()
	})
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	began := time.Now()
	if err := conn.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 2*oneWay {
		t.Fatalf("the database answers after %s: it is not distant", took)
	}
	return url
}

// delay forwards bytes oneWay later, until one side closes. Pieces do not wait for each other.
func delay(from, to net.Conn) {
	type piece struct {
		bytes []byte
		due   time.Time
	}
	pieces := make(chan piece, 1024)
	go func() {
		defer close(pieces)
		buffer := make([]byte, 32<<10)
		for {
			n, err := from.Read(buffer)
			if n > 0 {
				pieces <- piece{append([]byte{}, buffer[:n]...), time.Now().Add(oneWay)}
			}
			if err != nil {
				return
			}
		}
	}()
	defer from.Close()
	defer to.Close()
	for p := range pieces {
		<-time.After(time.Until(p.due))
		if _, err := to.Write(p.bytes); err != nil {
			_ = from.Close()
		}
	}
}
