package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"html/template"
	"maps"
	"slices"
	"strings"
	"time"

	"sana/backend/session"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

//go:embed development/*.html
var developmentFiles embed.FS

var developmentPages = template.Must(template.New("").Funcs(template.FuncMap{
	"code": codeIn,
	"link": linkIn,
	"time": func(t time.Time) string { return t.Local().Format("15:04:05, 2 January 2006") },
}).ParseFS(developmentFiles, "development/*.html"))

// debugAnswer is what the server sees of a session. Its token and its seed are not part of it.
type debugAnswer struct {
	Instance    string           `json:"instance"`
	Store       string           `json:"store"`
	Cookie      string           `json:"cookie"` // its name
	HasSession  bool             `json:"has_session"`
	SessionKeys []string         `json:"session_keys"`
	Session     *session.Session `json:"session"`
	ClientIP    string           `json:"client_ip"`
	UserAgent   string           `json:"user_agent"`
}

func (s *Server) sessionDebug(ctx context.Context, c *fiber.Ctx) error {
	current, err := s.readSession(ctx, c)
	if err != nil {
		return err
	}
	answer := debugAnswer{
		Instance:    s.Instance,
		Store:       s.Store,
		Cookie:      s.cookie.name,
		HasSession:  current.ID != "",
		SessionKeys: []string{},
		ClientIP:    s.clientIP(c),
		UserAgent:   utils.CopyString(c.Get(fiber.HeaderUserAgent)),
	}
	if answer.HasSession {
		current.Seed = nil // a secret
		answer.Session = &current
		answer.SessionKeys = keysOf(current)
	}
	if !strings.Contains(c.Get(fiber.HeaderAccept), "text/html") {
		return sendJSON(c, contentTypeJSON, answer)
	}
	return sendDevelopmentPage(c, "session-debug.html", answer)
}

// keysOf lists what a session holds.
func keysOf(s session.Session) []string {
	var fields map[string]json.RawMessage
	encoded, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(encoded, &fields)
	}
	if err != nil {
		panic("web: a session is not a JSON object: " + err.Error())
	}
	return slices.Sorted(maps.Keys(fields))
}

// sendDevelopmentPage renders a page; its inline style and script carry a nonce made for this answer.
func sendDevelopmentPage(c *fiber.Ctx, name string, data any) error {
	nonce := rand.Text()
	var page bytes.Buffer
	err := developmentPages.ExecuteTemplate(&page, name, struct {
		Nonce string
		Data  any
	}{nonce, data})
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; style-src 'nonce-"+nonce+"'; script-src 'nonce-"+nonce+
		"'; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	c.Set(fiber.HeaderContentType, "text/html; charset=utf-8")
	return c.Send(page.Bytes())
}
