package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sana/backend/diagnose"
	"sana/backend/mail"
)

// RoundTrip has the inputs of a test mail besides Mail.
type RoundTrip struct {
	Mail
	To       string
	Message  mail.Message
	Word     string        // marks the message
	Patience time.Duration // how long to wait for the delivery status
	Pause    time.Duration // between two queries
}

// Checks returns the check that sends the mail, unless Mailgun suppresses the address.
func (r RoundTrip) Checks() []diagnose.Check {
	needs := []string{"mail-provider"}
	var checks []diagnose.Check
	if r.Mailgun != nil {
		checks = append(checks, diagnose.Check{
			Name: "recipient", Needs: needs, Limit: providerLimit,
			Do: func(ctx context.Context) diagnose.Result { return r.suppressed(ctx, r.To) },
		})
		needs = append(needs, "recipient")
	}
	return append(checks, diagnose.Check{
		Name: "roundtrip", Needs: needs, Limit: r.Patience + providerLimit, Do: r.send,
	})
}

func (r RoundTrip) send(ctx context.Context) diagnose.Result {
	switch {
	case r.Mailgun != nil:
		return r.byMailgun(ctx)
	case r.SMTP != nil:
		if err := r.SMTP.Send(ctx, r.Message); err != nil {
			return r.notTaken(err)
		}
		return diagnose.OK(
			fmt.Sprintf("%s accepted the mail %s to %s; look for it there", r.SMTPServer, r.Word,
				r.To))
	}
	return diagnose.Warn("not sent: mail goes to the console",
		"set MAIL_TRANSPORT to mailgun or smtp")
}

func (r RoundTrip) byMailgun(ctx context.Context) diagnose.Result {
	id, err := r.Mailgun.Post(ctx, r.Message)
	if err != nil {
		return r.notTaken(err)
	}
	taken := fmt.Sprintf("Mailgun accepted the mail %s to %s (%s)", r.Word, r.To, id)
	fate, err := r.await(ctx, id)
	switch {
	case errors.Is(err, mail.ErrCredentials):
		return diagnose.Warn(taken+"; a sending key cannot read the delivery status",
			"look for it in the mailbox, or at Mailgun: Sending, Logs")
	case fate == mail.Delivered:
		return diagnose.OK(
			taken + ", and the recipient's server accepted it; look for it there, also in the " +
				"spam folder")
	case fate == mail.Deferred:
		return diagnose.Warn(taken+", but the recipient's server has deferred it",
			"Mailgun retries for hours; its log (Sending, Logs) has the server's answer")
	case fate == mail.Unchanged:
		return diagnose.Warn(
			fmt.Sprintf("%s, and its delivery status is unknown after %s", taken, r.Patience),
			"look for it in the mailbox, then at Mailgun: Sending, Logs")
	}
	return diagnose.Fail(fmt.Sprintf("%s, and it failed permanently: %s", taken, fate),
		"Mailgun's log (Sending, Logs) has the server's answer")
}

// await polls until the status is final or Patience has passed, and returns the last known status.
func (r RoundTrip) await(ctx context.Context, id string) (mail.Fate, error) {
	again, over := time.NewTicker(r.Pause), time.NewTimer(r.Patience)
	defer again.Stop()
	defer over.Stop()
	known := mail.Unchanged
	for {
		fate, err := r.Mailgun.Fate(ctx, id)
		switch {
		case errors.Is(err, mail.ErrCredentials):
			return known, err
		case err == nil && fate != mail.Unchanged:
			known = fate
		}
		if known != mail.Unchanged && known != mail.Deferred {
			return known, nil
		}
		select {
		case <-again.C:
		case <-over.C:
			return known, nil
		case <-ctx.Done():
			return known, nil
		}
	}
}

func (r RoundTrip) notTaken(err error) diagnose.Result {
	if errors.Is(err, mail.ErrNoSuchMailbox) {
		return diagnose.Fail("not accepted: "+err.Error(), "check the address "+r.To)
	}
	if r.Mailgun != nil {
		return r.refused(err)
	}
	return diagnose.Fail(r.SMTPServer+": "+err.Error(),
		"check SMTP_URL, and that the server allows this user to send as MAIL_FROM")
}
