package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"sana/backend/account"
	"sana/backend/app"
	"sana/backend/config"
	"sana/backend/mail"
)

type mailCommand struct {
	Explain    explainMailCommand `cmd:"" help:"Print the codes that were requested for an address in the last day, with their delivery status."`
	Unsuppress unsuppressCommand  `cmd:"" help:"Remove an address from the suppressions of Mailgun after a bounce, a complaint or an unsubscribe."`
}

type unsuppressCommand struct {
	Address string `arg:"" help:"Address that gets no mail."`
}

// Run prints the lists from which it removed the address, or that there is nothing to do.
func (u unsuppressCommand) Run(in invocation) error {
	cfg, err := config.Load(in.environ)
	if err != nil {
		return err
	}
	address, err := account.ParseAddress(u.Address) // normalized as for codes
	if err != nil {
		return errNoCodesTo(u.Address)
	}
	if cfg.MailTransport != config.Mailgun {
		_, err := fmt.Fprintf(in.stdout,
			"Nothing to do: MAIL_TRANSPORT is %s, and Sana itself blocks no address. "+
				"The mail server may block it.\n", cfg.MailTransport)
		return err
	}
	sender, err := app.NewMailgun(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandPatience)
	defer cancel()
	lists, err := sender.Unsuppress(ctx, address)
	if errors.Is(err, mail.ErrCredentials) {
		err = fmt.Errorf("the API key has no access: a domain's sending key may only send. "+
			"Run the command once with MAILGUN_API_KEY set to a key of the account: %w", err)
	}
	return errors.Join(sayUnsuppressed(in.stdout, address, lists, err == nil), err)
}

func sayUnsuppressed(out io.Writer, address string, lists []string, complete bool) (err error) {
	switch {
	case len(lists) > 0:
		_, err = fmt.Fprintf(out, "Removed %s from Mailgun's list of %s.\n", address,
			strings.Join(lists, ", and of "))
	case complete:
		_, err = fmt.Fprintf(out,
			"%s is on none of Mailgun's lists (bounces, complaints, unsubscribes): Mailgun does "+
				"not block it.\n", address)
	}
	return err
}
