package cli

import (
	"errors"
	"fmt"
	"strings"

	"sana/backend/diagnose"
)

// teller returns a function that prints results: each in lines as soon as it is told, or all at the
// end as JSON. finish returns the error of printing.
func (in invocation) teller(
	asJSON bool,
) (finish func(diagnose.Report) error, tell func(diagnose.Result)) {
	if asJSON {
		return func(r diagnose.Report) error { return r.WriteJSON(in.stdout) },
			func(diagnose.Result) {}
	}
	var failed error
	return func(diagnose.Report) error { return failed }, func(r diagnose.Result) {
		failed = errors.Join(failed, diagnose.WriteText(in.stdout, r))
	}
}

// failures returns the error of a command with failed checks, nil if none failed.
func failures(what string, r diagnose.Report) error {
	if r.OK {
		return nil
	}
	return fmt.Errorf("%s: %s", what, strings.Join(r.Failures(), ", "))
}
