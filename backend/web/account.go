package web

import (
	"context"
	"regexp"
	"strconv"
	"time"

	"sana/backend/account"
	"sana/backend/fault"
	"sana/backend/platform"
	"sana/backend/session"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/jackc/pgx/v5"
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

// actor is who does what this request does.
func (s *Server) actor(c *fiber.Ctx) account.Actor {
	return account.Actor{Platform: platform.Of(c.Get(fiber.HeaderUserAgent)).String(), IP: s.clientIP(c)}
}

// readAccount returns the session of a request by somebody who is signed in, and his account, or fault.NotSignedIn. A
// sealed session outlives its account; here it does not count.
func (s *Server) readAccount(ctx context.Context, c *fiber.Ctx) (session.Session, account.Account, error) {
	current, err := s.readSignedIn(ctx, c)
	if err != nil {
		return session.Session{}, account.Account{}, err
	}
	found, err := s.Account.Find(ctx, current.User.ID)
	return current, found, err
}

// readAccountRecently is readAccount, or fault.ReauthenticationRequired.
func (s *Server) readAccountRecently(ctx context.Context, c *fiber.Ctx) (session.Session, account.Account, error) {
	current, found, err := s.readAccount(ctx, c)
	if err == nil {
		err = s.requireRecent(ctx, current)
	}
	return current, found, err
}

func (s *Server) getAccount(ctx context.Context, c *fiber.Ctx) error {
	_, found, err := s.readAccount(ctx, c)
	if err != nil {
		return err
	}
	return sendJSON(c, contentTypeJSON, accountAnswerOf(found))
}

func (s *Server) updateAccount(ctx context.Context, c *fiber.Ctx) error {
	var request struct {
		Name *string `json:"name"`
	}
	if err := readJSON(c, &request); err != nil {
		return err
	}
	if request.Name == nil {
		return fault.New(fault.InvalidRequest, "Say the name that the account is to have; an empty one for none.")
	}
	current, err := s.readSignedIn(ctx, c)
	if err != nil {
		return err
	}
	renamed, err := s.Account.Rename(ctx, current.User.ID, *request.Name, s.actor(c))
	if err != nil {
		return err
	}
	return sendJSON(c, contentTypeJSON, accountAnswerOf(renamed))
}

// deleteAccount removes the account and all that is held about the person, ends his sessions, and queues the mail that says
// so, together or not at all.
func (s *Server) deleteAccount(ctx context.Context, c *fiber.Ctx) error {
	current, _, err := s.readAccountRecently(ctx, c)
	if err != nil {
		return err
	}
	userID := current.User.ID
	err = s.Account.Delete(ctx, userID, func(ctx context.Context, tx pgx.Tx, email string) error {
		if s.SharedSessions != nil {
			if _, err := s.SharedSessions.EndOthers(ctx, tx, userID, "", s.ended(c, session.AccountDeleted)); err != nil {
				return err
			}
		}
		return s.SignIn.Forget(ctx, tx, s.client(c), userID, email)
	})
	if err != nil {
		return err
	}
	s.device.clear(c)
	return s.forgetSession(c)
}

var eventID = regexp.MustCompile(`^[0-9]{1,18}$`)

func (s *Server) listAccountEvents(ctx context.Context, c *fiber.Ctx) error {
	before, isPaged := int64(0), c.Context().QueryArgs().Has("before")
	if isPaged {
		text := utils.CopyString(c.Query("before"))
		if !eventID.MatchString(text) {
			return fault.New(fault.InvalidRequest, "The parameter before takes what next was in the answer before.")
		}
		before, _ = strconv.ParseInt(text, 10, 64) // 18 digits fit
	}
	current, _, err := s.readAccount(ctx, c)
	if err != nil {
		return err
	}
	events, next, err := s.Account.Events(ctx, current.User.ID, before)
	if err != nil {
		return err
	}
	answer := accountEventsAnswer{Events: accountEventsOf(events)}
	if next > 0 {
		answer.Next = strconv.FormatInt(next, 10)
	}
	return sendJSON(c, contentTypeJSON, answer)
}

func accountAnswerOf(a account.Account) accountAnswer {
	return accountAnswer{ID: a.ID, Email: a.Email, Name: a.Name, CreatedAt: a.CreatedAt.UTC()}
}

func accountEventsOf(events []account.Event) []accountEvent {
	list := []accountEvent{}
	for _, e := range events {
		by := platform.Parse(e.By.Platform)
		list = append(list, accountEvent{
			ID: strconv.FormatInt(e.ID, 10), Kind: e.Kind, At: e.At.UTC(),
			Browser: by.Browser, System: by.System, IP: e.By.IP, Details: e.Details,
		})
	}
	return list
}
