package mailgun

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"sana/backend/mail"
)

// refVariable is Mailgun's user variable in which a message's Ref travels and comes back.
const refVariable = "ref"

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

// Events reads what Mailgun posts to webhooks (documentation.mailgun.com, "Webhooks").
type Events struct{ key []byte }

// NewEvents returns a reader for the account with this HTTP webhook signing key.
func NewEvents(signingKey string) *Events {
	return &Events{key: []byte(signingKey)}
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
	Recipient      scalar          `json:"recipient"`
	Message        json.RawMessage `json:"message"`
	DeliveryStatus json.RawMessage `json:"delivery-status"`
	UserVariables  json.RawMessage `json:"user-variables"`
}

// mailgunDelivery is the answer of the recipient's server, as Mailgun reports it.
type mailgunDelivery struct {
	Code        scalar `json:"code"`
	Enhanced    scalar `json:"enhanced-code"`
	Message     scalar `json:"message"`
	Description scalar `json:"description"`
}

// scalar is the text of a JSON string or number, "" of anything else: Mailgun writes some values
// now as one, now as the other.
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

// Read returns the event in a body, ErrUnreadable, or ErrForged. Mailgun signs the time and the
// token and nothing else: what keeps a stranger from posting their own event with them is that a
// token counts once, within hours. Both have one length each, so that no byte can move from one to
// the other under the same signature.
func (m *Events) Read(body []byte) (mail.Event, error) {
	var posted mailgunEvent
	if err := json.Unmarshal(body, &posted); err != nil {
		return mail.Event{}, ErrUnreadable
	}
	s := posted.Signature
	mac := hmac.New(sha256.New, m.key)
	mac.Write([]byte(s.Timestamp + s.Token))
	if !hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(s.Signature)) {
		return mail.Event{}, ErrForged
	}
	signedAt, ok := readTime(s.Timestamp)
	if !ok || len(s.Timestamp) != timestampLength ||
		strings.ContainsFunc(string(s.Timestamp), isNotDigit) ||
		len(s.Token) != tokenLength ||
		strings.ContainsFunc(string(s.Token), mail.IsNotDigitOrLetter) {
		return mail.Event{}, ErrUnreadable
	}
	at, ok := readTime(posted.Data.Timestamp)
	if !ok {
		return mail.Event{}, ErrUnreadable
	}
	return mail.Event{
		ID:    string(posted.Data.ID),
		Ref:   posted.Data.ref(),
		Fate:  posted.Data.fate(),
		Words: posted.Data.words(),
		At:    at, SignedAt: signedAt, Token: string(s.Token),
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

func (e mailgunEventData) fate() mail.Fate {
	switch {
	case e.Event == "delivered":
		return mail.Delivered
	case e.Event == "failed" && e.Severity == "temporary":
		return mail.Deferred
	case e.Event == "failed":
		return e.failure()
	case e.Event == "rejected":
		return mail.Rejected
	default:
		return mail.Unchanged
	}
}

// failure says why a mail failed for good: by Mailgun's own reason, by the class of the enhanced
// status code (RFC 3463: X.1 is about the address, of which 7 and 8 are the sender's), or, where
// the server gave none, by its reply.
func (e mailgunEventData) failure() mail.Fate {
	status := e.delivery()
	switch {
	case strings.HasPrefix(string(e.Reason), "suppress-"):
		return mail.Blocked
	case status.Enhanced == "5.1.7" || status.Enhanced == "5.1.8":
		return mail.Rejected
	case strings.HasPrefix(string(status.Enhanced), "5.1."):
		return mail.NoSuchMailbox
	case status.Enhanced == "" && e.Reason == "bounce" &&
		(status.Code == "550" || status.Code == "551" || status.Code == "553"):
		return mail.NoSuchMailbox
	default:
		return mail.Rejected
	}
}

// delivery is empty if the event has no answer of a server.
func (e mailgunEventData) delivery() (status mailgunDelivery) {
	_ = json.Unmarshal(e.DeliveryStatus, &status)
	return status
}

// words returns the answer of the recipient's server for the log: the codes, and the text with the
// recipient's address and the words of the subject struck out. A text is left out if the event does
// not say the subject, because the text could quote the code in it.
func (e mailgunEventData) words() string {
	status := e.delivery()
	answer := []string{string(status.Code), string(status.Enhanced)}
	var message struct {
		Headers struct {
			Subject scalar `json:"subject"`
		} `json:"headers"`
	}
	_ = json.Unmarshal(e.Message, &message)
	if message.Headers.Subject != "" {
		answer = append(answer, string(cmp.Or(status.Message, status.Description)))
	}
	sent := mail.Message{To: string(e.Recipient), Subject: string(message.Headers.Subject)}
	return mail.Quote(strings.Join(answer, " "), sent.Secrets()...)
}
