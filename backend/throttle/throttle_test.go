package throttle

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"sana/backend/fault"
	"sana/backend/keyring"
	"sana/backend/postgres"
	"sana/backend/test/postgrestest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	oldKey = "old:c2FuYS10ZXN0LWtleS1zYW5hLXRlc3Qta2V5LXNhbmEhIQ=="
	newKey = "new:b3RoZXIta2V5LW90aGVyLWtleS1vdGhlci1rZXktb3RoZXIh"
)

// production are the limits by network that the documents state.
var production = Options{Networks: NetworkLimits{Sent: 60, Wrong: 60}}

func open(t testing.TB, db *pgxpool.Pool, keys string) *Throttle {
	t.Helper()
	return openWith(t, db, keys, production)
}

func openWith(t testing.TB, db *pgxpool.Pool, keys string, options Options) *Throttle {
	t.Helper()
	ring, err := keyring.Parse(keys)
	if err != nil {
		t.Fatal(err)
	}
	return New(db, ring, options, slog.New(slog.DiscardHandler))
}

// Statements of use cases: one that does its work if the budgets have room, one that does nothing
// for another reason, and one that succeeds.
const (
	grant = `WITH ` + Full + `, granted AS (
		    SELECT
		    WHERE ` + NotFull + `
		), counted AS (` + Count + `
		)
		SELECT EXISTS (SELECT FROM granted)`

	refuse = `WITH ` + Full + `, granted AS (
		    SELECT
		    WHERE ` + NotFull + ` AND false
		), counted AS (` + Count + `
		)
		SELECT EXISTS (SELECT FROM granted)`

	succeed = `WITH forgotten AS (` + Forget + ` AND @success
		)
		SELECT @success`
)

// run sends a batch of Lock and one of the statements above. Unlike postgres.InBatch it does not
// retry, so that a deadlock fails the test.
func (t *Throttle) run(
	ctx context.Context, sql postgres.SQL, args pgx.NamedArgs, uses ...Use,
) (granted bool, err error) {
	b, budgets := &postgres.Batch{}, t.Budgets(uses...)
	budgets.Args(args)
	budgets.ForgetArgs(args)
	budgets.Lock(b)
	b.Queue(string(sql), args).QueryRow(func(row pgx.Row) error { return row.Scan(&granted) })
	return granted, t.db.SendBatch(ctx, &b.Batch).Close()
}

// granted tries n uses sequentially and returns the number of counted uses.
func granted(t testing.TB, th *Throttle, n int, uses ...Use) int {
	t.Helper()
	count := 0
	for range n {
		ok, err := th.run(t.Context(), grant, pgx.NamedArgs{}, uses...)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			count++
		}
	}
	return count
}

// read reads the counts.
func read(t testing.TB, th *Throttle, b Budgets) Counts {
	t.Helper()
	c, err := Read(t.Context(), th.db, b)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func exec(t testing.TB, db *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := db.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// pass makes all counted uses d older.
func pass(t testing.TB, db *pgxpool.Pool, d time.Duration) {
	t.Helper()
	exec(t, db, `
		UPDATE uses
		SET at = at - $1::interval,
		    ends_at = ends_at - $1::interval`, d)
}

func rowsOfUses(t testing.TB, db *pgxpool.Pool) (n int) {
	t.Helper()
	if err := db.QueryRow(t.Context(), `SELECT count(*) FROM uses`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func wantCount(t testing.TB, what string, got, want int) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %d, want %d", what, got, want)
	}
}

func TestCount_WindowsSlideExactly(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, oldKey)
	ada := WrongByAddress.Of("ada@sana.example")

	wantCount(t, "first uses", granted(t, th, 4, ada), 4)
	pass(t, db, 30*time.Minute)
	wantCount(t, "30 minutes later", granted(t, th, 9, ada), 6)
	pass(t, db, 29*time.Minute)
	wantCount(t, "a minute before the first uses are an hour old", granted(t, th, 9, ada), 0)
	pass(t, db, time.Minute)
	wantCount(t, "when the first uses are an hour old", granted(t, th, 9, ada), 4)
	pass(t, db, time.Hour)
	wantCount(t, "up to twenty a day", granted(t, th, 30, ada), 6)
	pass(t, db, 22*time.Hour-time.Minute)
	wantCount(t, "a minute before the first uses are a day old", granted(t, th, 9, ada), 0)
	pass(t, db, time.Minute)
	wantCount(t, "when the first uses are a day old", granted(t, th, 9, ada), 4)

	grace := WrongByAddress.Of("grace@sana.example")
	wantCount(t, "another address", granted(t, th, 30, grace), 10)
}

func TestCount_CountsAllUsesOrNone(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, oldKey)
	ada := WrongByAddress.Of("ada@sana.example")
	device := WrongByDevice.Of("ada@sana.example", "1")

	wantCount(t, "by device", granted(t, th, 9, device), 5)
	wantCount(t, "by both", granted(t, th, 20, ada, device), 0)
	wantCount(t, "by address", granted(t, th, 20, ada), 10)
	wantCount(t, "rows", rowsOfUses(t, db), 15)
}

// A statement that did nothing, e.g. because the challenge was deleted, counts nothing.
func TestCount_NeedsAGrantedRow(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, newKey+","+oldKey)
	ok, err := th.run(t.Context(), refuse, pgx.NamedArgs{}, WrongByAddress.Of("ada@sana.example"))
	if ok || err != nil {
		t.Errorf("got granted %t (%v), want false", ok, err)
	}
	wantCount(t, "rows", rowsOfUses(t, db), 0)
}

func TestBudgets_WithoutUsesAreNeverFull(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, oldKey)
	granted(t, th, 20, WrongByAddress.Of("ada@sana.example"))

	var none Budgets
	c := read(t, th, none)
	if !none.Empty() || len(c.Keys) != 0 || none.Judge(c) != (Verdict{}) || none.NextAfter(c) != 0 {
		t.Errorf("budgets without uses read %v and refuse, or are not empty", c)
	}
	args := pgx.NamedArgs{}
	none.Args(args)
	none.ForgetArgs(args)
	for name, value := range args {
		if reflect.ValueOf(value).IsNil() {
			t.Errorf("@%s is NULL, want an empty array", name)
		}
	}
	wantCount(t, "granted without uses", granted(t, th, 3), 3)
	wantCount(t, "rows", rowsOfUses(t, db), 10)
}

func TestForget_DeletesAllUsesAfterASuccess(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, newKey+","+oldKey)
	ada, inARow := WrongByAddress.Of("ada@sana.example"), ConsecutiveWrong.Of("ada@sana.example")
	grace := WrongByAddress.Of("grace@sana.example")
	granted(t, th, 9, ada, inARow)
	granted(t, th, 9, grace)
	run := func(success bool) {
		t.Helper()
		ok, err := th.run(t.Context(), succeed, pgx.NamedArgs{"success": success}, ada, inARow)
		if ok != success || err != nil {
			t.Errorf("got granted %t (%v), want %t", ok, err, success)
		}
	}
	run(false)
	wantCount(t, "by address after no success", granted(t, th, 20, ada), 1)
	pass(t, db, time.Hour)
	run(true)
	wantCount(t, "by address after a success", granted(t, th, 20, ada), 10)
	wantCount(t, "in a row after a success", granted(t, th, 60, inARow), 50)
	pass(t, db, 22*time.Hour)
	wantCount(t, "by another address", len(read(t, th, th.Budgets(grace)).Keys), 2*9)
}

func TestCount_NewSecretKeyResetsNoBudget(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	ada := WrongByAddress.Of("ada@sana.example")
	onlyOld, both, onlyNew := open(t, db, oldKey), open(t, db, newKey+","+oldKey),
		open(t, db, newKey)

	wantCount(t, "old key", granted(t, onlyOld, 6, ada), 6)
	wantCount(t, "new key before the old one", granted(t, both, 9, ada), 4)
	wantCount(t, "an instance with the old key only", granted(t, onlyOld, 9, ada), 0)
	if v := both.Budgets(ada).Judge(read(t, both, both.Budgets(ada))); v.Refused == nil {
		t.Error("Judge has room although the budget under the old key is full")
	}
	pass(t, db, 12*time.Hour)
	wantCount(t, "12 hours later", granted(t, both, 12, ada), 10)
	pass(t, db, 12*time.Hour)
	wantCount(t, "old key withdrawn after a day", granted(t, onlyNew, 12, ada), 10)
	wantCount(t, "more of the same hour", granted(t, onlyNew, 9, ada), 0)
}

// The budget of a wider network is larger, and all /64 of it share it.
func TestNetworks_WiderOnesHaveLargerBudgets(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := openWith(t, db, oldKey,
		Options{Networks: NetworkLimits{Sent: 5, Wrong: 4}, Generous: true})
	for _, test := range []struct {
		limit  Limit
		hourly int
	}{
		{SentByNetwork, 5},
		{WrongByNetwork, 4},
	} {
		inSite, inLAN := 0, 0
		for a := range 8 {
			for b := range 3 {
				networks := []string{fmt.Sprint("/64 ", a, b), fmt.Sprint("/56 ", a), "/48"}
				n := granted(t, th, test.hourly+1, th.ByNetworks(test.limit, networks)...)
				if n > test.hourly {
					t.Errorf("%s: got %d of one /64, want at most %d", test.limit.Name, n,
						test.hourly)
				}
				inSite += n
				if a == 0 {
					inLAN += n
				}
			}
		}
		wantCount(t, test.limit.Name+": three /64 of one /56", inLAN, 2*test.hourly)
		wantCount(t, test.limit.Name+": many /56 of one /48", inSite, 6*test.hourly)
	}
}

func TestNetworks_ZeroDisablesTheLimit(t *testing.T) {
	t.Parallel()
	th := openWith(t, nil, oldKey, Options{})
	for _, limit := range []Limit{SentByNetwork, WrongByNetwork} {
		if uses := th.ByNetworks(limit, []string{"192.0.2.1"}); uses != nil {
			t.Errorf("%s: got the uses %v, want none", limit.Name, uses)
		}
	}
}

func TestOptions_GenerousLimitsAreAHundredTimesAsWide(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	generous := openWith(t, db, oldKey, Options{Generous: true})
	device := WrongByDevice.Of("ada@sana.example", "1")
	wantCount(t, "generous", granted(t, generous, 30, device), 30)
	wantCount(t, "production", granted(t, open(t, db, oldKey), 1, device), 0)
	if got := generous.Budgets(device).list[0].limit.Windows[0].Count; got != 500 {
		t.Errorf("the generous budget is %d, want 500", got)
	}
	if WrongByDevice.Windows[0].Count != 5 {
		t.Error("the table of limits has changed")
	}
}

// without the database every use is refused.
func TestThrottle_FailsClosedWithoutDatabase(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, oldKey)
	db.Close()
	var ran bool
	err := postgres.InBatch(t.Context(), db, func(b *postgres.Batch) error {
		budgets, args := th.Budgets(WrongByAddress.Of("ada@sana.example")), pgx.NamedArgs{}
		budgets.Args(args)
		budgets.Lock(b)
		b.Queue(string(grant), args).QueryRow(func(row pgx.Row) error { return row.Scan(&ran) })
		return nil
	})
	if !fault.Is(err, fault.Unavailable) || ran {
		t.Errorf("a batch: got granted %t (%v), want unavailable", ran, err)
	}
	if _, err := th.UnderAttack(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("UnderAttack: got %v, want unavailable", err)
	}
}

// Without a secret of its own a limit would be counted under an empty key, which can be guessed.
func TestUse_OfAnUnlistedLimitIsNotCounted(t *testing.T) {
	t.Parallel()
	ring, err := keyring.Parse(newKey)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a limit that Limits does not list was counted")
		}
	}()
	Use{limit: Limit{Name: "unlisted"}, subject: []string{"a@sana.example"}}.key(
		secretOf(ring.Current()))
}
