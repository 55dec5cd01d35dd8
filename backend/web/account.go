package web

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"time"

	"sana/backend/account"
	"sana/backend/fault"
	"sana/backend/session"
	"sana/backend/visitor"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

type accountAnswer struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
}

type accountEventsAnswer struct {
	Events []accountEvent `json:"events"`
	Next   string         `json:"next,omitempty"`
}

type accountEvent struct {
	ID      string       `json:"id"`
	Kind    account.Kind `json:"kind"`
	At      time.Time    `json:"at"`
	Browser string       `json:"browser"`
	System  string       `json:"system"`
	IP      string       `json:"ip"`
	account.Details
}

// getAccount returns the account. A session in a cookie can outlive it; the request is then treated
// as not signed in.
func (s *Server) getAccount(ctx context.Context, c *fiber.Ctx, current session.Session) error {
	found, err := s.Account.Find(ctx, current.User.ID)
	if err != nil {
		return err
	}
	return sendJSON(c, accountAnswerOf(found))
}

func (s *Server) updateAccount(ctx context.Context, c *fiber.Ctx, current session.Session) error {
	var request struct {
		Name *string `json:"name"`
	}
	if err := readJSON(c, &request); err != nil {
		return err
	}
	if request.Name == nil {
		return fault.New(fault.InvalidRequest,
			"The field name is missing; send an empty one to remove the name.")
	}
	renamed, err := s.Auth.Rename(ctx, s.visitor(c), current, *request.Name)
	if err != nil {
		return err
	}
	return sendJSON(c, accountAnswerOf(renamed))
}

// deleteAccount deletes the account. It is idempotent: a session that the deletion revoked gets the
// same answer.
func (s *Server) deleteAccount(ctx context.Context, c *fiber.Ctx) error {
	current, err := s.findSession(ctx, c)
	if err == nil {
		err = s.Auth.DeleteAccount(ctx, s.visitor(c), current)
	}
	ended, hasEnded := errors.AsType[*session.Ended](err)
	if err != nil && !(hasEnded && ended.Reason == session.AccountDeleted) {
		return notSignedIn(err)
	}
	s.device.clear(c)
	return s.forgetSession(c)
}

// eventsPage is the number of events of a page.
const eventsPage = 50

var eventID = regexp.MustCompile(`^[0-9]{1,18}$`)

func (s *Server) listAccountEvents(
	ctx context.Context, c *fiber.Ctx, current session.Session,
) error {
	before, isPaged := int64(0), c.Context().QueryArgs().Has("before")
	if isPaged {
		text := utils.CopyString(c.Query("before"))
		if !eventID.MatchString(text) {
			return fault.New(fault.InvalidRequest,
				"The parameter before takes the value of next in the previous answer.")
		}
		before, _ = strconv.ParseInt(text, 10, 64) // 18 digits fit
	}
	owner, err := s.Account.Find(ctx, current.User.ID)
	if err != nil {
		return err
	}
	events, err := s.Account.Events(ctx, owner.ID, before, eventsPage+1)
	if err != nil {
		return err
	}
	answer := accountEventsAnswer{}
	if len(events) > eventsPage {
		events = events[:eventsPage]
		answer.Next = strconv.FormatInt(events[eventsPage-1].ID, 10)
	}
	answer.Events = accountEventsOf(events)
	return sendJSON(c, answer)
}

func accountAnswerOf(a account.Account) accountAnswer {
	return accountAnswer{ID: a.ID, Email: a.Email, Name: a.Name, CreatedAt: a.CreatedAt.UTC()}
}

func accountEventsOf(events []account.Event) []accountEvent {
	list := []accountEvent{}
	for _, e := range events {
		by := visitor.ParsePlatform(e.Platform)
		list = append(list, accountEvent{
			ID: strconv.FormatInt(e.ID, 10), Kind: e.Kind, At: e.At.UTC(),
			Browser: by.Browser, System: by.System, IP: e.IP, Details: e.Details,
		})
	}
	return list
}
