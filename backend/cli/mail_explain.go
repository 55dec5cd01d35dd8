package cli

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"sana/backend/config"
	"sana/backend/fault"
	"sana/backend/postgres"
	"sana/backend/signin"
)

type explainMailCommand struct {
	Address string `arg:"" help:"Address of whoever waits."`
}

// Run prints a line for each code that was asked for the address, the newest first, and what to do about that one.
func (e explainMailCommand) Run(in invocation) error {
	cfg, err := config.Load(in.environ)
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
	email, list, err := signin.ListAsked(ctx, db, e.Address)
	if fault.Is(err, fault.InvalidEmail) {
		return errNoCodesTo(e.Address)
	}
	if err != nil {
		return err
	}
	return printAsked(in.stdout, email, list)
}

func errNoCodesTo(address string) error {
	return fmt.Errorf("%s is not an address that Sana sends codes to", address)
}

func printAsked(out io.Writer, email string, list []signin.Asked) error {
	if len(list) == 0 {
		_, err := fmt.Fprintf(out, "Nobody asked for a code for %s in the last day. Was it another address, or did the page show an error?\n", email)
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
func stateOf(a signin.Asked) string {
	switch {
	case !a.UsedAt.IsZero():
		return "used at " + minute(a.UsedAt)
	case a.Locked:
		return fmt.Sprintf("locked after %d tries", a.Wrong)
	case a.Expired:
		return "expired"
	default:
		return fmt.Sprintf("good, %d tries", a.Wrong)
	}
}

// adviceFor says what became of the newest mail of a code, and what can be done.
func adviceFor(email string, a signin.Asked) string {
	if !a.UsedAt.IsZero() {
		return "The newest code arrived: somebody typed it."
	}
	switch a.Delivery {
	case signin.Held:
		return "No mail was sent: the address has got as many as it may for now. The code page says when the next one can be sent."
	case signin.Queued:
		return "The mail waits to be sent. If that takes longer than seconds, no instance runs, or none sends: see the log for mail."
	case signin.Delayed:
		return "The mail provider did not take the mail yet, or cannot deliver it yet; it is tried again while the code is good. The log has the reason."
	case signin.Sent:
		return "The mail provider has taken the mail, and has told nothing since (with Mailgun it tells where MAILGUN_WEBHOOK_KEY is set). " +
			"Look at its log, and into the spam folder."
	case signin.Delivered:
		return "The server of the address has taken the mail. It is in the mailbox, in its spam folder, or a filter has it."
	case signin.Failed:
		return failedAdvice(email, a.Reason)
	}
	return "Sana does not know this state of a mail: " + string(a.Delivery)
}

func failedAdvice(email string, reason signin.DeliveryReason) string {
	switch reason {
	case signin.NoSuchMailbox:
		return "Nobody has this address, says its server. Was it typed wrong?"
	case signin.Blocked:
		return "The mail provider sends nothing to this address after an earlier bounce or complaint. If it is good again: sana mail unsuppress " + email
	case signin.ProviderAway:
		return "The mail provider could not be reached for as long as the code was good, or took nothing. The log has the reason; sana doctor tries it."
	default:
		return "The mail provider, or the server of the address, did not take this mail. The log has the reason."
	}
}
