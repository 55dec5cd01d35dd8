package jobs_test

import (
	"testing"

	"sana/backend/postgres"
	"sana/backend/postgres/postgrestest"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// A River that fills in more or other columns than we do shows here.
func TestAJobIsTheRowThatRiverInserts(t *testing.T) {
	t.Parallel()
	i := open(t, postgrestest.URL(t), greetNobody)
	client, err := river.NewClient(riverpgxv5.New(i.db), &river.Config{MaxAttempts: 50})
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]any
	err = postgres.InTx(t.Context(), i.db, func(tx pgx.Tx) error {
		if _, err := client.InsertTx(t.Context(), tx, greeting{To: "ada"}, nil); err != nil {
			return err
		}
		if err := i.EnqueueTx(t.Context(), tx, greeting{To: "ada"}); err != nil {
			return err
		}
		found, err := tx.Query(t.Context(), `SELECT * FROM river_job ORDER BY id`)
		if err != nil {
			return err
		}
		rows, err = pgx.CollectRows(found, pgx.RowToMap)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		for _, own := range []string{"id", "created_at", "scheduled_at"} { // see TestAJobIsDatedByTheDatabase
			delete(row, own)
		}
	}
	if len(rows) != 2 {
		t.Fatalf("%d jobs, want 2", len(rows))
	}
	if diff := cmp.Diff(rows[0], rows[1]); diff != "" {
		t.Errorf("our job is not River's (-River's +ours):\n%s", diff)
	}
}

func TestAJobWhoseConditionDoesNotHoldIsNotQueued(t *testing.T) {
	t.Parallel()
	i := open(t, postgrestest.URL(t), greetNobody)
	err := postgres.InBatch(t.Context(), i.db, func(b *postgres.Batch) error {
		b.Queue(`SELECT ` + postgres.Stop)
		i.Enqueue(b, postgres.GoesOn, greeting{To: "ada"}, "")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	awaitJobs(t, i.db, `true`, 0)
}
