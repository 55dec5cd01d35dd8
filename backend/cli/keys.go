package cli

import (
	"fmt"
	"time"

	"sana/backend/keyring"
)

type keysCommand struct {
	New newKeyCommand `cmd:"" help:"Print a new key for SECRET_KEYS. Its id is the day it was made."`
}

type newKeyCommand struct{}

// Run prints the key and nothing else where a program reads it; people are told what to do with it beside that.
func (newKeyCommand) Run(in invocation) error {
	if _, err := fmt.Fprintln(in.stdout, keyring.New(time.Now())); err != nil {
		return err
	}
	_, err := fmt.Fprintln(in.stderr, "If it is the first key, SECRET_KEYS is this line. Else put it first in SECRET_KEYS, before a comma, "+
		"and keep the old one behind it for a day.")
	return err
}
