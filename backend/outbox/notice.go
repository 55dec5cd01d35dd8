package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"sana/backend/observe/tracing"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// Notice is a mail about an event. The queue stores its content until it is done.
type Notice struct {
	Template  string `json:"-"`
	Email     string `json:"email"`                // the recipient
	OldEmail  string `json:"old_email,omitempty"`  // of a changed address
	NewEmail  string `json:"new_email,omitempty"`  // likewise
	Language  string `json:"language"`             // one of templates.Languages
	UTCOffset int    `json:"utc_offset,omitempty"` // as in visitor.Visitor
	Platform  string `json:"platform,omitempty"`   // browser and system, in words
	IP        string `json:"ip,omitempty"`
	SessionID string `json:"session_id,omitempty"` // public id of the session of a new device
	App       string `json:"app,omitempty"`        // name of the app of an access key
	Passkey   string `json:"passkey,omitempty"`    // maker of a passkey that was added or removed
	Recovery  string `json:"recovery,omitempty"`   // id of a recovery that has begun
	Until     string `json:"until,omitempty"`      // its end, RFC 3339

	ExpiresAt time.Time `json:"expires_at,omitzero"` // of the access key
}

// Content returns the value of column content, as JSON.
func (n Notice) Content() []byte {
	content, _ := json.Marshal(n) // never fails: the fields are strings and numbers
	return content
}

// Notice decodes the notice of the mail.
func (m Mail) Notice() (Notice, error) {
	n := Notice{Template: m.Template}
	if err := json.Unmarshal(m.Content, &n); err != nil {
		return Notice{}, fmt.Errorf("outbox: read content of mail %s: %w", m.Ref, err)
	}
	return n, nil
}

// EnqueueNotice adds a notice to the batch: it is sent if and only if the batch is committed.
func (o *Outbox) EnqueueNotice(ctx context.Context, b *postgres.Batch, n Notice) {
	b.Queue(`
		INSERT INTO mails (ref, number, template, content, trace)
		VALUES (gen_random_uuid(), 1, @template, @content, @trace)`,
		pgx.NamedArgs{
			"template": n.Template,
			"content":  n.Content(),
			"trace":    tracing.Traceparent(ctx),
		})
	b.AfterCommit(o.Wake)
}
