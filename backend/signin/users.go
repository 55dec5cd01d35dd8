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

// isNew is up in a transaction that has made a user.
const isNew postgres.Flag = "user_is_new"

// admit has the batch find the user of a proven address, make one if need be, or stop because no new ones are made. The user's
// row is held until the batch is done; ID is "" where there is none. Nothing about a user exists, and nothing depends on one,
// before this.
func (s *Service) admit(b *postgres.Batch, email string) *SignedIn {
	admitted := `
		    INSERT INTO users (email)
		    SELECT @email
		    WHERE ` + postgres.GoesOn + `
		    ON CONFLICT (email) DO UPDATE SET last_signed_in_at = now()`
	if !s.signUp.admits(email) {
		admitted = `
		    UPDATE users
		    SET last_signed_in_at = now()
		    WHERE email = @email
		      AND ` + postgres.GoesOn
	}
	in := &SignedIn{User: User{Email: email}}
	b.Queue(`
		WITH admitted AS (`+admitted+`
		    RETURNING id, created_at = now() AS created
		)
		SELECT coalesce(id::text, ''),
		       coalesce(created, false),
		       now(),
		       CASE WHEN id IS NULL THEN `+postgres.Stop+` WHEN created THEN `+isNew.Raise()+` END
		FROM (VALUES (true)) AS always
		LEFT JOIN admitted ON true`,
		pgx.NamedArgs{"email": email}).QueryRow(func(answer pgx.Row) error {
		return answer.Scan(&in.User.ID, &in.User.Created, &in.At, nil)
	})
	return in
}

func errSignUpClosed() error {
	return fault.New(fault.SignUpClosed,
		"Your code was right, but nobody has an account with this address and no new ones are made here. Sign in with the address of your account, or ask the operator for one.")
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
