package mail

import "context"

// Sender hands a message to a mail provider.
//
// Send returns nil when the message was accepted, which does not mean delivered. An error for which
// IsPermanent is true must not be retried; any other error may be, and one that holds a *Throttled
// not before its time. No error carries an address, a subject, a code, a key or a provider's
// answer, so that it can be logged as it is. Send returns soon after ctx ends. It is safe for
// concurrent use.
type Sender interface {
	Send(ctx context.Context, m Message) error
}
