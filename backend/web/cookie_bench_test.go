package web

import (
	"net/url"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// BenchmarkCookieOfTheSession measures finding our cookie among those of a browser, once for the
// session and once for the device.
func BenchmarkCookieOfTheSession(b *testing.B) {
	app := fiber.New()
	c := app.AcquireCtx(&fasthttp.RequestCtx{})
	defer app.ReleaseCtx(c)
	name := SessionCookieName(&url.URL{Scheme: "https", Host: "sana.example"})
	c.Request().Header.Set(fiber.HeaderCookie,
		"theme=dark; "+name+
			"=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA; "+
			"__Host-sana_device=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	cookie := newCookieSettings(SessionCookieBase, true)
	b.ReportAllocs()
	for b.Loop() {
		if cookie.token(c) == "" {
			b.Fatal("the cookie is not found")
		}
	}
}
