package mail

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// refVariable is Mailgun's user variable in which a message's Ref travels and comes back.
const refVariable = "ref"

// Fate is what an event says about a mail.
type Fate string

// The fates of a mail that the provider has taken.
const (
	Unchanged     Fate = ""                // the event is about something else: opened, clicked, accepted
	Delivered     Fate = "delivered"       // the recipient's server has it
	Deferred      Fate = "deferred"        // not yet; the provider tries again
	NoSuchMailbox Fate = "no_such_mailbox" // for good: nobody has this address
	Blocked       Fate = "blocked"         // for good: the provider does not send to it after an earlier bounce or complaint
	Rejected      Fate = "rejected"        // for good, for another reason
)

// Event is what the provider tells about a mail that it has taken.
type Event struct {
	ID   string    // the provider's name for it
	Ref  string    // of the Message, "" where it had none
	Fate Fate      // what became of the mail
	At   time.Time // when, by the provider's clock

	SignedAt time.Time // when the provider signed the message that brought it
	Token    string    // of that message, 50 letters and digits; a message with a known token is a replay
}

// The faults of an event.
var (
	ErrUnreadable = errors.New("mail: the event cannot be read")
	ErrForged     = errors.New("mail: the event's signature is not the provider's")
)

// The form of what Mailgun signs: seconds since 1970, and a random string.
const (
	timestampLength = 10
	tokenLength     = 50
)

// MailgunEvents reads what Mailgun posts to webhooks (documentation.mailgun.com, "Webhooks").
type MailgunEvents struct{ key []byte }

// NewMailgunEvents returns a reader for the account with this HTTP webhook signing key.
func NewMailgunEvents(signingKey string) *MailgunEvents {
	return &MailgunEvents{key: []byte(signingKey)}
}

// mailgunEvent are the fields that matter; there are many more, and new ones come without notice.
type mailgunEvent struct {
	Signature struct {
		Timestamp scalar `json:"timestamp"`
		Token     scalar `json:"token"`
		Signature scalar `json:"signature"`
	} `json:"signature"`
	Data mailgunEventData `json:"event-data"`
}

type mailgunEventData struct {
	ID             scalar          `json:"id"`
	Event          scalar          `json:"event"`
	Severity       scalar          `json:"severity"`
	Reason         scalar          `json:"reason"`
	Timestamp      scalar          `json:"timestamp"`
	DeliveryStatus json.RawMessage `json:"delivery-status"`
	UserVariables  json.RawMessage `json:"user-variables"`
}

// scalar is the text of a JSON string or number, "" of anything else: Mailgun writes some values now as one, now as the other.
type scalar string

// UnmarshalJSON never fails.
func (s *scalar) UnmarshalJSON(value []byte) error {
	var text string
	if err := json.Unmarshal(value, &text); err == nil {
		*s = scalar(text)
	} else if bytes.ContainsAny(value[:1], "-0123456789") {
		*s = scalar(value)
	}
	return nil
}

// Read returns the event in a body, ErrUnreadable, or ErrForged. Mailgun signs the time and the token and nothing else:
// what keeps a stranger from posting their own event with them is that a token counts once, within hours. Both have one
// length each, so that no byte can move from one to the other under the same signature.
func (m *MailgunEvents) Read(body []byte) (Event, error) {
	var posted mailgunEvent
	if err := json.Unmarshal(body, &posted); err != nil {
		return Event{}, ErrUnreadable
	}
	s := posted.Signature
	mac := hmac.New(sha256.New, m.key)
	mac.Write([]byte(s.Timestamp + s.Token))
	if !hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(s.Signature)) {
		return Event{}, ErrForged
	}
	signedAt, ok := readTime(s.Timestamp)
	if !ok || len(s.Timestamp) != timestampLength || strings.ContainsFunc(string(s.Timestamp), isNotDigit) ||
		len(s.Token) != tokenLength || strings.ContainsFunc(string(s.Token), isNotDigitOrLetter) {
		return Event{}, ErrUnreadable
	}
	at, ok := readTime(posted.Data.Timestamp)
	if !ok {
		return Event{}, ErrUnreadable
	}
	return Event{
		ID:   string(posted.Data.ID),
		Ref:  posted.Data.ref(),
		Fate: posted.Data.fate(),
		At:   at, SignedAt: signedAt, Token: string(s.Token),
	}, nil
}

func isNotDigit(r rune) bool { return r < '0' || r > '9' }

// readTime reads seconds since 1970, exact to the microsecond, until the year 2100.
func readTime(s scalar) (time.Time, bool) {
	const end = 4_102_444_800
	seconds, err := strconv.ParseFloat(string(s), 64)
	if err != nil || !(seconds > 0 && seconds < end) {
		return time.Time{}, false
	}
	return time.UnixMicro(int64(math.Round(seconds * 1e6))), true
}

// ref is "" where there are no variables, which Mailgun also writes as a list.
func (e mailgunEventData) ref() string {
	var variables map[string]scalar
	_ = json.Unmarshal(e.UserVariables, &variables)
	return string(variables[refVariable])
}

func (e mailgunEventData) fate() Fate {
	switch {
	case e.Event == "delivered":
		return Delivered
	case e.Event == "failed" && e.Severity == "temporary":
		return Deferred
	case e.Event == "failed":
		return e.failure()
	case e.Event == "rejected":
		return Rejected
	default:
		return Unchanged
	}
}

// failure says why a mail failed for good: by Mailgun's own reason, by the class of the enhanced status code (RFC 3463: X.1
// is about the address, of which 7 and 8 are the sender's), or, where the server gave none, by its reply.
func (e mailgunEventData) failure() Fate {
	var status struct {
		Code     scalar `json:"code"`
		Enhanced scalar `json:"enhanced-code"`
	}
	_ = json.Unmarshal(e.DeliveryStatus, &status)
	switch {
	case strings.HasPrefix(string(e.Reason), "suppress-"):
		return Blocked
	case status.Enhanced == "5.1.7" || status.Enhanced == "5.1.8":
		return Rejected
	case strings.HasPrefix(string(status.Enhanced), "5.1."):
		return NoSuchMailbox
	case status.Enhanced == "" && e.Reason == "bounce" && (status.Code == "550" || status.Code == "551" || status.Code == "553"):
		return NoSuchMailbox
	default:
		return Rejected
	}
}
