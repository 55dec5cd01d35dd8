package web

import (
	"context"
	"regexp"
	"time"

	"sana/backend/auth"
	"sana/backend/challenge"
	"sana/backend/fault"
	"sana/backend/outbox"
	"sana/backend/session"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

type pendingCodeAnswer struct {
	ID             string             `json:"id"`
	Email          string             `json:"email"`
	Purpose        challenge.Purpose  `json:"purpose"`
	CodeKind       challenge.CodeKind `json:"code_kind"`
	CodeLength     int                `json:"code_length"`
	TriesLeft      int                `json:"tries_left"`
	Now            time.Time          `json:"now"`
	ExpiresAt      time.Time          `json:"expires_at"`
	ResendAt       time.Time          `json:"resend_at"`
	Delivery       outbox.State       `json:"delivery"`
	DeliveryReason outbox.Reason      `json:"delivery_reason,omitempty"`
	App            *arrivalAnswer     `json:"app,omitempty"` // from which the browser came
}

type codeRequestAnswer struct {
	Email    string             `json:"email"`
	Mail     string             `json:"mail"` // queued or none
	Now      time.Time          `json:"now"`
	ResendAt time.Time          `json:"resend_at"`
	Code     *pendingCodeAnswer `json:"code,omitempty"`
}

type userAnswer struct {
	ID    string `json:"id"`
	Email string `json:"email"`
}

type sessionAnswer struct {
	ID         string    `json:"id"`
	SignedInAt time.Time `json:"signed_in_at"`
	ExpiresAt  time.Time `json:"expires_at"`
}

type currentSessionAnswer struct {
	User    userAnswer    `json:"user"`
	Session sessionAnswer `json:"session"`
}

type signedInAnswer struct {
	currentSessionAnswer
	Created bool           `json:"created"`
	App     *arrivalAnswer `json:"app,omitempty"` // from which the browser came
}

type resendRequest struct {
	ID *string `json:"id"`
}

type codeRequest struct {
	Code  string `json:"code"`
	Email string `json:"email"`
}

func (s *Server) requestCode(ctx context.Context, c *fiber.Ctx) error {
	var request struct {
		Email   string          `json:"email"`
		Arrival *arrivalRequest `json:"arrival"`
	}
	if err := readJSON(c, &request); err != nil {
		return err
	}
	current, err := s.readSession(ctx, c)
	if err != nil {
		return err
	}
	made, err := s.Auth.RequestCode(ctx, s.visitor(c), current, request.Email,
		arrivalOf(request.Arrival))
	return s.sendCodeRequest(c, made, err)
}

func (s *Server) resendCode(ctx context.Context, c *fiber.Ctx) error {
	id, err := readResend(c)
	if err != nil {
		return err
	}
	made, err := s.Auth.ResendCode(ctx, s.visitor(c), id)
	return s.sendCodeRequest(c, made, err)
}

func (s *Server) pendingCode(ctx context.Context, c *fiber.Ctx) error {
	id, ok := queryID(c)
	if !ok {
		return challenge.ErrNonePending()
	}
	found, err := s.Auth.PendingCode(ctx, s.visitor(c), id)
	if err != nil {
		return err
	}
	return sendJSON(c, s.pendingAnswerOf(found))
}

func (s *Server) cancelCode(ctx context.Context, c *fiber.Ctx) error {
	if id, ok := queryID(c); ok {
		if err := s.Auth.CancelCode(ctx, s.visitor(c), id); err != nil {
			return err
		}
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func (s *Server) verifyCode(ctx context.Context, c *fiber.Ctx) error {
	var request codeRequest
	if err := readJSON(c, &request); err != nil {
		return err
	}
	current, err := s.readSession(ctx, c)
	if err != nil {
		return err
	}
	in, err := s.Auth.VerifyCode(ctx, s.visitor(c), current, request.Email, request.Code)
	if err != nil {
		return err
	}
	s.cookie.set(c, in.Session.Token, in.Session.CookieMaxAge)
	s.device.set(c, in.Device, deviceAge)
	return sendJSON(c,
		signedInAnswer{currentAnswerOf(in.Session), in.Created, s.arrivalAnswerOf(in.Arrival)})
}

// signOut revokes the session of the request's cookie. A session in a cookie is forgotten even if
// the database is unavailable; only the event is missing then.
func (s *Server) signOut(ctx context.Context, c *fiber.Ctx) error {
	if err := readEmptyJSON(c); err != nil {
		return err
	}
	err := s.Auth.SignOut(ctx, s.visitor(c), s.cookie.token(c))
	if err != nil && s.SharedSessions != nil {
		return err
	}
	if err != nil {
		s.Log.WarnContext(ctx, "sign-out not recorded", "request_id", requestID(c), "error", err)
	}
	return s.forgetSession(c)
}

// forgetSession answers 204, deletes the session cookie and sets a new browser token: the next user
// of the browser must not see the codes of the last one.
func (s *Server) forgetSession(c *fiber.Ctx) error {
	s.cookie.clear(c)
	s.giveBrowser(c)
	return c.SendStatus(fiber.StatusNoContent)
}

// sendCodeRequest answers 202 and extends the browser token to the lifetime of the code.
func (s *Server) sendCodeRequest(c *fiber.Ctx, made auth.CodeRequest, err error) error {
	if err != nil {
		return err
	}
	s.keepBrowser(c)
	answer := codeRequestAnswer{Email: made.Email, Mail: "none", Now: made.Now.UTC(),
		ResendAt: made.ResendAt.UTC()}
	if made.Queued {
		answer.Mail = "queued"
	}
	if made.Code.ID != "" {
		code := s.pendingAnswerOf(made.Code)
		answer.Code = &code
	}
	return sendJSON(c.Status(fiber.StatusAccepted), answer)
}

// challengeID is the form of a challenge's id.
var challengeID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// readResend reads the id in the body of a resend, "" if it has none.
func readResend(c *fiber.Ctx) (string, error) {
	var request *resendRequest
	if err := readJSON(c, &request); err != nil {
		return "", err
	}
	switch {
	case request == nil:
		return "", fault.New(fault.InvalidRequest, "The body must be a JSON object, {} at least.")
	case request.ID == nil:
		return "", nil
	case !challengeID.MatchString(*request.ID):
		return "", fault.New(fault.InvalidRequest,
			"The id of a pending code is a UUID, as in the answers.")
	}
	return *request.ID, nil
}

// queryID reads the parameter id, "" if there is none. It returns false for a value that is not the
// form of an id.
func queryID(c *fiber.Ctx) (id string, ok bool) {
	if !c.Context().QueryArgs().Has("id") {
		return "", true
	}
	id = utils.CopyString(c.Query("id"))
	return id, challengeID.MatchString(id)
}

func (s *Server) pendingAnswerOf(pending challenge.Challenge) pendingCodeAnswer {
	return pendingCodeAnswer{
		ID:             pending.ID,
		Email:          pending.Email,
		Purpose:        pending.Purpose,
		CodeKind:       pending.Format.Kind,
		CodeLength:     pending.Format.Length,
		TriesLeft:      pending.TriesLeft(),
		Now:            pending.Now.UTC(),
		ExpiresAt:      pending.ExpiresAt.UTC(),
		ResendAt:       pending.ResendAt.UTC(),
		Delivery:       pending.Delivery,
		DeliveryReason: pending.Reason,
		App:            s.arrivalAnswerOf(pending.Arrival),
	}
}

func currentAnswerOf(s session.Session) currentSessionAnswer {
	return currentSessionAnswer{
		User: userAnswer{ID: s.User.ID, Email: s.User.Email},
		Session: sessionAnswer{ID: s.ID, SignedInAt: s.User.SignedInAt.UTC(),
			ExpiresAt: s.ExpiresAt.UTC()},
	}
}
