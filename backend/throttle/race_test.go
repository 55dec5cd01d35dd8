package throttle

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"sana/backend/postgres"
	"sana/backend/test/postgrestest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// instances opens a throttle with its own pool for each key ring. A pool has fewer connections than
// in production: opening them takes most of the time of these tests.
func instances(t *testing.T, options Options, rings ...string) (throttles []*Throttle) {
	t.Helper()
	url := postgrestest.URL(t) + "&pool_max_conns=6"
	for _, ring := range rings {
		throttles = append(throttles, openWith(t, postgrestest.Pool(t, url), ring, options))
	}
	return throttles
}

// race tries n uses concurrently, distributed over throttles, and returns the number of counted
// uses.
func race(t *testing.T, n int, throttles []*Throttle, uses func(i int) []Use) int {
	t.Helper()
	var counted atomic.Int32
	var group sync.WaitGroup
	barrier := make(chan struct{})
	for i := range n {
		group.Go(func() {
			<-barrier
			th := throttles[i%len(throttles)]
			ok, err := th.run(t.Context(), grant, pgx.NamedArgs{}, uses(i)...)
			if err != nil {
				t.Error(err)
			} else if ok {
				counted.Add(1)
			}
		})
	}
	close(barrier)
	group.Wait()
	return int(counted.Load())
}

// P-13 and A-03: concurrent uses never exceed a budget, on any number of instances.
func TestCount_ParallelUsesNeverExceedABudget(t *testing.T) {
	t.Parallel()
	for name, rings := range map[string][]string{
		"one secret key":      {oldKey, oldKey},
		"two secret keys":     {newKey + "," + oldKey, newKey + "," + oldKey},
		"rotation begins":     {oldKey, oldKey + "," + newKey},
		"rotation in between": {oldKey + "," + newKey, newKey + "," + oldKey},
		"rotation ends":       {newKey + "," + oldKey, newKey},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			throttles := instances(t, production, rings...)
			for round := range 3 {
				address := fmt.Sprintf("round%d@sana.example", round)
				uses := []Use{WrongByAddress.Of(address), ConsecutiveWrong.Of(address)}
				n := race(t, 100, throttles, func(int) []Use { return uses })
				wantCount(t, "of 100 parallel uses", n, 10)
			}
		})
	}
}

// Half of the callers name the budgets in the opposite order. A deadlock would fail the test.
func TestCount_ParallelUsesOfTwoBudgetsAreAllOrNone(t *testing.T) {
	t.Parallel()
	throttles := instances(t, production, newKey+","+oldKey, oldKey+","+newKey)
	ada := WrongByAddress.Of("ada@sana.example")
	device := WrongByDevice.Of("ada@sana.example", "1")
	n := race(t, 100, throttles, func(i int) []Use {
		uses := []Use{ada, device}
		if i/2%2 == 0 {
			slices.Reverse(uses)
		}
		return uses
	})
	wantCount(t, "of 100 parallel uses", n, 5)
	wantCount(t, "rows, one for each use, limit and key", rowsOfUses(t, throttles[0].db), 5*2*2)
}

// Different subjects are counted independently, and a shared one is exact between them.
func TestCount_ParallelUsesShareANetwork(t *testing.T) {
	t.Parallel()
	throttles := instances(t, Options{Networks: NetworkLimits{Sent: 10}}, oldKey, oldKey)
	n := race(t, 100, throttles, func(i int) []Use {
		address := SentByAddress.Of(fmt.Sprintf("%d@sana.example", i))
		return append(throttles[0].ByNetworks(SentByNetwork, []string{"192.0.2.1"}), address)
	})
	wantCount(t, "of 100 parallel uses", n, 10)
}

// A batch that locks a name or a subject waits for the transaction that has locked it.
func TestLock_ExcludesSubjectsAndNames(t *testing.T) {
	t.Parallel()
	throttles := instances(t, production, oldKey, newKey)
	holder, waiter := throttles[0], throttles[1]
	ada := []Use{SentByAddress.Of("ada@sana.example"), WrongByAddress.Of("ada@sana.example")}
	grace := SentByAddress.Of("grace@sana.example")
	err := postgres.InTx(t.Context(), holder.db, func(tx pgx.Tx) error {
		b := &postgres.Batch{}
		holder.Budgets(ada...).Lock(b, "first", "second")
		if err := b.SendTo(t.Context(), tx); err != nil {
			return err
		}
		for name, lock := range map[string]struct {
			uses  []Use
			extra []string
			waits bool
		}{
			"a subject":              {ada[:1], nil, true},
			"one subject of two":     {[]Use{grace, ada[1]}, nil, true},
			"a name":                 {nil, []string{"second"}, true},
			"other subject and name": {[]Use{grace}, []string{"third"}, false},
			"nothing":                {nil, nil, false},
		} {
			b := &postgres.Batch{}
			b.Queue(`SET LOCAL lock_timeout = '10ms'`)
			waiter.Budgets(lock.uses...).Lock(b, lock.extra...)
			err := waiter.db.SendBatch(t.Context(), &b.Batch).Close()
			refusal, _ := errors.AsType[*pgconn.PgError](err)
			if waited := refusal != nil && refusal.Code == "55P03"; waited != lock.waits {
				t.Errorf("%s: waited is %t (%v), want %t", name, waited, err, lock.waits)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLock_NamesAreSortedAndIndependentOfKeys(t *testing.T) {
	t.Parallel()
	uses := []Use{
		WrongByAddress.Of("ada@sana.example"), ConsecutiveWrong.Of("ada@sana.example"),
		WrongByDevice.Of("ada@sana.example", "1"), WrongByDevice.Of("ada@sana.example1"),
	}
	names := []string{"first", "second", "first"}
	old := openWith(t, nil, oldKey, production).Budgets(uses...).locks(names)
	slices.Reverse(uses)
	both := openWith(t, nil, newKey+","+oldKey,
		Options{Generous: true}).Budgets(uses...).locks(names)
	if len(old) != 6 || !slices.IsSorted(old) || !slices.Equal(old, both) {
		t.Errorf("got the locks %d and %d, want six, sorted, and the same with other keys", old,
			both)
	}
}
