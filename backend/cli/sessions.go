package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"sana/backend/account"
	"sana/backend/config"
	"sana/backend/platform"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/signin"
	"sana/backend/web"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

type sessionsCommand struct {
	List    listSessionsCommand   `cmd:"" help:"Where a user is signed in."`
	End     endSessionsCommand    `cmd:"" help:"Sign a user out, from one session or from all, on every instance within two seconds."`
	Explain explainSessionCommand `cmd:"" help:"Say what the server says to a session cookie, read from standard input."`
}

// withSessions calls do with the store of the configuration; shared is nil where sessions are in the cookies.
func withSessions(in invocation, do func(ctx context.Context, db *pgxpool.Pool, store session.Store, shared *session.Shared) error) error {
	cfg, err := config.Load(in.environ)
	if err != nil {
		return err
	}
	publicURL, err := url.Parse(cfg.PublicURL)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandPatience)
	defer cancel()
	db, err := openPool(ctx, cfg, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := postgres.CheckSchema(ctx, db); err != nil {
		return err
	}
	store, shared, err := openSessions(ctx, cfg, nil, publicURL, db, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return err
	}
	return do(ctx, db, store, shared)
}

var errNoList = errors.New("sessions are kept in the cookies (SESSION_STORE=cookie): there is no list of them, and they end only where they are")

// findUser returns the user of an address as an operator types it.
func findUser(ctx context.Context, db *pgxpool.Pool, address string) (signin.User, error) {
	user, found, err := signin.FindUser(ctx, db, address)
	if err == nil && !found {
		err = fmt.Errorf("nobody has an account with the address %s", address)
	}
	return user, err
}

type listSessionsCommand struct {
	Email string `arg:"" help:"Address of the user."`
}

// Run prints a line for each session, the one used last first.
func (l listSessionsCommand) Run(in invocation) error {
	return withSessions(in, func(ctx context.Context, db *pgxpool.Pool, _ session.Store, shared *session.Shared) error {
		if shared == nil {
			return errNoList
		}
		user, err := findUser(ctx, db, l.Email)
		if err != nil {
			return err
		}
		list, err := shared.List(ctx, user.ID)
		if err != nil {
			return err
		}
		return printSessions(in.stdout, user.Email, list)
	})
}

func printSessions(out io.Writer, email string, list []session.Listed) error {
	if len(list) == 0 {
		_, err := fmt.Fprintf(out, "%s is signed in nowhere.\n", email)
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tBROWSER\tADDRESS\tSIGNED IN\tLAST SEEN\tEXPIRES")
	for _, l := range list {
		device := platform.Of(l.UserAgent).String()
		if device == "" {
			device = "unknown"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", l.ID, device, l.IP, minute(l.User.SignedInAt), minute(l.LastSeenAt), minute(l.ExpiresAt))
	}
	return table.Flush()
}

// minute is a time as operators read it beside their logs.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

type endSessionsCommand struct {
	ID   string `arg:"" optional:"" help:"Id of the session, from sana sessions list."`
	User string `help:"Address of a user whose sessions all end." placeholder:"ADDRESS"`
	All  bool   `help:"End the sessions of all users, and withdraw the codes under way: after a backup was restored, which brings back what had ended since."`
}

// Run ends what it is told to and says how many sessions that were.
func (e endSessionsCommand) Run(in invocation) error {
	named := 0
	for _, is := range []bool{e.ID != "", e.User != "", e.All} {
		if is {
			named++
		}
	}
	if named != 1 {
		return errors.New("name one session by its id, or a user, or all: sana sessions end ID, sana sessions end --user ADDRESS, or sana sessions end --all")
	}
	if e.All {
		return e.endAll(in)
	}
	return withSessions(in, func(ctx context.Context, db *pgxpool.Pool, _ session.Store, shared *session.Shared) error {
		if shared == nil {
			return errNoList
		}
		if e.ID != "" {
			return e.endOne(ctx, in.stdout, db, shared)
		}
		user, err := findUser(ctx, db, e.User)
		if err != nil {
			return err
		}
		n, err := endAsOperator(ctx, db, user.ID, func(ctx context.Context, tx pgx.Tx, why session.Ended) ([]session.Session, error) {
			return shared.EndOthers(ctx, tx, user.ID, "", why)
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(in.stdout, "Sessions of %s that were ended: %d\n", user.Email, n)
		return err
	})
}

// endAll withdraws the codes first: none of them leads to a session that is made behind the end of all.
func (endSessionsCommand) endAll(in invocation) error {
	return withSessions(in, func(ctx context.Context, db *pgxpool.Pool, _ session.Store, shared *session.Shared) error {
		codes, err := signin.WithdrawAll(ctx, db)
		if err != nil {
			return err
		}
		fmt.Fprintf(in.stdout, "Codes that were withdrawn: %d\n", codes)
		if shared == nil {
			return errNoList
		}
		why, accounts := session.Ended{Reason: session.EndedByOperator}, account.New(db)
		ended, err := shared.EndAll(ctx, why, func(ctx context.Context, tx pgx.Tx, ended []session.Session) error {
			return accounts.WriteAll(ctx, tx, account.Actor{}, entriesOf(ended, why.Reason))
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(in.stdout, "Sessions that were ended: %d\n", ended)
		return err
	})
}

func (e endSessionsCommand) endOne(ctx context.Context, out io.Writer, db *pgxpool.Pool, shared *session.Shared) error {
	userID, err := shared.Owner(ctx, e.ID)
	if err != nil {
		return err
	}
	n := 0
	if userID != "" {
		n, err = endAsOperator(ctx, db, userID, func(ctx context.Context, tx pgx.Tx, why session.Ended) ([]session.Session, error) {
			ended, found, err := shared.EndOne(ctx, tx, userID, e.ID, why)
			if !found {
				return nil, err
			}
			return []session.Session{ended}, err
		})
	}
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("no session of somebody who is signed in has the id %s (any more); sana sessions list ADDRESS names them", e.ID)
	}
	_, err = fmt.Fprintln(out, "Ended.")
	return err
}

// endAsOperator ends sessions of a user, which then finds on the account what ended, and returns how many those were.
func endAsOperator(
	ctx context.Context, db *pgxpool.Pool, userID string,
	end func(ctx context.Context, tx pgx.Tx, why session.Ended) ([]session.Session, error),
) (n int, err error) {
	why := session.Ended{Reason: session.EndedByOperator}
	err = account.New(db).Record(ctx, userID, account.Actor{}, func(ctx context.Context, tx pgx.Tx) (entries []account.Entry, err error) {
		ended, err := end(ctx, tx, why)
		for _, entry := range entriesOf(ended, why.Reason) {
			entries = append(entries, entry.Entry)
		}
		n = len(ended)
		return entries, err
	})
	return n, err
}

// entriesOf says of each session that it ended.
func entriesOf(ended []session.Session, reason session.Reason) []account.EntryOf {
	var list []account.EntryOf
	for _, e := range ended {
		list = append(list, account.EntryOf{UserID: e.User.ID, Entry: account.Entry{Kind: account.SessionEnded, Details: account.Details{
			Ended: platform.Of(e.UserAgent).String(), Reason: string(reason),
		}}})
	}
	return list
}

type explainSessionCommand struct{}

// Run reads the cookie from standard input, because command lines are seen by everybody on the machine.
func (explainSessionCommand) Run(in invocation) error {
	return withSessions(in, func(ctx context.Context, _ *pgxpool.Pool, store session.Store, _ *session.Shared) error {
		line, err := bufio.NewReader(in.stdin).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		found, err := store.Read(ctx, cookieValue(line))
		explanation, err := explain(found, err)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(in.stdout, explanation)
		return err
	})
}

// cookieValue takes a cookie as people copy it: its value, with its name, or a whole Cookie header with only that one.
func cookieValue(line string) string {
	line = strings.TrimSpace(line)
	if i := strings.LastIndex(line, web.SessionCookieBase+"="); i >= 0 {
		line = line[i+len(web.SessionCookieBase)+1:]
	}
	value, _, _ := strings.Cut(line, ";")
	return value
}

// explain says what the server makes of a token, from what the store said.
func explain(found session.Session, err error) (string, error) {
	ended, known := errors.AsType[*session.Ended](err)
	switch {
	case known:
		return "The server answers 401 not_signed_in: " + whyEnded(ended), nil
	case errors.Is(err, session.ErrNone):
		return "The server answers 401 not_signed_in without a reason: no session has this token, nor one that ended in the last week.", nil
	case err != nil:
		return "", err
	}
	var says []string
	if u := found.User; u != nil {
		says = append(says, fmt.Sprintf("The server answers 200: %s is signed in, since %s, until %s at the latest (session %s).",
			u.Email, minute(u.SignedInAt), minute(found.ExpiresAt), found.ID))
	} else {
		says = append(says, "The server answers 401 not_signed_in: nobody is signed in here yet.")
	}
	if p := found.Pending; p != nil {
		says = append(says, fmt.Sprintf("This browser waits for a code for %s, asked for at %s.", p.Email, minute(p.SentAt)))
	}
	return strings.Join(says, "\n"), nil
}

func whyEnded(e *session.Ended) string {
	reason := map[session.Reason]string{
		session.Idle:            "the session was not used for too long",
		session.MaxAge:          "the sign-in is too long ago",
		session.SignedOut:       "somebody signed out with it",
		session.EndedElsewhere:  "it was ended from another browser",
		session.EndedEverywhere: "all sessions were ended from another browser",
		session.TooManySessions: "the user signed in in too many browsers, and this session was the oldest",
		session.EndedByOperator: "an operator ended it",
		session.EmailChanged:    "the address of the account was changed from another browser",
		session.AccountDeleted:  "the account was deleted",
		session.KeyWithdrawn:    "the key that it was sealed with is not in SECRET_KEYS any more",
	}[e.Reason]
	if e.By != "" {
		reason += ", " + e.By
	}
	if !e.At.IsZero() {
		reason += ", at " + minute(e.At)
	}
	return reason + "."
}
