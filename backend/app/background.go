package app

import (
	"context"
	"log/slog"
	"time"

	"sana/backend/account"
	"sana/backend/auth"
	"sana/backend/challenge"
	"sana/backend/inbox"
	"sana/backend/outbox"
	"sana/backend/passkey"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/throttle"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	sweepInterval = 10 * time.Minute
	sweepTimeout  = 5 * time.Minute

	recoveryInterval = time.Minute
)

// background is work beside the requests. run returns soon after its context ends.
type background struct {
	name string
	run  func(ctx context.Context)
}

// backgroundOf returns the work of the parts that not every configuration has.
func backgroundOf(
	shared *session.Shared, mails *inbox.Inbox, box *outbox.Outbox, log *slog.Logger,
) (list []background) {
	if shared != nil {
		list = append(list, background{"session store", shared.Run})
	}
	if mails != nil {
		list = append(list,
			background{"inbox", func(ctx context.Context) { mails.Run(ctx, box.TakeEvent, log) }})
	}
	return list
}

// newTurns returns the periodic work that one of all instances does: deleting expired rows.
func newTurns(
	db *pgxpool.Pool, box *outbox.Outbox, accounts *account.Service, limits *throttle.Throttle,
	shared *session.Shared,
	useCases *auth.Service, log *slog.Logger,
) *postgres.Turns {
	turns := postgres.NewTurns(db, log)
	sweep := func(table string, do func(context.Context) (deleted int, err error)) {
		turns.Add("sweep "+table, sweepInterval, sweepTimeout, func(ctx context.Context) error {
			deleted, err := do(ctx)
			if deleted > 0 {
				log.InfoContext(ctx, "expired rows deleted", "table", table, "rows", deleted)
			}
			return err
		})
	}
	sweep("challenges", func(ctx context.Context) (int, error) { return challenge.Sweep(ctx, db) })
	sweep("mails", box.Sweep)
	sweep("event_tokens", box.SweepEventTokens)
	sweep("account_events", accounts.Sweep)
	sweep("uses", limits.Sweep)
	sweep("handoffs", useCases.SweepHandoffs)
	sweep("passkey_challenges",
		func(ctx context.Context) (int, error) { return passkey.Sweep(ctx, db) })
	turns.Add("tell suspended", sweepInterval, sweepTimeout, func(ctx context.Context) error {
		n, err := useCases.NotifySuspended(ctx)
		if n > 0 {
			log.WarnContext(ctx, "codes for recovery only suspended or resumed", "accounts", n)
		}
		return err
	})
	sweep("session_apps", useCases.SweepSessionApps)
	if shared != nil {
		sweep("sessions", shared.Sweep)
		sweep("access_keys", shared.SweepAccessKeys)
		turns.Add("finish recoveries", recoveryInterval, sweepTimeout,
			func(ctx context.Context) error {
				n, err := useCases.FinishRecoveries(ctx)
				if n > 0 {
					log.InfoContext(ctx, "accounts recovered", "accounts", n)
				}
				return err
			})
	}
	return turns
}
