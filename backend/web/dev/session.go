package dev

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"sana/backend/fault"
	"sana/backend/mail/templates"
	"sana/backend/session"

	"github.com/gofiber/fiber/v2"
)

// sessionAnswer is the server's view of a session, without its token and its seed.
type sessionAnswer struct {
	Instance    string           `json:"instance"`
	Store       string           `json:"store"`
	Cookie      string           `json:"cookie"` // its name
	HasSession  bool             `json:"has_session"`
	SessionKeys []string         `json:"session_keys"`
	Session     *session.Session `json:"session"`
	ClientIP    string           `json:"client_ip"`
	UserAgent   string           `json:"user_agent"`
	Platform    string           `json:"platform"` // browser and system, as the pages name them
	Language    string           `json:"language"` // of mails to this browser
}

func (p *Pages) showSession(ctx context.Context, c *fiber.Ctx) error {
	caller, err := p.Caller(ctx, c)
	if err != nil {
		return err
	}
	current := caller.Session
	answer := sessionAnswer{
		Instance:    p.Instance,
		Store:       p.Store,
		Cookie:      p.Cookie,
		HasSession:  current.ID != "",
		SessionKeys: []string{},
		ClientIP:    caller.Visitor.IP,
		UserAgent:   caller.Visitor.UserAgent,
		Platform:    caller.Visitor.Platform,
		Language:    templates.MatchLanguage(caller.Visitor.AcceptLanguage),
	}
	if answer.HasSession {
		current.Seed = nil // a secret
		answer.Session = &current
		answer.SessionKeys = keysOf(current)
	}
	asksForJSON := c.Query("format") == "json"
	if asksForJSON || !strings.Contains(c.Get(fiber.HeaderAccept), "text/html") {
		return c.JSON(answer)
	}
	return send(c, "session.html", struct {
		sessionAnswer
		Reasons []session.Reason
	}{answer, reasons})
}

// keysOf returns the names of the fields of a session.
func keysOf(s session.Session) []string {
	var fields map[string]json.RawMessage
	encoded, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(encoded, &fields)
	}
	if err != nil {
		panic("dev: a session is not a JSON object: " + err.Error())
	}
	return slices.Sorted(maps.Keys(fields))
}

// reasons are the reasons with which a session can be revoked here. A reason that is another
// browser's comes with that browser.
var reasons = []session.Reason{
	session.Idle, session.MaxAge,
	session.RevokedElsewhere, session.RevokedEverywhere, session.RevokedByLink,
	session.TooManySessions, session.RevokedByOperator, session.KeyRemoved, session.EmailChanged,
	session.AccountDeleted, session.Recovered,
}

// fromElsewhere are the reasons that another browser causes.
var fromElsewhere = []session.Reason{
	session.RevokedElsewhere, session.RevokedByLink, session.RevokedEverywhere,
	session.EmailChanged,
}

// change is a requested change of the caller's session.
type change struct {
	Do     string         `json:"do"`
	Reason session.Reason `json:"reason"` // of end_session
}

// oldSignIn is the age that age_sign_in gives a sign-in. Sensitive calls require a sign-in of the
// last ten minutes.
const oldSignIn = time.Hour

func (p *Pages) changeSession(ctx context.Context, c *fiber.Ctx) error {
	var asked change
	if err := p.ReadJSON(c, &asked); err != nil {
		return err
	}
	caller, err := p.Caller(ctx, c)
	if err != nil {
		return err
	}
	done, err := p.travel(ctx, caller, asked)
	if err != nil {
		return err
	}
	if !done {
		return fault.New(fault.NotFound,
			"There is nothing to change: this browser has no session in Postgres, or has no "+
				"pending code and no recovery.")
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func (p *Pages) travel(ctx context.Context, caller Caller, asked change) (done bool, err error) {
	id := caller.Session.ID
	switch asked.Do {
	case "expire_code":
		return p.Machine.ExpireCodes(ctx, caller.Visitor.Browser)
	case "end_recovery":
		return p.Machine.EndRecovery(ctx, caller.Visitor.Browser)
	}
	if id == "" {
		return false, nil
	}
	switch {
	case asked.Do == "age_sign_in":
		return p.Machine.AgeSignIn(ctx, id, oldSignIn)
	case asked.Do == "add_devices":
		return p.Machine.AddDevices(ctx, id)
	case asked.Do == "add_activity":
		return p.Machine.AddActivity(ctx, id)
	case asked.Do == "end_session" && slices.Contains(reasons, asked.Reason):
		why := session.Ended{Reason: asked.Reason}
		if slices.Contains(fromElsewhere, asked.Reason) {
			why.By = "Safari on iOS"
		}
		return p.Machine.RevokeSession(ctx, id, why)
	}
	return false, fault.New(fault.InvalidRequest,
		`Send {"do": "age_sign_in"}, "expire_code", "end_recovery", "add_devices", `+
			`"add_activity", or {"do": "end_session", "reason": "idle"} with `+
			`one of the reasons for which sessions end.`)
}
