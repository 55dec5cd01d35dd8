package web

import (
	"context"
	"net/url"

	"sana/backend/apps"
	"sana/backend/fault"
	"sana/backend/session"

	"github.com/gofiber/fiber/v2"
)

type appAnswer struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// a host at which the user can open the app; "" if all hosts have a *
	Host string `json:"host,omitempty"`
}

type appsAnswer struct {
	Apps []appAnswer `json:"apps"`
}

// arrivalAnswer is the app from which a browser came, and where it continues after the sign-in.
type arrivalAnswer struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Enter string `json:"enter"` // path and query at Sana's own host
}

// arrivalRequest is an arrival as a page reads it from its address.
type arrivalRequest struct {
	Host      string `json:"host"`
	Path      string `json:"path"`
	NonceHash string `json:"nonce_hash"`
}

// listApps returns the apps that the current user may use.
func (s *Server) listApps(ctx context.Context, c *fiber.Ctx, current session.Session) error {
	answer := appsAnswer{Apps: []appAnswer{}}
	for _, app := range s.Auth.MyApps(current) {
		answer.Apps = append(answer.Apps,
			appAnswer{ID: app.ID, Name: app.Name, Host: app.FrontHost()})
	}
	return sendJSON(c, answer)
}

// getApp returns the name of the app at a host, for the page that shows the destination of a
// sign-in.
func (s *Server) getApp(_ context.Context, c *fiber.Ctx) error {
	sent, err := url.PathUnescape(c.Params("host")) // browsers encode the colon before a port
	host, ok := apps.NormalizeHost([]byte(sent))
	if err == nil && ok {
		if app, ok := s.Auth.ArrivalApp(apps.Arrival{Host: host}); ok {
			return sendJSON(c, appAnswer{ID: app.ID, Name: app.Name})
		}
	}
	return fault.New(fault.NotFound, "There is no app at this host.")
}

// arrivalOf parses an arrival. It returns the zero value if there is none or if it is malformed: a
// damaged link must not prevent a sign-in.
func arrivalOf(request *arrivalRequest) apps.Arrival {
	if request == nil {
		return apps.Arrival{}
	}
	from, ok := apps.ParseArrival(request.Host, request.Path, request.NonceHash)
	if !ok {
		return apps.Arrival{}
	}
	return from
}

// arrivalAnswerOf returns nil if the browser came from no known app.
func (s *Server) arrivalAnswerOf(from apps.Arrival) *arrivalAnswer {
	app, ok := s.Auth.ArrivalApp(from)
	if !ok {
		return nil
	}
	return &arrivalAnswer{ID: app.ID, Name: app.Name, Enter: enterPath + "?" + from.Query()}
}
