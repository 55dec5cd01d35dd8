package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sana/backend/diagnose"
	"sana/backend/mail"
)

// RoundTrip is what sending a test mail needs besides Mail.
type RoundTrip struct {
	Mail
	To       string
	Message  mail.Message
	Word     string        // that is in the message
	Patience time.Duration // with what becomes of it
	Pause    time.Duration // between two questions
}

// Checks send the mail, unless Mailgun blocks the address.
func (r RoundTrip) Checks() []diagnose.Check {
	needs := []string{"mail-provider"}
	var checks []diagnose.Check
	if r.Mailgun != nil {
		checks = append(checks, diagnose.Check{Name: "recipient", Needs: needs, Limit: 2 * diagnose.UsualLimit, Do: func(ctx context.Context) diagnose.Result {
			return r.suppressed(ctx, r.To)
		}})
		needs = append(needs, "recipient")
	}
	return append(checks, diagnose.Check{Name: "roundtrip", Needs: needs, Limit: r.Patience + 2*diagnose.UsualLimit, Do: r.send})
}

func (r RoundTrip) send(ctx context.Context) diagnose.Result {
	switch {
	case r.Mailgun != nil:
		return r.byMailgun(ctx)
	case r.SMTP != nil:
		if err := r.SMTP.Send(ctx, r.Message); err != nil {
			return r.notTaken(err)
		}
		return diagnose.OK(fmt.Sprintf("%s took the mail %s to %s; look for it there", r.SMTPServer, r.Word, r.To))
	}
	return diagnose.Warn("not sent: mail goes to the console", "set MAIL_TRANSPORT to mailgun or smtp")
}

func (r RoundTrip) byMailgun(ctx context.Context) diagnose.Result {
	id, err := r.Mailgun.Post(ctx, r.Message)
	if err != nil {
		return r.notTaken(err)
	}
	taken := fmt.Sprintf("Mailgun took the mail %s to %s (%s)", r.Word, r.To, id)
	fate, err := r.await(ctx, id)
	switch {
	case errors.Is(err, mail.ErrCredentials):
		return diagnose.Warn(taken+"; what became of it a sending key may not ask", "look for it in the mailbox, or at Mailgun: Sending, Logs")
	case fate == mail.Delivered:
		return diagnose.OK(taken + ", and the recipient's server took it; look for it there, in the spam folder too")
	case fate == mail.Deferred:
		return diagnose.Warn(taken+", but the recipient's server has put it off", "Mailgun tries again for hours; its log (Sending, Logs) has the server's words")
	case fate == mail.Unchanged:
		return diagnose.Warn(fmt.Sprintf("%s, and nothing is known of it after %s", taken, r.Patience), "look for it in the mailbox, then at Mailgun: Sending, Logs")
	}
	return diagnose.Fail(fmt.Sprintf("%s, and it failed for good: %s", taken, fate), "Mailgun's log (Sending, Logs) has the server's words")
}

// await asks until something final is known or the patience is over, and returns what was known last.
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
		return diagnose.Fail("not taken: "+err.Error(), "check the address "+r.To)
	}
	if r.Mailgun != nil {
		return r.refused(err)
	}
	return diagnose.Fail(r.SMTPServer+": "+err.Error(), "check SMTP_URL, and that the server lets this user send as MAIL_FROM")
}
