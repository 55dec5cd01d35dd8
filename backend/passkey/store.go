package passkey

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"

	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// UserHandle returns the id of a user for authenticators: its 16 random bytes.
func UserHandle(userID string) []byte {
	raw, _ := hex.DecodeString(strings.ReplaceAll(userID, "-", ""))
	return raw
}

// columns are the fields of a Passkey in their order.
const columns = `id, user_id::text, rp_id, public_key, sign_count, backup_eligible, backed_up,
	aaguid::text, name,
	       created_at, used_at`

func (p *Passkey) fields() []any {
	return []any{
		&p.ID, &p.UserID, &p.RPID, &p.PublicKey, &p.SignCount, &p.BackupEligible, &p.BackedUp,
		&p.AAGUID,
		&p.Name,
		&p.CreatedAt, &p.UsedAt,
	}
}

func scan(row pgx.CollectableRow) (p Passkey, err error) {
	err = row.Scan(p.fields()...)
	return p, err
}

// Find returns the passkey with an id and the address of its user, or ErrUnknown.
func Find(
	ctx context.Context, db postgres.Querier, id []byte,
) (p Passkey, email string, err error) {
	err = db.QueryRow(ctx, `
		SELECT `+columns+`, (SELECT email FROM users WHERE users.id = user_id)
		FROM passkeys
		WHERE id = @id`,
		pgx.NamedArgs{"id": id}).Scan(append(p.fields(), &email)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return Passkey{}, "", ErrUnknown()
	}
	return p, email, postgres.Error("read passkey", err)
}

// List returns the passkeys of a user, the oldest first.
func List(ctx context.Context, db postgres.Querier, userID string) ([]Passkey, error) {
	rows, err := db.Query(ctx, `
		SELECT `+columns+`
		FROM passkeys
		WHERE user_id = @user
		ORDER BY created_at, id`,
		pgx.NamedArgs{"user": userID})
	if err != nil {
		return nil, postgres.Error("list passkeys", err)
	}
	list, err := pgx.CollectRows(rows, scan)
	return list, postgres.Error("list passkeys", err)
}

// Insert stores a new passkey and consumes its challenge, of SpendArgs, as part of tx, which holds
// the lock on the user's row. added is false if the challenge is invalid, or if there is a passkey
// with this id.
func Insert(
	ctx context.Context, tx pgx.Tx, p *Passkey, spend pgx.NamedArgs,
) (added bool, err error) {
	args := pgx.NamedArgs{
		"id": p.ID, "user": p.UserID, "rp_id": p.RPID, "public_key": p.PublicKey,
		"sign_count":      p.SignCount,
		"backup_eligible": p.BackupEligible, "backed_up": p.BackedUp, "aaguid": p.AAGUID,
		"name":      p.Name,
		"challenge": spend["challenge"], "made_at": spend["made_at"],
	}
	err = tx.QueryRow(ctx, `
		WITH `+string(Spent)+`
		INSERT INTO passkeys (
		    id, user_id, rp_id, public_key, sign_count, backup_eligible, backed_up, aaguid, name)
		SELECT @id::bytea, @user::uuid, @rp_id, @public_key, @sign_count, @backup_eligible,
		       @backed_up, @aaguid::uuid, @name
		FROM spent
		ON CONFLICT DO NOTHING
		RETURNING created_at`, args).Scan(&p.CreatedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, postgres.Error("add passkey", err)
}

// Rename sets the name of a passkey of a user. It returns ErrUnknown.
func Rename(
	ctx context.Context, db postgres.Querier, userID string, id []byte, name string,
) (Passkey, error) {
	rows, err := db.Query(ctx, `
		UPDATE passkeys
		SET name = @name
		WHERE id = @id
		  AND user_id = @user
		RETURNING `+columns,
		pgx.NamedArgs{"id": id, "user": userID, "name": name})
	if err != nil {
		return Passkey{}, postgres.Error("rename passkey", err)
	}
	p, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return Passkey{}, ErrUnknown()
	}
	return p, postgres.Error("rename passkey", err)
}

// Remove deletes a passkey of a user, as part of tx, which holds the lock on the user's row.
// removed is false if there is none.
func Remove(
	ctx context.Context, tx pgx.Tx, userID string, id []byte,
) (_ Passkey, removed bool, err error) {
	rows, err := tx.Query(ctx, `
		DELETE FROM passkeys
		WHERE id = @id
		  AND user_id = @user
		RETURNING `+columns,
		pgx.NamedArgs{"id": id, "user": userID})
	if err != nil {
		return Passkey{}, false, postgres.Error("remove passkey", err)
	}
	p, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return Passkey{}, false, nil
	}
	return p, err == nil, postgres.Error("remove passkey", err)
}

// RemoveAll deletes the passkeys of a user, as part of tx, which holds the lock on the user's row.
func RemoveAll(ctx context.Context, tx pgx.Tx, userID string) error {
	_, err := tx.Exec(ctx, `
		DELETE FROM passkeys
		WHERE user_id = @user`,
		pgx.NamedArgs{"user": userID})
	return postgres.Error("remove passkeys", err)
}
