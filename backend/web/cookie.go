package web

import (
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// cookieSettings are the name and attributes of a cookie. Over https it has the __Host- prefix,
// which binds it to this host and to TLS (RFC 6265bis, 4.1.3.2). Over http, which only development
// allows, it has none.
type cookieSettings struct {
	name   string
	secure bool
}

// The names of our cookies, without the prefix.
const (
	SessionCookieBase = "sana_session"
	deviceCookie      = "sana_device"
	browserCookie     = "sana_browser"
	movedCookie       = "sana_moved" // the browser was just redirected to PUBLIC_URL
)

// deviceAge is how long a browser counts as known after a sign-in: the maximum that browsers allow
// (RFC 6265bis, 5.5).
const deviceAge = 400 * 24 * time.Hour

// SessionCookieName returns the name of the cookie with the session's token.
func SessionCookieName(publicURL *url.URL) string {
	return newCookieSettings(SessionCookieBase, publicURL.Scheme == "https").name
}

func newCookieSettings(name string, https bool) cookieSettings {
	if https {
		return cookieSettings{name: "__Host-" + name, secure: true}
	}
	return cookieSettings{name: name}
}

// token returns the cookie's value in a request, "" if there is none.
func (k cookieSettings) token(c *fiber.Ctx) string { return string(k.value(c)) }

// value is token without a copy; it is valid while the handler runs. If there are two cookies of
// this name, one was planted and it is unknown which: both are ignored.
func (k cookieSettings) value(c *fiber.Ctx) []byte {
	var found []byte
	n := 0
	for name, value := range c.Request().Header.Cookies() {
		if string(name) == k.name {
			found = value
			n++
		}
	}
	if n != 1 {
		return nil
	}
	return found
}

func (k cookieSettings) set(c *fiber.Ctx, token string, age time.Duration) {
	k.write(c, token, int(age.Seconds()))
}

func (k cookieSettings) clear(c *fiber.Ctx) { k.write(c, "", -1) }

func (k cookieSettings) write(c *fiber.Ctx, value string, maxAge int) {
	cookie := fasthttp.AcquireCookie()
	defer fasthttp.ReleaseCookie(cookie)
	cookie.SetKey(k.name)
	cookie.SetValue(value)
	cookie.SetPath("/")
	cookie.SetHTTPOnly(true)
	cookie.SetSecure(k.secure)
	cookie.SetSameSite(fasthttp.CookieSameSiteLaxMode)
	cookie.SetMaxAge(maxAge)
	if maxAge < 0 {
		cookie.SetExpire(fasthttp.CookieExpireDelete)
	}
	c.Response().Header.SetCookie(cookie)
}
