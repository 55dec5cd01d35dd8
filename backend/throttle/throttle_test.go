package throttle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sana/backend/fault"
	"sana/backend/keyring"
	"sana/backend/postgres"
	"sana/backend/postgres/postgrestest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	oldKey = "old:c2FuYS10ZXN0LWtleS1zYW5hLXRlc3Qta2V5LXNhbmEhIQ=="
	newKey = "new:b3RoZXIta2V5LW90aGVyLWtleS1vdGhlci1rZXktb3RoZXIh"
)

func open(t testing.TB, db *pgxpool.Pool, keys string) *Throttle {
	t.Helper()
	ring, err := keyring.Parse(keys)
	if err != nil {
		t.Fatal(err)
	}
	return New(db, ring, slog.New(slog.DiscardHandler))
}

// reserve is Reserve in a batch of its own.
func (th *Throttle) reserve(ctx context.Context, uses ...Use) (Verdict, error) {
	var r *Reservation
	err := postgres.InBatch(ctx, th.db, func(b *postgres.Batch) error {
		r = th.Reserve(b, postgres.Stop, uses...)
		return nil
	})
	if err != nil {
		return Verdict{}, err
	}
	return r.Verdict(ctx)
}

// allowed makes n uses and returns how many of them were counted.
func allowed(t testing.TB, th *Throttle, n int, uses ...Use) int {
	t.Helper()
	count := 0
	for range n {
		v, err := th.reserve(t.Context(), uses...)
		if err != nil {
			t.Fatal(err)
		}
		if v.Refused == nil {
			count++
		}
	}
	return count
}

// pass makes everything that was counted d older.
func pass(t testing.TB, db *pgxpool.Pool, d time.Duration) {
	t.Helper()
	_, err := db.Exec(t.Context(), `
		UPDATE throttle
		SET ends_at = ends_at - $1::interval,
		    events = ARRAY(SELECT e - $1::interval FROM unnest(events) WITH ORDINALITY AS u (e, n) ORDER BY n)`, d)
	if err != nil {
		t.Fatal(err)
	}
}

func wantAllowed(t testing.TB, when string, got, want int) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %d uses were allowed, want %d", when, got, want)
	}
}

func TestWindowsSlideExactly(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, oldKey)
	ada := WrongByAddress.Of("ada@sana.example")
	wantAllowed(t, "first hour", allowed(t, th, 4, ada), 4)
	pass(t, db, 30*time.Minute)
	wantAllowed(t, "half an hour later", allowed(t, th, 9, ada), 6)
	pass(t, db, 29*time.Minute)
	wantAllowed(t, "a minute too early", allowed(t, th, 9, ada), 0)
	pass(t, db, time.Minute)
	wantAllowed(t, "when the first four are an hour old", allowed(t, th, 9, ada), 4)
	pass(t, db, time.Hour)
	wantAllowed(t, "up to twenty a day", allowed(t, th, 30, ada), 6)
	pass(t, db, 22*time.Hour-time.Second)
	wantAllowed(t, "a second before the first four are a day old", allowed(t, th, 9, ada), 0)
	pass(t, db, time.Second)
	wantAllowed(t, "when they are", allowed(t, th, 9, ada), 4)
	wantAllowed(t, "another address", allowed(t, th, 30, WrongByAddress.Of("grace@sana.example")), 10)
}

func TestAVerdictSaysHowLongToWait(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, oldKey)
	ada := SentByAddress.Of("ada@sana.example")
	wait := func(when string, want time.Duration, refused bool) {
		t.Helper()
		v, err := th.reserve(t.Context(), ada)
		if err != nil {
			t.Fatal(err)
		}
		if (v.Refused != nil) != refused || v.Wait > want || v.Wait < want-5*time.Second || v.Next.IsZero() {
			t.Errorf("%s: got the verdict %+v, want refused: %t, wait %s", when, v, refused, want)
		}
	}
	for range 4 {
		wait("one of the first", time.Minute, false)
		wait("at once again", time.Minute, true)
		pass(t, db, time.Minute)
	}
	wait("the last of the hour", 56*time.Minute, false)
	pass(t, db, time.Minute)
	wait("the hour's are used up", 55*time.Minute, true)
}

// A use of several limits is counted by all of them or by none.
func TestWhatOneLimitRefusesIsNotCountedByAnother(t *testing.T) {
	t.Parallel()
	th := open(t, postgrestest.Pool(t, postgrestest.URL(t)), oldKey)
	ada, device := WrongByAddress.Of("ada@sana.example"), WrongByDevice.Of("ada@sana.example", "1")
	wantAllowed(t, "by device", allowed(t, th, 9, device), 5)
	wantAllowed(t, "by both", allowed(t, th, 20, ada, device), 0)
	wantAllowed(t, "by address", allowed(t, th, 20, ada), 10)
	v, err := th.reserve(t.Context(), ada, device)
	if err != nil || v.Refused == nil || v.Refused.Name != WrongByAddress.Name {
		t.Errorf("got the verdict %+v (%v), want the limit of the first use", v, err)
	}
}

func TestWiderNetworksAreAllowedMore(t *testing.T) {
	t.Parallel()
	th := open(t, postgrestest.Pool(t, postgrestest.URL(t)), oldKey)
	total := 0
	for a := range 8 {
		for b := range 3 {
			networks := []string{fmt.Sprintf("2001:db8:0:%x%02x::/64", a, b), fmt.Sprintf("2001:db8:0:%x00::/56", a), "2001:db8::/48"}
			n := allowed(t, th, 12, SentByNetwork.OfNetworks(networks)...)
			if n > 10 {
				t.Errorf("%d uses of %s were allowed, want at most 10", n, networks[0])
			}
			total += n
		}
		if a == 0 {
			wantAllowed(t, "three /64 of one /56", total, 20)
		}
	}
	wantAllowed(t, "many /56 of one /48", total, 60)
}

// P-13 and A-03: whatever the timing, on however many connections.
func TestParallelReservationsNeverExceedTheBudget(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	throttles := []*Throttle{open(t, postgrestest.Pool(t, url), oldKey), open(t, postgrestest.Pool(t, url), oldKey)}
	for round := range 10 {
		address := fmt.Sprintf("round%d@sana.example", round)
		var counted atomic.Int32
		var group sync.WaitGroup
		barrier := make(chan struct{})
		for i := range 60 {
			group.Go(func() {
				<-barrier
				v, err := throttles[i%2].reserve(t.Context(), WrongByAddress.Of(address), WrongInARow.Of(address))
				if err != nil {
					t.Error(err)
				} else if v.Refused == nil {
					counted.Add(1)
				}
			})
		}
		close(barrier)
		group.Wait()
		wantAllowed(t, "in parallel", int(counted.Load()), 10)
	}
}

func TestSettlingGivesBackOneAndForgetsTheRest(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, oldKey)
	network, ada := WrongByNetwork.OfNetworks([]string{"192.0.2.1"}), WrongByAddress.Of("ada@sana.example")
	allowed(t, th, 10, append(network, ada)...)
	err := postgres.InBatch(t.Context(), db, func(b *postgres.Batch) error {
		th.Settle(b, postgres.GoesOn, network, []Use{ada})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantAllowed(t, "by address", allowed(t, th, 20, ada), 10)
	wantAllowed(t, "by network", allowed(t, th, 40, network...), 21)
}

// A new key resets no budget, and when the old one goes a day later, none of a day or less.
func TestANewKeyResetsNoBudget(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	ada := WrongByAddress.Of("ada@sana.example")
	wantAllowed(t, "under the old key", allowed(t, open(t, db, oldKey), 6, ada), 6)
	wantAllowed(t, "with the new one before it", allowed(t, open(t, db, newKey+","+oldKey), 9, ada), 4)
	wantAllowed(t, "on an instance that has only the old one yet", allowed(t, open(t, db, oldKey), 9, ada), 0)
	pass(t, db, 12*time.Hour)
	wantAllowed(t, "later", allowed(t, open(t, db, newKey+","+oldKey), 12, ada), 10)
	pass(t, db, 12*time.Hour)
	wantAllowed(t, "the old one gone after a day", allowed(t, open(t, db, newKey), 12, ada), 10)
	if n := allowed(t, open(t, db, newKey), 9, ada); n != 0 {
		t.Errorf("%d uses more were allowed, want 0", n)
	}
}

// a database that is away allows nothing.
func TestWithoutADatabaseNothingIsAllowed(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, oldKey)
	db.Close()
	if _, err := th.reserve(t.Context(), WrongByAddress.Of("ada@sana.example")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Reserve: got %v, want unavailable", err)
	}
	if _, err := th.UnderAttack(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("UnderAttack: got %v, want unavailable", err)
	}
}

// What a rolled back transaction counted is not counted, and what it did not is.
func TestReservationsBelongToTheTransaction(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, oldKey)
	ada := WrongByAddress.Of("ada@sana.example")
	rolledBack := errors.New("rolled back")
	err := postgres.InTx(t.Context(), db, func(tx pgx.Tx) error {
		b := &postgres.Batch{}
		th.Reserve(b, postgres.Stop, ada)
		return errors.Join(b.SendTo(t.Context(), tx), rolledBack)
	})
	if !errors.Is(err, rolledBack) {
		t.Fatal(err)
	}
	wantAllowed(t, "after it", allowed(t, th, 20, ada), 10)
}

// The rows name nobody, stay small, and are updated in place.
func TestTheTableHoldsNoNamesAndSmallRows(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	th := open(t, db, oldKey)
	uses := append(WrongByNetwork.OfNetworks([]string{"2001:db8::/64", "2001:db8::/56", "2001:db8::/48"}), WrongInARow.Of("ada@sana.example"))
	for range 10 {
		allowed(t, th, 50, uses...)
		pass(t, db, 2*time.Hour)
	}
	var text string
	var largest, events int
	err := db.QueryRow(t.Context(), `
		SELECT string_agg(t::text || encode(key, 'escape'), ' '), max(pg_column_size(t.*)), max(cardinality(events))
		FROM throttle AS t`).Scan(&text, &largest, &events)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text, "ada") || strings.Contains(text, "2001") && strings.Contains(text, "db8") {
		t.Errorf("the table names who is counted: %s", text)
	}
	if largest > 2000 || events > 180 {
		t.Errorf("the largest row has %d bytes and %d events, want at most 2000 and 180", largest, events)
	}
}

// BenchmarkReserve is a guess's two budgets by address, each time of another address out of a thousand.
func BenchmarkReserve(b *testing.B) {
	db := postgrestest.Pool(b, postgrestest.URL(b))
	th := open(b, db, oldKey)
	n := 0
	for b.Loop() {
		address := fmt.Sprintf("%d@sana.example", n%1000)
		if _, err := th.reserve(b.Context(), WrongByAddress.Of(address), WrongInARow.Of(address)); err != nil {
			b.Fatal(err)
		}
		n++
	}
	var hot, all float64
	if err := db.QueryRow(b.Context(), `SELECT n_tup_hot_upd, n_tup_upd FROM pg_stat_user_tables WHERE relname = 'throttle'`).Scan(&hot, &all); err == nil && all > 0 {
		b.ReportMetric(100*hot/all, "%HOT")
	}
}
