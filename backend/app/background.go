package app

import (
	"context"
	"log/slog"
	"time"

	"sana/backend/auth"
	"sana/backend/challenge"
	"sana/backend/inbox"
	"sana/backend/passkey"
	"sana/backend/postgres"
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

// backgroundOf returns the work of all parts except the outbox, which stops before them.
func backgroundOf(useCases *auth.Service, mails *inbox.Inbox, log *slog.Logger) []background {
	list := []background{
		{"service counts", useCases.Limits.Run},
		{"periodic work", newTurns(useCases, log).Run},
	}
	if useCases.Shared != nil {
		list = append(list, background{"session store", useCases.Shared.Run})
	}
	if mails != nil {
		list = append(list, background{"inbox",
			func(ctx context.Context) { mails.Run(ctx, useCases.Outbox.TakeEvent, log) }})
	}
	return list
}

// newTurns returns the periodic work that one of all instances does: deleting expired rows.
func newTurns(useCases *auth.Service, log *slog.Logger) *postgres.Turns {
	db, box, shared := useCases.DB, useCases.Outbox, useCases.Shared
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
	sweep("account_events", useCases.Accounts.Sweep)
	sweep("uses", useCases.Limits.Sweep)
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
