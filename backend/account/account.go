// Package account keeps what a person has here: the name, the address, and what happened on the account. How somebody
// proves an address is signin's to know, and where he is signed in session's: whoever calls puts them together in one
// transaction, which holds the user's row.
package account

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sana/backend/fault"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/text/unicode/norm"
)

// Account is what a person has here.
type Account struct {
	ID        string // UUID
	Email     string // canonical
	Name      string // "" where none was given
	CreatedAt time.Time
}

// Service keeps accounts.
type Service struct{ db *pgxpool.Pool }

// New returns the service on a database whose schema postgres.CheckSchema accepts.
func New(db *pgxpool.Pool) *Service { return &Service{db: db} }

// columns are those of a user that Account shows.
const columns = `id::text, email, name, created_at`

func queryAccount(ctx context.Context, q postgres.Querier, sql string, args pgx.NamedArgs) (Account, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		return Account{}, postgres.Error("read account", err)
	}
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Account])
	if errors.Is(err, pgx.ErrNoRows) {
		return Account{}, errDeleted()
	}
	return found, postgres.Error("read account", err)
}

// deleted is the contract's reason for whoever is signed in to an account that is gone.
const deleted = "account_deleted"

func errDeleted() error {
	gone := fault.New(fault.NotSignedIn, "This account was deleted.")
	gone.SignedOut = &fault.SignedOut{Reason: deleted}
	return gone
}

// Find returns the account of a user, or fault.NotSignedIn where it was deleted.
func (s *Service) Find(ctx context.Context, userID string) (Account, error) {
	return queryAccount(ctx, s.db, `
		SELECT `+columns+`
		FROM users
		WHERE id = @user`,
		pgx.NamedArgs{"user": userID})
}

// Hold locks a user's row until tx ends, as a sign-in does: what begins, ends or outlives sessions of the user waits for it.
// It returns fault.NotSignedIn where the account was deleted.
func (s *Service) Hold(ctx context.Context, tx pgx.Tx, userID string) error {
	_, err := s.hold(ctx, tx, userID)
	return err
}

func (s *Service) hold(ctx context.Context, tx pgx.Tx, userID string) (Account, error) {
	return queryAccount(ctx, tx, `
		SELECT `+columns+`
		FROM users
		WHERE id = @user
		FOR NO KEY UPDATE`,
		pgx.NamedArgs{"user": userID})
}

// maxName is how many characters a name may have.
const maxName = 100

// ParseName returns a name as it is stored: in Unicode's form NFC, without spaces around it. Longer than 100 characters,
// or with a control character in it, also one that only turns the direction of writing, it is fault.InvalidName.
// ParseName of a stored name is that name.
func ParseName(input string) (string, error) {
	name := strings.TrimSpace(norm.NFC.String(input))
	if !utf8.ValidString(input) || utf8.RuneCountInString(name) > maxName || strings.ContainsFunc(name, isControl) {
		return "", fault.New(fault.InvalidName, "A name has at most 100 characters, and no line breaks or other control characters.")
	}
	return name, nil
}

func isControl(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

// Rename gives an account a name and returns it as it is then. The name that it has is no change.
func (s *Service) Rename(ctx context.Context, userID, input string, by Actor) (Account, error) {
	name, err := ParseName(input)
	if err != nil {
		return Account{}, err
	}
	return queryAccount(ctx, s.db, `
		WITH before AS (
		    SELECT id, name
		    FROM users
		    WHERE id = @user
		    FOR NO KEY UPDATE
		), renamed AS (
		    UPDATE users
		    SET name = @name
		    FROM before
		    WHERE users.id = before.id
		    RETURNING users.id, users.email, users.name, users.created_at, before.name AS old
		), event AS (
		    INSERT INTO account_events (user_id, kind, platform, ip, details)
		    SELECT id, @kind, @platform, @ip, '{}'
		    FROM renamed
		    WHERE name <> old
		)
		SELECT `+columns+`
		FROM renamed`,
		pgx.NamedArgs{"user": userID, "name": name, "kind": NameChanged, "platform": by.Platform, "ip": by.IP})
}

// uniqueViolation is Postgres' code for a value that another row has.
const uniqueViolation = "23505"

// ChangeEmail gives an account another address, which must be proven and canonical, as part of tx, and returns the old
// one. It returns fault.EmailTaken where another account has the new address, also when that comes to have it at the same
// moment: tx is then good for a rollback only.
func (s *Service) ChangeEmail(ctx context.Context, tx pgx.Tx, userID, email string, by Actor) (old string, err error) {
	before, err := s.hold(ctx, tx, userID)
	if err != nil {
		return "", err
	}
	_, err = tx.Exec(ctx, `
		WITH changed AS (
		    UPDATE users
		    SET email = @email
		    WHERE id = @user
		    RETURNING id
		)
		INSERT INTO account_events (user_id, kind, platform, ip, details)
		SELECT id, @kind, @platform, @ip, @details
		FROM changed`,
		pgx.NamedArgs{
			"user": userID, "email": email, "kind": EmailChanged, "platform": by.Platform, "ip": by.IP,
			"details": Details{OldEmail: before.Email, NewEmail: email},
		})
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok && answer.Code == uniqueViolation {
		return "", fault.New(fault.EmailTaken,
			"Your code was right, but another account has this address. Sign in to that one with it, or choose another address for this one.")
	}
	return before.Email, postgres.Error("change address", err)
}

// Delete removes an account and what happened on it, and calls then, in one transaction, which nothing about the user gets
// past: a sign-in that waits for it makes a new account. then gets the address that the account had; what it writes down
// about the user stays.
func (s *Service) Delete(ctx context.Context, userID string, then func(ctx context.Context, tx pgx.Tx, email string) error) error {
	return postgres.InTx(ctx, s.db, func(tx pgx.Tx) error {
		// A statement of its own: what the next ones see begins after whoever held the row before.
		held, err := queryAccount(ctx, tx, `
			SELECT `+columns+`
			FROM users
			WHERE id = @user
			FOR UPDATE`,
			pgx.NamedArgs{"user": userID})
		if err != nil {
			return err
		}
		if err := then(ctx, tx, held.Email); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			DELETE FROM users
			WHERE id = @user`,
			pgx.NamedArgs{"user": userID})
		return postgres.Error("delete account", err)
	})
}
