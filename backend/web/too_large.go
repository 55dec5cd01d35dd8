package web

import (
	"html/template"

	"sana/backend/web/harden"

	"github.com/gofiber/fiber/v2"
)

// tooLargePage is for visitors: a browser with too many cookies gets no other page of this site.
var tooLargePage = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Your browser sent too much</title>
<h1>Your browser sent too much</h1>
{{if .Cleared}}<p>It came with more cookies than this site can take, most of them from
elsewhere. We asked it to delete them.
<p><a href="/">Open the site again</a>. You may have to sign in again.
<p>If you see this page a second time, delete this site’s cookies in your browser’s settings.
{{else}}<p>The address that you opened is too long.
<p><a href="/">Open the start page</a>.
{{end}}<p><small>header_too_large, request {{.RequestID}}</small>
`))

// sendTooLargePage answers 431. The request could not be parsed, so the answer is a page whatever
// the client accepts.
//
// If the request line is short, cookies must be the reason, and they are deleted: our own under
// both names, and with Clear-Site-Data those that a neighbour host has set for the whole domain,
// which are the large ones. With a long line the cookies stay, because otherwise any link with a
// long address would sign users out.
func (s *Server) sendTooLargePage(c *fiber.Ctx) error {
	cleared := harden.LineIsShort(c.Context().Conn())
	if cleared {
		for _, https := range []bool{true, false} {
			for _, name := range []string{SessionCookieBase, deviceCookie, browserCookie} {
				newCookieSettings(name, https).clear(c)
			}
		}
		if s.Gate == nil { // with a gate, the host may be an app's
			c.Set("Clear-Site-Data", `"cookies"`)
		}
	}
	c.Set(fiber.HeaderContentType, "text/html; charset=utf-8")
	return tooLargePage.Execute(c.Status(fiber.StatusRequestHeaderFieldsTooLarge), struct {
		Cleared   bool
		RequestID string
	}{cleared, requestID(c)})
}
