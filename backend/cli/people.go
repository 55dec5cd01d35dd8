package cli

import (
	"context"
	"fmt"

	"sana/backend/auth"
	"sana/backend/fault"
)

type peopleCommand struct {
	Add addPersonCommand `cmd:"" help:"Create an account, so that its owner can sign in although SIGN_UP is closed."`
}

type addPersonCommand struct {
	Address string `arg:"" help:"Address of the user."`
}

// Run creates an account, or says that there is one. It sends no mail.
func (a addPersonCommand) Run(in invocation) error {
	return withUseCases(in, func(ctx context.Context, useCases *auth.Service) error {
		user, isNew, err := useCases.AddUser(ctx, a.Address)
		if fault.Is(err, fault.InvalidEmail) {
			return errNoCodesTo(a.Address)
		}
		if err != nil {
			return err
		}
		outcome := "has an account already; nothing to do"
		if isNew {
			outcome = "can sign in now"
		}
		_, err = fmt.Fprintf(in.stdout, "%s %s.\n", user.Email, outcome)
		return err
	})
}
