// Package inbox is the development inbox: the mails that the console sender took, in a table that
// only development has, so that every instance shows every mail and a restart loses none. On demand
// it plays a provider with faults.
package inbox

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"sana/backend/mail"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

const (
	kept   = 200             // mails
	travel = 1 * time.Second // from the sender to the mailbox, so that a page sees both states
)

// State is the delivery status of a mail, as in the API.
type State string

// The states of a mail.
const (
	Delayed   State = "delayed"   // not taken yet, it will be tried again
	Sent      State = "sent"      // taken, on its way
	Delivered State = "delivered" // in the mailbox
	Failed    State = "failed"    // refused, or taken and then bounced
)

// Mail is one mail as it was sent.
type Mail struct {
	ID      int64     `json:"id"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
	Headers string    `json:"headers"` // one a line, "Subject: Your code"
	State   State     `json:"state"`
	Fault   Fault     `json:"fault"` // that was played with it
	SentAt  time.Time `json:"sent_at"`
}

// Inbox reads and fills the table dev_inbox.
type Inbox struct{ db postgres.Querier }

// New returns the inbox of a database that MigrateDevelopment has prepared.
func New(db postgres.Querier) *Inbox { return &Inbox{db: db} }

// Keep takes a mail, and forgets the oldest ones, unless a fault says otherwise: then its error is
// the one that a provider would cause. A mail that it did not take is in the list too.
func (i *Inbox) Keep(ctx context.Context, m mail.Message) error {
	state, err := i.keepAgain(ctx, m)
	if errors.Is(err, pgx.ErrNoRows) {
		state, err = i.keepNew(ctx, m)
	}
	switch {
	case err != nil:
		return postgres.Error("keep mail in the development inbox", err)
	case state == Failed:
		return mail.Permanent(errors.New("inbox: permanent failure was requested"))
	case state == Delayed:
		return errors.New("inbox: transient failure was requested")
	}
	return nil
}

// keepAgain is the next try of a mail that is delayed; pgx.ErrNoRows if it is none.
func (i *Inbox) keepAgain(ctx context.Context, m mail.Message) (state State, err error) {
	err = i.db.QueryRow(ctx, `
		UPDATE dev_inbox
		SET state = CASE WHEN due_at > now() THEN 'delayed' ELSE 'sent' END,
		    due_at = CASE WHEN due_at > now() THEN due_at ELSE now() + @travel END,
		    sent_at = now()
		WHERE state = 'delayed'
		  AND ref = @ref
		  AND "to" = @to
		  AND subject = @subject
		RETURNING state`,
		pgx.NamedArgs{"ref": m.Ref, "to": m.To, "subject": m.Subject, "travel": travel}).Scan(
		&state)
	return state, err
}

// keepNew uses up the fault, if there is one.
func (i *Inbox) keepNew(ctx context.Context, m mail.Message) (state State, err error) {
	err = i.db.QueryRow(ctx, `
		WITH played AS (
			DELETE FROM dev_fault
			RETURNING fault, seconds
		),
		added AS (
			INSERT INTO dev_inbox ("to", subject, text, html, headers, ref, fault, state, due_at)
			SELECT
				@to,
				@subject,
				@text,
				@html,
				@headers,
				@ref,
				coalesce(fault, 'none'),
				CASE fault WHEN 'fail' THEN 'failed' WHEN 'delay' THEN 'delayed' ELSE 'sent' END,
				CASE fault WHEN 'fail' THEN NULL
				    WHEN 'delay' THEN now() + make_interval(secs => seconds)
				    ELSE now() + @travel END
			FROM (VALUES (true)) AS mail
			LEFT JOIN played ON true
			RETURNING id, state
		),
		forgotten AS (
			DELETE FROM dev_inbox
			WHERE id <= (SELECT id FROM added) - @kept
		)
		SELECT state
		FROM added`,
		pgx.NamedArgs{
			"to": m.To, "subject": m.Subject, "text": m.Text, "html": m.HTML,
			"headers": headersOf(m),
			"ref":     m.Ref,
			"travel":  travel, "kept": kept,
		}).Scan(&state)
	return state, err
}

// headersOf lists the headers of a message, as a mail program would show them.
func headersOf(m mail.Message) string {
	lines := []string{"From: " + m.From, "To: " + m.To, "Subject: " + m.Subject}
	for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
		lines = append(lines, name+": "+m.Headers[name])
	}
	return strings.Join(lines, "\n")
}

// Clear deletes all mails.
func (i *Inbox) Clear(ctx context.Context) error {
	_, err := i.db.Exec(ctx, `DELETE FROM dev_inbox`)
	return postgres.Error("clear the development inbox", err)
}

// List returns the mails, newest first; an empty list, not nil, when there are none.
func (i *Inbox) List(ctx context.Context) ([]Mail, error) {
	rows, err := i.db.Query(ctx, `
		SELECT `+columns+`
		FROM dev_inbox
		ORDER BY id DESC`)
	if err != nil {
		return nil, postgres.Error("list the development inbox", err)
	}
	mails, err := pgx.CollectRows(rows, pgx.RowToStructByName[Mail])
	return mails, postgres.Error("list the development inbox", err)
}

// Find returns a mail of the list; found is false when there is none with this id.
func (i *Inbox) Find(ctx context.Context, id int64) (m Mail, found bool, err error) {
	rows, err := i.db.Query(ctx, `
		SELECT `+columns+`
		FROM dev_inbox
		WHERE id = @id`,
		pgx.NamedArgs{"id": id})
	if err != nil {
		return Mail{}, false, postgres.Error("find mail in the development inbox", err)
	}
	m, err = pgx.CollectOneRow(rows, pgx.RowToStructByName[Mail])
	if errors.Is(err, pgx.ErrNoRows) {
		return Mail{}, false, nil
	}
	return m, err == nil, postgres.Error("find mail in the development inbox", err)
}

// columns are those of a Mail.
const columns = `
	id,
	"to",
	subject,
	text,
	html,
	headers,
	state,
	fault,
	sent_at`
