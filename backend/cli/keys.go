package cli

import (
	"fmt"
	"time"

	"sana/backend/keyring"
)

type keysCommand struct {
	New newKeyCommand `cmd:"" help:"Print a new key for SECRET_KEYS. Its id has the date of its creation."`
}

type newKeyCommand struct{}

// Run prints only the key on stdout, for programs, and instructions for operators on stderr.
func (newKeyCommand) Run(in invocation) error {
	if _, err := fmt.Fprintln(in.stdout, keyring.New(time.Now())); err != nil {
		return err
	}
	_, err := fmt.Fprintln(in.stderr,
		"If it is the first key, SECRET_KEYS is this line. Otherwise put it first in SECRET_KEYS, "+
			"followed by a comma, and keep the old one after it for a day.")
	return err
}
