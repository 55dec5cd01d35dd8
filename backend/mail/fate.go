package mail

import "time"

// Fate is what an event says about a mail.
type Fate string

// The fates of a mail that the provider has taken.
const (
	// the event is about something else: opened, clicked, accepted
	Unchanged     Fate = ""
	Delivered     Fate = "delivered"       // the recipient's server has it
	Deferred      Fate = "deferred"        // not yet; the provider tries again
	NoSuchMailbox Fate = "no_such_mailbox" // final: the mailbox does not exist
	// for good: the provider does not send to it after an earlier bounce or complaint
	Blocked  Fate = "blocked"
	Rejected Fate = "rejected" // for good, for another reason
)

// Event is a provider's notification about an accepted mail.
type Event struct {
	ID   string    // the provider's name for it
	Ref  string    // of the Message, "" where it had none
	Fate Fate      // delivery status of the mail
	At   time.Time // when, by the provider's clock

	// Words are the reply of the recipient's server, for the log: one line without addresses and
	// codes. They are empty if the event has no answer.
	Words string

	SignedAt time.Time // when the provider signed the message that brought it
	// of that message, 50 letters and digits; a message with a known token is a replay
	Token string
}
