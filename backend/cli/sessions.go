package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"sana/backend/account"
	"sana/backend/app"
	"sana/backend/auth"
	"sana/backend/challenge"
	"sana/backend/config"
	"sana/backend/fault"
	"sana/backend/session"
	"sana/backend/visitor"
	"sana/backend/web"
)

type sessionsCommand struct {
	List    listSessionsCommand   `cmd:"" help:"List the sessions of a user."`
	End     endSessionsCommand    `cmd:"" help:"Revoke one session or all sessions of a user, on every instance within two seconds."`
	Explain explainSessionCommand `cmd:"" help:"Read a session cookie from standard input, and print how the server judges it."`
}

// withUseCases calls do with the configured use cases. They send no mail.
func withUseCases(in invocation, do func(ctx context.Context, useCases *auth.Service) error) error {
	cfg, err := config.Load(in.environ)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandPatience)
	defer cancel()
	useCases, closeAll, err := app.OpenUseCases(ctx, cfg, in.operatorLog())
	if err != nil {
		return err
	}
	defer closeAll()
	return do(ctx, useCases)
}

var errNoList = errors.New(
	"sessions are in cookies (SESSION_STORE=cookie): they cannot be listed, and only their own " +
		"browser can sign out")

// findUser returns the user with an address as typed by an operator.
func findUser(
	ctx context.Context, useCases *auth.Service, address string,
) (account.Account, error) {
	user, err := useCases.Accounts.FindByAddress(ctx, address)
	if fault.Is(err, fault.NotFound) {
		err = errNoAccount(address)
	}
	return user, err
}

func errNoAccount(address string) error {
	return fmt.Errorf("there is no account with the address %s", address)
}

type listSessionsCommand struct {
	Email string `arg:"" help:"Address of the user."`
}

// Run prints a line for each session, the one used last first.
func (l listSessionsCommand) Run(in invocation) error {
	return withUseCases(in, func(ctx context.Context, useCases *auth.Service) error {
		if useCases.Shared == nil {
			return errNoList
		}
		user, err := findUser(ctx, useCases, l.Email)
		if err != nil {
			return err
		}
		list, err := useCases.Shared.List(ctx, user.ID)
		if err != nil {
			return err
		}
		return printSessions(in.stdout, user.Email, list)
	})
}

func printSessions(out io.Writer, email string, list []session.Listed) error {
	if len(list) == 0 {
		_, err := fmt.Fprintf(out, "%s has no sessions.\n", email)
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tBROWSER\tADDRESS\tSIGNED IN\tLAST USED\tEXPIRES")
	for _, l := range list {
		device := cmp.Or(visitor.PlatformOf(l.UserAgent).String(), "unknown")
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", l.ID, device, l.IP,
			minute(l.User.SignedInAt), minute(l.LastUsedAt), minute(l.ExpiresAt))
	}
	return table.Flush()
}

// minute formats a time as in the logs.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

type endSessionsCommand struct {
	ID   string `arg:"" optional:"" help:"Id of the session, from sana sessions list."`
	User string `help:"Revoke all sessions of this user." placeholder:"ADDRESS"`
	All  bool   `help:"Revoke the sessions of all users and cancel pending codes, after restoring a backup, which has sessions that were revoked since."`
}

// Run revokes the sessions and prints their number.
func (e endSessionsCommand) Run(in invocation) error {
	named := 0
	for _, is := range []bool{e.ID != "", e.User != "", e.All} {
		if is {
			named++
		}
	}
	if named != 1 {
		return errors.New(
			"name one session by its id, or a user, or all: sana sessions end ID, sana sessions " +
				"end --user ADDRESS, or sana sessions end --all")
	}
	return withUseCases(in, func(ctx context.Context, useCases *auth.Service) error {
		switch {
		case e.All:
			return e.endAll(ctx, in.stdout, useCases)
		case useCases.Shared == nil:
			return errNoList
		case e.ID != "":
			return e.endOne(ctx, in.stdout, useCases)
		}
		user, err := findUser(ctx, useCases, e.User)
		if err != nil {
			return err
		}
		n, err := useCases.RevokeSessionsOfUser(ctx, user.ID)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(in.stdout, "Revoked sessions of %s: %d\n", user.Email, n)
		return err
	})
}

// endAll cancels the codes first: otherwise one of them could create a session after all were
// revoked.
func (endSessionsCommand) endAll(ctx context.Context, out io.Writer, useCases *auth.Service) error {
	codes, err := challenge.InvalidateAll(ctx, useCases.DB)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Cancelled codes: %d\n", codes)
	if useCases.Shared == nil {
		return errNoList
	}
	ended, err := useCases.RevokeAllSessions(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Revoked sessions: %d\n", ended)
	return err
}

func (e endSessionsCommand) endOne(
	ctx context.Context, out io.Writer, useCases *auth.Service,
) error {
	ended, err := useCases.RevokeSessionAsOperator(ctx, e.ID)
	if err != nil {
		return err
	}
	if !ended {
		return fmt.Errorf("no valid session has the id %s; sana sessions list ADDRESS lists them",
			e.ID)
	}
	_, err = fmt.Fprintln(out, "Revoked.")
	return err
}

type explainSessionCommand struct{}

// Run reads the cookie from standard input, because other users of the machine can see command
// lines.
func (explainSessionCommand) Run(in invocation) error {
	return withUseCases(in, func(ctx context.Context, useCases *auth.Service) error {
		line, err := bufio.NewReader(in.stdin).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		found, err := useCases.Store().Read(ctx, cookieValue(line))
		explanation, err := explain(found, err)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(in.stdout, explanation)
		return err
	})
}

// cookieValue accepts a cookie as operators copy it: its value, with its name, or a whole Cookie
// header with only that one.
func cookieValue(line string) string {
	line = strings.TrimSpace(line)
	if i := strings.LastIndex(line, web.SessionCookieBase+"="); i >= 0 {
		line = line[i+len(web.SessionCookieBase)+1:]
	}
	value, _, _ := strings.Cut(line, ";")
	return value
}

// explain describes how the server judges a token, from the store's result.
func explain(found session.Session, err error) (string, error) {
	ended, known := errors.AsType[*session.Ended](err)
	switch {
	case known:
		return "The server answers 401 not_signed_in: " + whyEnded(ended), nil
	case errors.Is(err, session.ErrNone):
		return "The server answers 401 not_signed_in without a reason: no session has this " +
			"token. It was never valid, a later code in the same browser has replaced it, or " +
			"its session was revoked or expired more than a week ago.", nil
	case err != nil:
		return "", err
	}
	u := found.User
	return fmt.Sprintf("The server answers 200: %s is signed in, since %s, until %s at the latest "+
		"(session %s).", u.Email, minute(u.SignedInAt), minute(found.ExpiresAt), found.ID), nil
}

func whyEnded(e *session.Ended) string {
	reason := map[session.Reason]string{
		session.Idle:              "the session was not used for too long",
		session.MaxAge:            "the sign-in is too old",
		session.SignedOut:         "it was signed out",
		session.RevokedElsewhere:  "it was revoked from another browser",
		session.RevokedByLink:     "it was revoked with the link in the mail about its sign-in",
		session.RevokedEverywhere: "all sessions were revoked from another browser",
		session.TooManySessions:   "the user had too many sessions, and this one was the oldest",
		session.RevokedByOperator: "an operator revoked it",
		session.EmailChanged:      "the address of the account was changed from another browser",
		session.AccountDeleted:    "the account was deleted",
		session.Recovered:         "the account was recovered without a passkey",
		session.KeyRemoved:        "the key that sealed it is no longer in SECRET_KEYS",
	}[e.Reason]
	if e.By != "" {
		reason += ", " + e.By
	}
	if !e.At.IsZero() {
		reason += ", at " + minute(e.At)
	}
	return reason + "."
}
