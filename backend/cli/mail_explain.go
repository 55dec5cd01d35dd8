package cli

import (
	"cmp"
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
	Address string `arg:"" help:"Address of the user who gets no code."`
}

// Run prints a line for each code that was requested for the address, the newest first, and advice
// about the newest.
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
		_, err := fmt.Fprintf(out,
			"No code for %s is stored: none was requested in the last day, it was canceled, "+
				"or the user signed out right after using it.\n"+
				"If the user did request one: was it for another address, or did the page show "+
				"an error?\n", email)
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SENT\tREQUESTED FROM\tMAILS\tNEWEST MAIL\tCODE\tREF IN THE LOG")
	for _, a := range list {
		mail := string(a.Delivery)
		if a.Reason != "" {
			mail += " (" + string(a.Reason) + ")"
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%s\n", minute(a.SentAt),
			cmp.Or(a.Platform, "unknown"), a.Mails, mail, stateOf(a), a.Ref)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%s\n", adviceFor(email, list[0]))
	return err
}

// stateOf describes the state of a code.
func stateOf(a challenge.Stored) string {
	switch {
	case a.UsedAt != nil:
		return "used at " + minute(*a.UsedAt)
	case a.IsLocked():
		return fmt.Sprintf("locked after %d attempts", a.Tries)
	case a.Expired:
		return "expired"
	default:
		return fmt.Sprintf("valid, %d attempts", a.Tries)
	}
}

// adviceFor describes the delivery status of a code's newest mail, and what to do.
func adviceFor(email string, a challenge.Stored) string {
	if a.UsedAt != nil {
		return "The newest code arrived: it was used."
	}
	switch a.Delivery {
	case outbox.Queued:
		return "The mail is queued. If it stays so for more than seconds, no instance runs, or " +
			"none can send: look for mail in the log."
	case outbox.Delayed:
		return "The mail provider has not accepted or delivered the mail yet; it is retried " +
			"while the code is valid. The log has the reason."
	case outbox.Sent:
		return "The mail provider has accepted the mail, and has sent no event since (Mailgun " +
			"sends events if MAILGUN_WEBHOOK_KEY is set). Look at the provider's log, and into " +
			"the spam folder."
	case outbox.Delivered:
		return "The mail server of the address has accepted the mail. It is in the mailbox, in " +
			"its spam folder, or was filtered."
	case outbox.Failed:
		return failedAdvice(email, a.Reason)
	}
	return "Unknown delivery status: " + string(a.Delivery)
}

func failedAdvice(email string, reason outbox.Reason) string {
	switch reason {
	case outbox.NoSuchMailbox:
		return "The mail server says that the address does not exist. Was it mistyped?"
	case outbox.Blocked:
		return "The mail provider suppresses this address after an earlier bounce or complaint. " +
			"If it works again: sana mail unsuppress " + email
	case outbox.ProviderUnavailable:
		return "The mail provider was unavailable while the code was valid, or accepted " +
			"nothing. The log has the reason; sana doctor checks the provider."
	default:
		return "The mail provider, or the mail server of the address, rejected this mail. The " +
			"log has the reason."
	}
}
