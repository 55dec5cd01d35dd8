package outbox

import (
	"context"
	"time"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// StoredNotice is a notice that was not sent yet.
type StoredNotice struct {
	Notice
	CreatedAt time.Time // by the database's clock
}

// Notices returns the notices to an address that were not sent yet, the newest first.
func (o *Outbox) Notices(
	ctx context.Context, db postgres.Querier, email string,
) ([]StoredNotice, error) {
	rows, err := db.Query(ctx, `
		SELECT content, created_at
		FROM mails
		WHERE content ->> 'email' = @email
		ORDER BY created_at DESC, ref`,
		pgx.NamedArgs{"email": email})
	if err != nil {
		return nil, postgres.Error("list notices", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (n StoredNotice, err error) {
		return n, row.Scan(&n.Notice, &n.CreatedAt)
	})
	return list, postgres.Error("list notices", err)
}

// DropNotices deletes the notices to an address that are not being sent yet, as part of tx.
func (o *Outbox) DropNotices(ctx context.Context, tx pgx.Tx, email string) error {
	_, err := tx.Exec(ctx, `
		DELETE FROM mails
		WHERE content ->> 'email' = @email
		  AND done_at IS NULL`,
		pgx.NamedArgs{"email": email})
	return postgres.Error("drop notices", err)
}
