package signin

import (
	"context"
	"errors"
	"slices"
	"strings"

	"sana/backend/fault"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// SignUp says whose first sign-in makes a user. Who is a user already can always sign in.
type SignUp struct {
	Open    bool
	Domains []string // where not open: only addresses at these, in canonical form
}

func (u SignUp) admits(email string) bool {
	_, domain, _ := strings.Cut(email, "@")
	return u.Open || slices.Contains(u.Domains, domain)
}

// takes reports whether an account may have this address. Who makes no new accounts leaves it to those that there are.
func (u SignUp) takes(email string) bool { return len(u.Domains) == 0 || u.admits(email) }

// User is who signed in.
type User struct {
	ID      string // UUID
	Email   string
	Created bool // at this sign-in
}

// admit returns the user of a proven address, a new one if need be, or fault.SignUpClosed. Nothing about a user exists,
// and nothing depends on one, before this.
func (s *Service) admit(ctx context.Context, tx pgx.Tx, email string) (User, error) {
	if s.signUp.admits(email) {
		return upsertUser(ctx, tx, email)
	}
	user := User{Email: email}
	err := tx.QueryRow(ctx, `
		UPDATE users
		SET last_signed_in_at = now()
		WHERE email = @email
		RETURNING id::text`,
		pgx.NamedArgs{"email": email}).Scan(&user.ID)
	if errors.Is(err, pgx.ErrNoRows) {
		return User{}, fault.New(fault.SignUpClosed,
			"Your code was right, but nobody has an account with this address and no new ones are made here. Sign in with the address of your account, or ask the operator for one.")
	}
	return user, postgres.Error("find user", err)
}

func upsertUser(ctx context.Context, tx pgx.Tx, email string) (User, error) {
	user := User{Email: email}
	err := tx.QueryRow(ctx, `
		INSERT INTO users (email)
		VALUES (@email)
		ON CONFLICT (email) DO UPDATE SET last_signed_in_at = now()
		RETURNING id::text, xmax = 0`,
		pgx.NamedArgs{"email": email}).Scan(&user.ID, &user.Created)
	return user, postgres.Error("upsert user", err)
}

// FindUser returns the user of an address, however it is typed; found is false where there is none. Nothing that a
// stranger can call may depend on it.
func FindUser(ctx context.Context, db postgres.Querier, address string) (user User, found bool, err error) {
	email, err := ParseAddress(address)
	if err != nil {
		return User{}, false, err
	}
	user.Email = email
	err = db.QueryRow(ctx, `
		SELECT id::text
		FROM users
		WHERE email = @email`,
		pgx.NamedArgs{"email": email}).Scan(&user.ID)
	if errors.Is(err, pgx.ErrNoRows) {
		return User{}, false, nil
	}
	return user, err == nil, postgres.Error("find user", err)
}
