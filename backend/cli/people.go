package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"sana/backend/auth"
	"sana/backend/fault"
)

type peopleCommand struct {
	List       listPeopleCommand    `cmd:"" help:"List all accounts, in the order of their addresses."`
	Show       showPersonCommand    `cmd:"" help:"Print a user's account, sessions, apps and newest events."`
	Add        addPersonCommand     `cmd:"" help:"Create an account, so that its owner can sign in although SIGN_UP is closed."`
	End        endPersonCommand     `cmd:"" help:"Sign a user out everywhere, within two seconds."`
	Block      blockPersonCommand   `cmd:"" help:"Sign a user out everywhere and refuse further sign-ins. Other visitors do not notice."`
	Unblock    unblockPersonCommand `cmd:"" help:"Let a blocked user sign in again."`
	AllowCodes allowCodesCommand    `cmd:"" help:"Allow codes for signing in again, for a user who keeps them for recovery only."`
	Delete     deletePersonCommand  `cmd:"" help:"Delete an account with all its data, as its user can."`
}

// person has the arguments of a command about one user.
type person struct {
	Address string `arg:"" help:"Address of the user."`
	JSON    bool   `name:"json" help:"Print a JSON object."`
}

// do calls a use case with the address, and prints its result: value as JSON, or the text.
func (p person) do(
	in invocation,
	do func(ctx context.Context, useCases *auth.Service) (value any, text string, err error),
) error {
	return withUseCases(in, func(ctx context.Context, useCases *auth.Service) error {
		value, text, err := do(ctx, useCases)
		switch {
		case fault.Is(err, fault.NotFound):
			return errNoAccount(p.Address)
		case fault.Is(err, fault.InvalidEmail):
			return errNoCodesTo(p.Address)
		case err != nil:
			return err
		case p.JSON:
			return printJSON(in.stdout, value)
		}
		_, err = fmt.Fprintln(in.stdout, text)
		return err
	})
}

func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// personJSON is a user in JSON. Times are in UTC.
type personJSON struct {
	ID             string     `json:"id"`
	Email          string     `json:"email"`
	Name           string     `json:"name"`
	CreatedAt      time.Time  `json:"created_at"`
	LastSignedInAt time.Time  `json:"last_signed_in_at"`
	BlockedAt      *time.Time `json:"blocked_at"`
	Sessions       int        `json:"sessions"`
	AccessKeys     int        `json:"access_keys"`
	Passkeys       int        `json:"passkeys"`
	CodesFor       string     `json:"codes_for"`
	CodesSuspended bool       `json:"codes_suspended"`
	RecoveryEndsAt *time.Time `json:"recovery_ends_at"`
}

func personJSONOf(p auth.UserSummary) personJSON {
	return personJSON{
		ID: p.ID, Email: p.Email, Name: p.Name, CreatedAt: p.CreatedAt.UTC(),
		LastSignedInAt: p.LastSignedInAt.UTC(), BlockedAt: inUTC(p.BlockedAt), Sessions: p.Sessions,
		AccessKeys: p.AccessKeys,
		Passkeys:   p.Passkeys, CodesFor: string(p.CodesFor), CodesSuspended: p.CodesSuspended,
		RecoveryEndsAt: inUTC(p.RecoveryEndsAt),
	}
}

// inUTC returns nil for nil.
func inUTC(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	utc := at.UTC()
	return &utc
}

type listPeopleCommand struct {
	Blocked bool `help:"Only those who are blocked."`
	JSON    bool `name:"json" help:"Print a JSON object on a line for each user."`
}

// peoplePage is the number of users of one query.
const peoplePage = 1000

// Run prints a line for each user while reading them.
func (l listPeopleCommand) Run(in invocation) error {
	return withUseCases(in, func(ctx context.Context, useCases *auth.Service) error {
		if !l.JSON {
			fmt.Fprintln(in.stdout, "ADDRESS\tNAME\tSESSIONS\tLAST SIGNED IN\tSTATE")
		}
		for after := ""; ; {
			page, err := useCases.ListUsers(ctx, after, peoplePage)
			if err != nil {
				return err
			}
			for _, p := range page {
				after = p.Email
				if l.Blocked && p.BlockedAt == nil {
					continue
				}
				if err := l.print(in.stdout, p); err != nil {
					return err
				}
			}
			if len(page) < peoplePage {
				return nil
			}
		}
	})
}

func (l listPeopleCommand) print(out io.Writer, p auth.UserSummary) error {
	if l.JSON {
		line, err := json.Marshal(personJSONOf(p))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s\n", line)
		return err
	}
	_, err := fmt.Fprintf(out, "%s\t%s\t%d\t%s\t%s\n", p.Email, p.Name, p.Sessions,
		minute(p.LastSignedInAt), signInState(p))
	return err
}

// signInState describes whether a user can sign in.
func signInState(p auth.UserSummary) string {
	if p.BlockedAt == nil {
		return "can sign in"
	}
	return "blocked at " + minute(*p.BlockedAt)
}

type addPersonCommand struct{ person }

// Run creates an account, or prints that it exists. It sends no mail.
func (a addPersonCommand) Run(in invocation) error {
	return a.do(in, func(ctx context.Context, useCases *auth.Service) (any, string, error) {
		user, isNew, err := useCases.Accounts.Add(ctx, a.Address)
		outcome := "has an account; nothing to do"
		if isNew {
			outcome = "can sign in now"
		}
		text := user.Email + " " + outcome + "."
		return map[string]any{"email": user.Email, "changed": isNew}, text, err
	})
}

type endPersonCommand struct {
	person
	Keys bool `help:"Revoke their access keys too."`
}

// Run revokes the sessions of a user and prints their number.
func (e endPersonCommand) Run(in invocation) error {
	return e.do(in, func(ctx context.Context, useCases *auth.Service) (any, string, error) {
		if useCases.Shared == nil {
			return nil, "", errNoList
		}
		user, err := useCases.Accounts.FindByAddress(ctx, e.Address)
		if err != nil {
			return nil, "", err
		}
		n, err := useCases.RevokeSessionsOfUser(ctx, user.ID)
		if err != nil {
			return nil, "", err
		}
		text, keys := fmt.Sprintf("Revoked sessions of %s: %d", user.Email, n), 0
		if e.Keys {
			keys, err = useCases.RevokeKeysOfUser(ctx, user.ID)
			text += fmt.Sprintf("\nRevoked access keys: %d", keys)
		}
		return map[string]any{"email": user.Email, "sessions": n, "access_keys": keys}, text, err
	})
}

// blockingJSON is the output of block and unblock.
type blockingJSON struct {
	Email    string `json:"email"`
	Changed  bool   `json:"changed"`
	Sessions int    `json:"sessions"`
	Keys     int    `json:"access_keys"`
}

type blockPersonCommand struct{ person }

// Run blocks a user and prints the numbers of revoked sessions and keys.
func (c blockPersonCommand) Run(in invocation) error {
	return c.do(in, func(ctx context.Context, useCases *auth.Service) (any, string, error) {
		b, err := useCases.BlockUser(ctx, c.Address)
		text := fmt.Sprintf("%s is blocked. Revoked sessions: %d. Revoked access keys: %d.",
			b.Email, b.Sessions, b.Keys)
		switch {
		case !b.Changed:
			text = b.Email + " is already blocked; nothing to do."
		case useCases.Shared == nil:
			text = b.Email +
				" is blocked. Sessions are kept in cookies (SESSION_STORE=cookie) and stay " +
				"valid until they expire."
		}
		return blockingJSON{b.Email, b.Changed, b.Sessions, b.Keys}, text, err
	})
}

type unblockPersonCommand struct{ person }

// Run unblocks a user. Sessions and keys that the block revoked stay revoked.
func (c unblockPersonCommand) Run(in invocation) error {
	return c.do(in, func(ctx context.Context, useCases *auth.Service) (any, string, error) {
		b, err := useCases.UnblockUser(ctx, c.Address)
		text := b.Email + " can sign in again."
		if !b.Changed {
			text = b.Email + " is not blocked; nothing to do."
		}
		return blockingJSON{b.Email, b.Changed, b.Sessions, b.Keys}, text, err
	})
}

type allowCodesCommand struct{ person }

// Run ends "codes for recovery only" for a user, and a recovery that waits. Its owner is notified
// by mail.
func (c allowCodesCommand) Run(in invocation) error {
	return c.do(in, func(ctx context.Context, useCases *auth.Service) (any, string, error) {
		email, changed, err := useCases.AllowCodesToSignIn(ctx, c.Address)
		text := "Codes are for signing in again for " + email + ". The passkeys stay."
		if !changed {
			text = "Codes are for signing in already for " + email + "; nothing to do."
		}
		return map[string]any{"email": email, "changed": changed}, text, err
	})
}

type deletePersonCommand struct{ person }

// Run deletes an account. Its user gets a mail about it.
func (c deletePersonCommand) Run(in invocation) error {
	return c.do(in, func(ctx context.Context, useCases *auth.Service) (any, string, error) {
		email, err := useCases.DeleteUser(ctx, c.Address)
		text := "The account of " + email + " is deleted."
		return map[string]any{"email": email, "deleted": true}, text, err
	})
}
