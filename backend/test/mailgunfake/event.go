package mailgunfake

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"
)

// Event is Mailgun's webhook event about one mail, as documented by Mailgun.
type Event struct {
	Event    string // "delivered", "failed", "opened"
	Severity string // of "failed": "temporary" or "permanent"
	Reason   string // of "failed": "bounce", "suppress-bounce", "generic"
	Code     int    // the server's reply, 550
	Enhanced string // its enhanced status code, "5.1.1"
	Ref      string // the message's
	Words    string // the text of the reply; empty for one that quotes the address
	Subject  string // of the mail
	To       string
	At       time.Time

	SignedAt time.Time // zero means now
	Token    string    // empty means a fresh one
}

// Body returns the event as JSON, signed with a key.
func (e Event) Body(signingKey string) string {
	if e.SignedAt.IsZero() {
		e.SignedAt = time.Now()
	}
	if e.Token == "" {
		e.Token = newToken()
	}
	timestamp := strconv.FormatInt(e.SignedAt.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(signingKey))
	mac.Write([]byte(timestamp + e.Token))
	body, err := json.Marshal(map[string]any{
		"signature": map[string]any{
			"timestamp": timestamp, "token": e.Token, "signature": hex.EncodeToString(mac.Sum(nil)),
		},
		"event-data": e.data(),
	})
	if err != nil {
		panic(err) // only strings and numbers
	}
	return string(body)
}

func (e Event) data() map[string]any {
	variables := map[string]any{}
	if e.Ref != "" {
		variables["ref"] = e.Ref
	}
	return map[string]any{
		"id":             newToken()[:22],
		"event":          e.Event,
		"timestamp":      float64(e.At.UnixMicro()) / 1e6,
		"log-level":      "info",
		"severity":       e.Severity,
		"reason":         e.Reason,
		"recipient":      e.To,
		"user-variables": variables,
		"tags":           []string{"sign_in_code"},
		"campaigns":      []string{},
		"flags": map[string]any{"is-test-mode": false, "is-routed": false,
			"is-authenticated": true},
		"envelope": map[string]any{"sender": "sign-in@mg.sana.example", "targets": e.To,
			"transport": "smtp"},
		"message": map[string]any{
			"headers": map[string]any{"to": e.To, "subject": e.Subject,
				"message-id": "1@mg.sana.example"},
			"size": 5120},
		"delivery-status": map[string]any{
			"tls": true, "mx-host": "mx.example", "attempt-no": 1, "certificate-verified": true,
			"utf8": true,
			"code": e.Code, "enhanced-code": e.Enhanced,
			"message": cmp.Or(e.Words, "what the server of "+e.To+" said"),
		},
	}
}

func newToken() string {
	random := make([]byte, 25)
	rand.Read(random) // never fails
	return hex.EncodeToString(random)
}
