// Package inbox is the development inbox: the mails that the console sender took, in a table that only development
// has, so that every instance shows every mail and a restart loses none.
package inbox

import (
	"context"
	"time"

	"sana/backend/mail"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// kept is how many mails the inbox keeps.
const kept = 200

// Mail is one mail as it was sent.
type Mail struct {
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
	SentAt  time.Time `json:"sent_at"`
}

// Inbox reads and fills the table dev_inbox.
type Inbox struct{ db postgres.Querier }

// New returns the inbox of a database that MigrateDevelopment has prepared.
func New(db postgres.Querier) *Inbox { return &Inbox{db: db} }

// Keep adds a mail and forgets the oldest ones.
func (i *Inbox) Keep(ctx context.Context, m mail.Message) error {
	_, err := i.db.Exec(ctx, `
		WITH added AS (
			INSERT INTO dev_inbox ("to", subject, text, html)
			VALUES (@to, @subject, @text, @html)
			RETURNING id
		)
		DELETE FROM dev_inbox
		WHERE id <= (SELECT id FROM added) - @kept`,
		pgx.NamedArgs{"to": m.To, "subject": m.Subject, "text": m.Text, "html": m.HTML, "kept": kept})
	return postgres.Error("keep mail in the development inbox", err)
}

// List returns the mails, newest first; an empty list, not nil, when there are none.
func (i *Inbox) List(ctx context.Context) ([]Mail, error) {
	rows, err := i.db.Query(ctx, `
		SELECT
			"to",
			subject,
			text,
			html,
			sent_at
		FROM dev_inbox
		ORDER BY id DESC`)
	if err != nil {
		return nil, postgres.Error("list the development inbox", err)
	}
	mails, err := pgx.CollectRows(rows, pgx.RowToStructByName[Mail])
	return mails, postgres.Error("list the development inbox", err)
}
