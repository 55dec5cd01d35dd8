// Package account keeps users: their addresses and names, and the events of their accounts. Package
// session knows where a user is signed in; package auth puts both together in one transaction,
// which holds the lock on the user's row.
package account

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sana/backend/fault"
	"sana/backend/fold"
	"sana/backend/postgres"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/text/unicode/norm"
)

// Account is a user.
type Account struct {
	ID        string // UUID
	Email     string // canonical; see ParseAddress
	Name      string // "" if the user gave none
	CreatedAt time.Time
	BlockedAt *time.Time // nil if it is not blocked
}

// Service keeps accounts.
type Service struct{ db *pgxpool.Pool }

// New returns the service on a database whose schema postgres.CheckSchema accepts.
func New(db *pgxpool.Pool) *Service { return &Service{db: db} }

// columns are those of users that Account has.
const columns = `id::text, email, name, created_at, blocked_at`

func queryAccount(
	ctx context.Context, q postgres.Querier, sql string, args pgx.NamedArgs,
) (Account, error) {
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

func errDeleted() error {
	gone := fault.New(fault.NotSignedIn, "This account was deleted.")
	gone.SignedOut = &fault.SignedOut{Reason: "account_deleted"}
	return gone
}

// Find returns the account of a user, or fault.NotSignedIn if it was deleted.
func (s *Service) Find(ctx context.Context, userID string) (Account, error) {
	return queryAccount(ctx, s.db, `
		SELECT `+columns+`
		FROM users
		WHERE id = @user`,
		pgx.NamedArgs{"user": userID})
}

// FindByAddress returns the account with an address, however it is typed. It returns
// fault.InvalidEmail, and fault.NotFound if there is none. No answer to a stranger may depend on
// it.
func (s *Service) FindByAddress(ctx context.Context, address string) (Account, error) {
	email, err := ParseAddress(address)
	if err != nil {
		return Account{}, err
	}
	found, err := queryAccount(ctx, s.db, `
		SELECT `+columns+`
		FROM users
		WHERE email = @email`,
		pgx.NamedArgs{"email": email})
	if fault.Is(err, fault.NotSignedIn) {
		err = ErrUnknown()
	}
	return found, err
}

// ErrUnknown is the error of an address without an account.
func ErrUnknown() error {
	return fault.New(fault.NotFound, "There is no account with this address.")
}

// Add creates an account for an address, however it is typed, and records the event. added is false
// if there is one. It returns fault.InvalidEmail.
func (s *Service) Add(ctx context.Context, address string) (user Account, added bool, err error) {
	email, err := ParseAddress(address)
	if err != nil {
		return Account{}, false, err
	}
	user, err = queryAccount(ctx, s.db, `
		WITH created AS (
		    INSERT INTO users (email)
		    VALUES (@email)
		    ON CONFLICT (email) DO NOTHING
		    RETURNING `+columns+`, users.id AS user_id
		), event AS (
		    INSERT INTO account_events (user_id, kind, platform, ip, details)
		    SELECT user_id, @kind, '', '', @details::jsonb
		    FROM created
		)
		SELECT `+columns+`
		FROM created`,
		pgx.NamedArgs{"email": email, "kind": Created, "details": Details{By: Operator}})
	if fault.Is(err, fault.NotSignedIn) { // no row: the address is taken
		user, err = s.FindByAddress(ctx, email)
		return user, false, err
	}
	return user, err == nil, err
}

// Lock returns the account of a user and locks its row until tx ends, as a sign-in does: everything
// that creates or revokes sessions of the user waits for it. It returns fault.NotSignedIn if the
// account was deleted.
func (s *Service) Lock(ctx context.Context, tx pgx.Tx, userID string) (Account, error) {
	return queryAccount(ctx, tx, `
		SELECT `+columns+`
		FROM users
		WHERE id = @user
		FOR NO KEY UPDATE`,
		pgx.NamedArgs{"user": userID})
}

// LockForDeletion is Lock for a transaction that will call Delete: a sign-in that waits for it
// creates a new account.
func (s *Service) LockForDeletion(ctx context.Context, tx pgx.Tx, userID string) (Account, error) {
	return queryAccount(ctx, tx, `
		SELECT `+columns+`
		FROM users
		WHERE id = @user
		FOR UPDATE`,
		pgx.NamedArgs{"user": userID})
}

// maxName is how many characters a name may have.
const maxName = 100

// ParseName returns a name as it is stored: in Unicode's form NFC, without spaces around it. It
// returns fault.InvalidName for more than 100 characters and for control characters, including
// those that only turn the direction of writing, and for a name of which nothing would be visible.
// ParseName of a stored name is that name.
func ParseName(input string) (string, error) {
	name := strings.TrimSpace(norm.NFC.String(input))
	if !utf8.ValidString(input) || utf8.RuneCountInString(name) > maxName ||
		strings.ContainsFunc(name, isControl) {
		return "", fault.New(fault.InvalidName,
			"A name has at most 100 characters, and no line breaks or other control characters.")
	}
	if name != "" && isInvisible(name) {
		return "", fault.New(fault.InvalidName,
			"Nothing of this name would be visible. Type one that is, or leave the field empty.")
	}
	return name, nil
}

// isInvisible reports whether a text consists of white space, of code points that are shown as
// nothing, and of the braille pattern without dots.
func isInvisible(text string) bool {
	return strings.ReplaceAll(fold.Text(text), "\u2800", "") == ""
}

func isControl(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

// Rename gives an account a name as ParseName returns it, and returns the account. The name that it
// already has is no change and leaves no event.
func (s *Service) Rename(
	ctx context.Context, db postgres.Querier, userID, name string, by visitor.Visitor,
) (Account, error) {
	return queryAccount(ctx, db, `
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
		    RETURNING users.id, users.email, users.name, users.created_at, users.blocked_at,
		        before.name AS old
		), event AS (
		    INSERT INTO account_events (user_id, kind, platform, ip, details)
		    SELECT id, @kind, @platform, @ip, '{}'
		    FROM renamed
		    WHERE name <> old
		)
		SELECT `+columns+`
		FROM renamed`,
		pgx.NamedArgs{"user": userID, "name": name, "kind": NameChanged, "platform": by.Platform,
			"ip": by.IP})
}

// uniqueViolation is Postgres' code for a value that another row has.
const uniqueViolation = "23505"

// ErrEmailTaken says that another account has an address.
var ErrEmailTaken = errors.New("account: another account has this address")

// ChangeEmail gives an account another address, which must be proven and canonical, and records the
// event, as part of tx, which holds the lock on the user's row. It returns ErrEmailTaken if another
// account has the address, also one that got it at the same moment: tx can then only be rolled
// back.
func (s *Service) ChangeEmail(
	ctx context.Context, tx pgx.Tx, account Account, email string, by visitor.Visitor,
) error {
	_, err := tx.Exec(ctx, `
		UPDATE users
		SET email = @email
		WHERE id = @user`,
		pgx.NamedArgs{"user": account.ID, "email": email})
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok && answer.Code == uniqueViolation {
		return ErrEmailTaken
	}
	if err != nil {
		return postgres.Error("change address", err)
	}
	return s.Record(ctx, tx, by, Entry{
		UserID: account.ID, Kind: EmailChanged,
		Details: Details{OldEmail: account.Email, NewEmail: email},
	})
}

// SetBlocked blocks an account or unblocks it, and records the event of an operator, as part of tx,
// which holds the lock on the user's row. It returns false if the account was blocked, or not,
// already.
func (s *Service) SetBlocked(
	ctx context.Context, tx pgx.Tx, userID string, blocked bool,
) (changed bool, err error) {
	tag, err := tx.Exec(ctx, `
		UPDATE users
		SET blocked_at = CASE WHEN @blocked THEN now() END
		WHERE id = @user
		  AND (blocked_at IS NOT NULL) <> @blocked`,
		pgx.NamedArgs{"user": userID, "blocked": blocked})
	if err != nil || tag.RowsAffected() == 0 {
		return false, postgres.Error("block account", err)
	}
	kind := Unblocked
	if blocked {
		kind = Blocked
	}
	entry := Entry{UserID: userID, Kind: kind, Details: Details{By: Operator}}
	return true, s.Record(ctx, tx, visitor.Visitor{}, entry)
}

// Delete deletes an account with its events, as part of tx, which holds LockForDeletion.
func (s *Service) Delete(ctx context.Context, tx pgx.Tx, userID string) error {
	_, err := tx.Exec(ctx, `
		DELETE FROM users
		WHERE id = @user`,
		pgx.NamedArgs{"user": userID})
	return postgres.Error("delete account", err)
}
