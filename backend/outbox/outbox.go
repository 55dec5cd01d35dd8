// Package outbox sends mail durably. A mail is a row of table mails: queue, lease and delivery
// status in one. It is queued in the caller's transaction and sent by one of the instances after
// the commit. It is sent once, unless an instance is killed between sending it and recording that.
//
// The queue stores no codes. The content of other mails is in the row until the mail is done.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"sync"
	"time"

	"sana/backend/mail"
	"sana/backend/observe/metrics"
	"sana/backend/observe/tracing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrObsolete is returned by Compose for a mail that is no longer needed. The mail is dropped.
var ErrObsolete = errors.New("outbox: mail is obsolete")

// State is the delivery status of a mail.
type State string

// The states of a mail. The provider's events can change them after Sent.
const (
	Queued    State = "queued"    // not attempted yet, or being sent
	Delayed   State = "delayed"   // will be retried, by Sana or by the provider
	Sent      State = "sent"      // the provider accepted it
	Delivered State = "delivered" // the server of its address accepted it
	Failed    State = "failed"    // permanently
)

// Reason is the reason for a delay or a failure; "" if there is none or it is unknown.
type Reason string

// The reasons.
const (
	NoSuchMailbox       Reason = "no_such_mailbox" // the address does not exist
	Blocked             Reason = "blocked"         // the provider sends nothing to this address
	Refused             Reason = "refused"         // provider or recipient rejected this mail
	ProviderUnavailable Reason = "provider_away"   // no response, or no mail accepted

	noReason Reason = "-" // in an outcome: erases the previous reason
)

// Mail is a row of the queue, leased to this instance.
type Mail struct {
	Ref       string // a UUID: the subject of the mail, such as a challenge
	Number    int    // counts the mails of one ref from 1
	Template  string
	Content   []byte // of a Notice, as JSON; nil for other mails
	CreatedAt time.Time
	Age       time.Duration // at the claim, by the database's clock like CreatedAt
	Attempts  int           // including this one
}

// Composed is a mail that is ready to be sent.
type Composed struct {
	Message   mail.Message  // its Ref is set by the outbox
	UsefulFor time.Duration // after that it must not be sent
}

// Compose returns the mail to send now. It returns ErrObsolete for a mail that is no longer needed;
// after any other error the mail is retried. It may be called more than once for the same mail, on
// any instance.
type Compose func(ctx context.Context, m Mail) (Composed, error)

// Options are the settings and dependencies of an outbox.
type Options struct {
	// StopTimeout bounds the time that Run takes after its context has ended. The last second is
	// reserved for recording outcomes; mails that are being sent then are interrupted.
	StopTimeout time.Duration
	Log         *slog.Logger
	Metrics     *metrics.Metrics
	Tracer      *tracing.Tracer
}

// Outbox queues and sends mails. It is safe for concurrent use.
type Outbox struct {
	db        *pgxpool.Pool
	sender    mail.Sender
	templates map[string]Compose
	options   Options
	log       *slog.Logger
	wake      chan struct{}
	brake     brake
	refused   logLimiter // the provider rejected our credentials
	failing   logLimiter // the queue cannot be read or written

	mu     sync.Mutex
	worker *worker // of Run; nil while it accepts no mails
}

// New returns an outbox on a migrated database. All templates must be added with Handle before Run.
func New(db *pgxpool.Pool, sender mail.Sender, o Options) *Outbox {
	return &Outbox{
		db:        db,
		sender:    sender,
		templates: map[string]Compose{},
		options:   o,
		log:       o.Log,
		wake:      make(chan struct{}, 1),
	}
}

// Handle sets what composes the mails of a template, as in column template. It must be called
// before Run.
func (o *Outbox) Handle(template string, compose Compose) { o.templates[template] = compose }

// Wake makes Run poll the queue at once. Call it after the commit of a transaction that has queued
// a mail; other instances find the mail with their next poll.
func (o *Outbox) Wake() {
	select {
	case o.wake <- struct{}{}:
	default: // it is awake already
	}
}

// messageRef returns the id of a mail at the provider, which its events contain: "ref/number".
func messageRef(ref string, number int) string { return fmt.Sprintf("%s/%d", ref, number) }

var messageRefPattern = regexp.MustCompile(
	`^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/([0-9]{1,9})$`)

// parseMessageRef is the inverse of messageRef. It returns false for any other text.
func parseMessageRef(text string) (ref string, number int16, ok bool) {
	found := messageRefPattern.FindStringSubmatch(text)
	if found == nil {
		return "", 0, false
	}
	parsed, err := strconv.ParseInt(found[2], 10, 16)
	return found[1], int16(parsed), err == nil
}
