package mail

import (
	"errors"
	"fmt"
	"time"
)

// ErrCredentials is in the chain of an error when the provider refused our key or our domain's
// right to send. Every message fails until an operator acts.
var ErrCredentials = errors.New("credentials refused")

// ErrNoSuchMailbox is in the chain of an error if the recipient's mailbox is known not to exist.
var ErrNoSuchMailbox = errors.New("no such mailbox")

// ErrDeferred is in the chain of a temporary error that concerns this recipient alone: its server
// takes no mail for it now.
var ErrDeferred = errors.New("recipient deferred")

// ErrNoEncryption is in the chain of an error when an SMTP server offers no encryption, and a
// message must not go without.
var ErrNoEncryption = errors.New("the server offers no encryption")

// Permanent marks err as one that trying again cannot cure. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

// IsPermanent reports whether err, or an error it wraps, was marked by Permanent.
func IsPermanent(err error) bool {
	_, isPermanent := errors.AsType[*permanentError](err)
	return isPermanent
}

type permanentError struct{ cause error }

func (e *permanentError) Error() string { return e.cause.Error() }
func (e *permanentError) Unwrap() error { return e.cause }

// Throttled is the error of a provider that takes no more messages for now, of any kind, to anyone.
type Throttled struct {
	// how long to wait: at most 10 minutes, and zero when the provider named no time
	After time.Duration
}

func (e *Throttled) Error() string {
	if e.After == 0 {
		return "mail: throttled by the provider"
	}
	return fmt.Sprintf("mail: throttled by the provider for %s", e.After)
}
