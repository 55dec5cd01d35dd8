package web

import (
	"context"

	"sana/backend/apps"
	"sana/backend/fault"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

type appAnswer struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Host string `json:"host,omitempty"` // one at which a person can open the app; "" if all hosts have a *
}

type appsAnswer struct {
	Apps []appAnswer `json:"apps"`
}

// arrivalAnswer is the app from which a browser came, and where it goes on once it is signed in.
type arrivalAnswer struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Enter string `json:"enter"` // path and query at Sana's own host
}

// arrivalRequest is an arrival as a page has it from its own address.
type arrivalRequest struct {
	Host      string `json:"host"`
	Path      string `json:"path"`
	NonceHash string `json:"nonce_hash"`
}

// listApps answers the apps that are open to the current user.
func (s *Server) listApps(ctx context.Context, c *fiber.Ctx) error {
	current, err := s.readSignedIn(ctx, c)
	if err != nil {
		return err
	}
	answer := appsAnswer{Apps: []appAnswer{}}
	for _, app := range s.Auth.MyApps(current) {
		answer.Apps = append(answer.Apps, appAnswer{ID: app.ID, Name: app.Name, Host: app.FrontHost()})
	}
	return sendJSON(c, contentTypeJSON, answer)
}

// getApp answers the name of the app at a host, for a page that says where a sign-in leads.
func (s *Server) getApp(_ context.Context, c *fiber.Ctx) error {
	host, ok := apps.NormalizeHost([]byte(utils.CopyString(c.Params("host"))))
	if ok {
		if app, ok := s.Auth.ArrivalApp(apps.Arrival{Host: host}); ok {
			return sendJSON(c, contentTypeJSON, appAnswer{ID: app.ID, Name: app.Name})
		}
	}
	return fault.New(fault.NotFound, "There is no app at this host.")
}

// arrivalOf reads an arrival, a zero one if there is none: a link that was spoilt must not keep people
// from signing in.
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

// arrivalAnswerOf is nil if the browser came from no app that exists.
func (s *Server) arrivalAnswerOf(from apps.Arrival) *arrivalAnswer {
	app, ok := s.Auth.ArrivalApp(from)
	if !ok {
		return nil
	}
	return &arrivalAnswer{ID: app.ID, Name: app.Name, Enter: enterPath + "?" + from.Query()}
}
