package cli

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"sana/backend/auth"
	"sana/backend/challenge"
	"sana/backend/fault"
	"sana/backend/outbox"
)

type explainMailCommand struct {
	Address string `arg:"" help:"Address of whoever waits."`
}

// Run prints a line for each code that was asked for the address, the newest first, and what to do about that one.
func (e explainMailCommand) Run(in invocation) error {
	return withUseCases(in, func(ctx context.Context, useCases *auth.Service) error {
		email, list, err := useCases.CodesFor(ctx, e.Address)
		if fault.Is(err, fault.InvalidEmail) {
			return errNoCodesTo(e.Address)
		}
		if err != nil {
			return err
		}
		return printCodes(in.stdout, email, list)
	})
}

func errNoCodesTo(address string) error {
	return fmt.Errorf("%s is not an address that Sana sends codes to", address)
}

func printCodes(out io.Writer, email string, list []challenge.Stored) error {
	if len(list) == 0 {
		_, err := fmt.Fprintf(out, "No code for %s is stored: none was requested in the last day, it was canceled, "+
			"or the user signed out right after using it.\n"+
			"If the user did request one: was it for another address, or did the page show an error?\n", email)
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SENT\tASKED FROM\tMAILS\tNEWEST MAIL\tCODE\tREF IN THE LOG")
	for _, a := range list {
		from := a.Platform
		if from == "" {
			from = "unknown"
		}
		mail := string(a.Delivery)
		if a.Reason != "" {
			mail += " (" + string(a.Reason) + ")"
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%s\n", minute(a.SentAt), from, a.Mails, mail, stateOf(a), a.Ref)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%s\n", adviceFor(email, list[0]))
	return err
}

// stateOf says what a code is good for.
func stateOf(a challenge.Stored) string {
	switch {
	case a.UsedAt != nil:
		return "used at " + minute(*a.UsedAt)
	case a.IsLocked():
		return fmt.Sprintf("locked after %d tries", a.Tries)
	case a.Expired:
		return "expired"
	default:
		return fmt.Sprintf("good, %d tries", a.Tries)
	}
}

// adviceFor says what became of the newest mail of a code, and what can be done.
func adviceFor(email string, a challenge.Stored) string {
	if a.UsedAt != nil {
		return "The newest code arrived: somebody typed it."
	}
	switch a.Delivery {
	case outbox.Queued:
		return "The mail waits to be sent. If that takes longer than seconds, no instance runs, or none sends: see the log for mail."
	case outbox.Delayed:
		return "The mail provider did not take the mail yet, or cannot deliver it yet; it is tried again while the code is good. The log has the reason."
	case outbox.Sent:
		return "The mail provider has taken the mail, and has told nothing since (with Mailgun it tells where MAILGUN_WEBHOOK_KEY is set). " +
			"Look at its log, and into the spam folder."
	case outbox.Delivered:
		return "The server of the address has taken the mail. It is in the mailbox, in its spam folder, or a filter has it."
	case outbox.Failed:
		return failedAdvice(email, a.Reason)
	}
	return "Sana does not know this state of a mail: " + string(a.Delivery)
}

func failedAdvice(email string, reason outbox.Reason) string {
	switch reason {
	case outbox.NoSuchMailbox:
		return "Nobody has this address, says its server. Was it typed wrong?"
	case outbox.Blocked:
		return "The mail provider sends nothing to this address after an earlier bounce or complaint. If it is good again: sana mail unsuppress " + email
	case outbox.ProviderAway:
		return "The mail provider could not be reached for as long as the code was good, or took nothing. The log has the reason; sana doctor tries it."
	default:
		return "The mail provider, or the server of the address, did not take this mail. The log has the reason."
	}
}
