package web

import (
	"context"

	"sana/backend/web/dev"

	"github.com/gofiber/fiber/v2"
)

// route is an entry of the list of all routes.
type route struct {
	method  string
	path    string
	handler fiber.Handler
}

// sessionPath is the first request of every page: the current user.
const sessionPath = "/api/auth/session"

// addRoutes adds the middleware, then the routes, then the files of the SPA.
func (s *Server) addRoutes() {
	s.app.Use(s.observe, s.recoverPanic, s.setHeaders, s.refuseCrossOrigin)
	for _, r := range s.routes() {
		if r.method == fiber.MethodGet {
			s.app.Get(r.path, r.handler) // answers HEAD too
			continue
		}
		s.app.Add(r.method, r.path, r.handler)
	}
	s.app.Use(s.serveFile)
	s.observeRoutes()
}

func (s *Server) routes() []route {
	routes := []route{
		{fiber.MethodPost, "/api/auth/code", s.handle(s.requestCode)},
		{fiber.MethodGet, "/api/auth/code", s.handle(s.pendingCode)},
		{fiber.MethodDelete, "/api/auth/code", s.handle(s.cancelCode)},
		{fiber.MethodPost, "/api/auth/code/resend", s.handle(s.resendCode)},
		{fiber.MethodPost, "/api/auth/verify", s.handle(s.verifyCode)},
		{fiber.MethodGet, sessionPath, s.currentSession},
		{fiber.MethodGet, "/api/auth/passkey", s.handle(s.requestPasskey)},
		{fiber.MethodPost, "/api/auth/passkey", s.handle(s.signInWithPasskey)},
		{fiber.MethodGet, "/api/auth/recovery", s.handle(s.getRecovery)},
		{fiber.MethodPost, "/api/auth/recovery", s.handle(s.beginRecovery)},
		{fiber.MethodDelete, "/api/auth/recovery", s.handle(s.cancelRecovery)},
		{fiber.MethodPost, "/api/auth/recovery/stop", s.handle(s.stopRecovery)},
		{fiber.MethodPost, "/api/auth/sign-out", s.handle(s.signOut)},
		{fiber.MethodPost, "/api/auth/not-you", s.handle(s.revokeDisownedSession)},
		{fiber.MethodGet, "/api/sessions", s.signedIn(s.listSessions)},
		{fiber.MethodDelete, "/api/sessions", s.signedIn(s.revokeOtherSessions)},
		{fiber.MethodDelete, "/api/sessions/:id", s.signedIn(s.revokeSession)},
		{fiber.MethodGet, "/api/account", s.signedIn(s.getAccount)},
		{fiber.MethodPatch, "/api/account", s.signedIn(s.updateAccount)},
		{fiber.MethodDelete, "/api/account", s.handle(s.deleteAccount)},
		{fiber.MethodGet, "/api/account/export", s.signedIn(s.exportAccount)},
		{fiber.MethodGet, "/api/account/events", s.signedIn(s.listAccountEvents)},
		{fiber.MethodGet, "/api/account/email", s.signedIn(s.pendingEmailChange)},
		{fiber.MethodPost, "/api/account/email", s.signedIn(s.requestEmailChange)},
		{fiber.MethodDelete, "/api/account/email", s.signedIn(s.cancelEmailChange)},
		{fiber.MethodPost, "/api/account/email/resend", s.signedIn(s.resendEmailChange)},
		{fiber.MethodPost, "/api/account/email/verify", s.signedIn(s.verifyEmailChange)},
		{fiber.MethodGet, "/api/account/access-keys", s.signedIn(s.listAccessKeys)},
		{fiber.MethodPost, "/api/account/access-keys", s.signedIn(s.makeAccessKey)},
		{fiber.MethodDelete, "/api/account/access-keys/:id", s.signedIn(s.revokeAccessKey)},
		{fiber.MethodGet, "/api/account/passkeys", s.signedIn(s.listPasskeys)},
		{fiber.MethodPost, "/api/account/passkeys", s.signedIn(s.addPasskey)},
		{fiber.MethodGet, "/api/account/passkeys/options", s.signedIn(s.requestNewPasskey)},
		{fiber.MethodPatch, "/api/account/passkeys/:id", s.signedIn(s.renamePasskey)},
		{fiber.MethodDelete, "/api/account/passkeys/:id", s.signedIn(s.removePasskey)},
		{fiber.MethodPut, "/api/account/codes", s.signedIn(s.setCodesFor)},
		{fiber.MethodGet, "/api/apps", s.signedIn(s.listApps)},
		{fiber.MethodGet, "/api/apps/:host", s.handle(s.getApp)},
		{fiber.MethodPost, mailgunWebhook, s.handle(s.takeMailgunEvent)},
		{fiber.MethodGet, "/api/openapi.json", s.contract},
		{fiber.MethodGet, "/livez", s.live},
		{fiber.MethodGet, "/readyz", s.handle(s.ready)},
	}
	if s.Gate != nil {
		routes = append(routes, s.appRoutes()...)
	}
	if s.Development != nil {
		routes = append(routes, s.developmentRoutes()...)
	}
	return routes
}

// developmentRoutes are the routes of the development pages.
func (s *Server) developmentRoutes() (routes []route) {
	pages := &dev.Pages{
		Inbox:     s.Development.Inbox,
		Machine:   s.Development.Machine,
		Mails:     s.Development.Mails,
		PublicURL: s.PublicURL,
		Instance:  s.Instance,
		Store:     s.Store,
		Cookie:    s.cookie.name,
		ReadJSON:  readJSON,
		Caller: func(ctx context.Context, c *fiber.Ctx) (dev.Caller, error) {
			current, err := s.readSession(ctx, c)
			return dev.Caller{Visitor: s.visitor(c), Session: current}, err
		},
	}
	for _, r := range pages.Routes() {
		routes = append(routes, route{r.Method, r.Path, s.handle(r.Handle)})
	}
	return routes
}

// Routes lists "METHOD /path" of every route except files of the SPA.
func (s *Server) Routes() []string {
	var list []string
	for _, r := range s.routes() {
		list = append(list, r.method+" "+r.path)
	}
	return list
}
