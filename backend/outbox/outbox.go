// Package outbox sends mail durably. A mail is a row of table mails: queue, lease and delivery
// status in one. It is queued in the caller's transaction and sent by some instance after the
// commit. It is sent once, unless an instance is killed between sending it and recording that.
//
// The queue holds no code. The content of a mail that carries none is in its row until it is done.
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

// ErrObsolete is what Compose returns for a mail that is not needed any more: it is dropped.
var ErrObsolete = errors.New("outbox: mail is obsolete")

// State is the delivery status of a mail.
type State string

// The states of a mail. The provider's events can change them after Sent.
const (
	Queued    State = "queued"    // not attempted yet, or being sent
	Delayed   State = "delayed"   // it will be attempted again, by Sana or by the provider
	Sent      State = "sent"      // the provider accepted it
	Delivered State = "delivered" // the server of its address accepted it
	Failed    State = "failed"    // permanently
)

// Reason says why a mail was delayed or has failed; "" if there is no reason or none is known.
type Reason string

// The reasons.
const (
	NoSuchMailbox       Reason = "no_such_mailbox" // the address does not exist
	Blocked             Reason = "blocked"         // the provider sends nothing to this address
	Refused             Reason = "refused"         // provider or recipient rejected this mail
	ProviderUnavailable Reason = "provider_away"   // no answer of the provider, or no mail accepted

	noReason Reason = "-" // in an outcome: not even the reason that the mail had
)

// Mail is a row of the queue, leased to this instance.
type Mail struct {
	Ref       string // a UUID: what the mail is about
	Number    int    // counts the mails of one ref from 1
	Template  string
	Content   []byte // of a Notice, as JSON; nil for other mails
	CreatedAt time.Time
	Age       time.Duration // when it was claimed; by the database's clock, as CreatedAt is
	Attempts  int           // this one included
}

// Composed is a mail that is ready to be sent.
type Composed struct {
	Message   mail.Message  // its Ref is set by the outbox
	UsefulFor time.Duration // after that it must not be sent
}

// Template composes the mails of one kind.
type Template struct {
	// Compose returns the mail as it is to be sent now. It returns ErrObsolete for a mail that is
	// not needed any more; after any other error the mail is attempted again. It may be called more
	// than once for the same mail, on any instance.
	Compose func(ctx context.Context, m Mail) (Composed, error)
}

// Options are what an outbox needs besides database and sender.
type Options struct {
	// StopTimeout bounds how long Run takes after its context has ended. The last second is
	// reserved for recording outcomes; mails that are still being sent by then are interrupted.
	StopTimeout time.Duration
	Log         *slog.Logger
	Metrics     *metrics.Metrics
	Tracer      *tracing.Tracer
}

// Outbox queues and sends mails. It is safe for concurrent use.
type Outbox struct {
	db        *pgxpool.Pool
	sender    mail.Sender
	templates map[string]Template
	options   Options
	log       *slog.Logger
	wake      chan struct{}
	brake     brake
	refused   alarm // the provider rejected our credentials
	failing   alarm // the queue cannot be read or written

	mu     sync.Mutex
	worker *worker // that of Run, nil while it takes no mails
}

// New returns an outbox on a migrated database. All templates must be added with Handle before Run.
func New(db *pgxpool.Pool, sender mail.Sender, o Options) *Outbox {
	return &Outbox{
		db:        db,
		sender:    sender,
		templates: map[string]Template{},
		options:   o,
		log:       o.Log,
		wake:      make(chan struct{}, 1),
	}
}

// Handle sets the template of a name, as in column template. It must be called before Run.
func (o *Outbox) Handle(name string, t Template) { o.templates[name] = t }

// Wake makes Run look for mails at once. It is to be called after the commit of a transaction that
// has queued a mail: other instances find that with their next poll.
func (o *Outbox) Wake() {
	select {
	case o.wake <- struct{}{}:
	default: // it is awake already
	}
}

// messageRef is the name of a mail at the provider, which its events quote: "ref/number".
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
