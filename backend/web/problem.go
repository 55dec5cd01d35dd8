package web

import (
	"errors"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"sana/backend/fault"

	"github.com/gofiber/fiber/v2"
)

// statusOf is the only place that maps faults to HTTP statuses.
var statusOf = map[fault.Code]int{
	fault.InvalidRequest:           http.StatusBadRequest,
	fault.InvalidEmail:             http.StatusBadRequest,
	fault.InvalidName:              http.StatusBadRequest,
	fault.EmailUnchanged:           http.StatusBadRequest,
	fault.InvalidCode:              http.StatusBadRequest,
	fault.NotSignedIn:              http.StatusUnauthorized,
	fault.WrongCode:                http.StatusUnauthorized,
	fault.UnknownPasskey:           http.StatusUnauthorized,
	fault.PasskeyRefused:           http.StatusUnauthorized,
	fault.CrossOriginRequest:       http.StatusForbidden,
	fault.InvalidSignature:         http.StatusForbidden,
	fault.SignUpClosed:             http.StatusForbidden,
	fault.ReauthenticationRequired: http.StatusForbidden,
	fault.NotFound:                 http.StatusNotFound,
	fault.NoPendingCode:            http.StatusNotFound,
	fault.NoRecovery:               http.StatusNotFound,
	fault.MethodNotAllowed:         http.StatusMethodNotAllowed,
	fault.EventRefused:             http.StatusNotAcceptable,
	fault.RequestTimeout:           http.StatusRequestTimeout,
	fault.NotWithThisStore:         http.StatusConflict,
	fault.BrowserTokenMissing:      http.StatusConflict,
	fault.EmailTaken:               http.StatusConflict,
	fault.TooManyPasskeys:          http.StatusConflict,
	fault.TwoPasskeysNeeded:        http.StatusConflict,
	fault.RecoveryRequired:         http.StatusConflict,
	fault.CodeExpired:              http.StatusGone,
	fault.RequestTooLarge:          http.StatusRequestEntityTooLarge,
	fault.UnsupportedMediaType:     http.StatusUnsupportedMediaType,
	fault.MisdirectedRequest:       http.StatusMisdirectedRequest,
	fault.TooManyTries:             http.StatusTooManyRequests,
	fault.TooManyWrongCodes:        http.StatusTooManyRequests,
	fault.TooManyRequests:          http.StatusTooManyRequests,
	fault.HeaderTooLarge:           http.StatusRequestHeaderFieldsTooLarge,
	fault.Internal:                 http.StatusInternalServerError,
	fault.Unavailable:              http.StatusServiceUnavailable,
}

// FaultCodes lists the codes that problems can have, in alphabetical order.
func FaultCodes() []fault.Code { return slices.Sorted(maps.Keys(statusOf)) }

// problem is RFC 9457's problem details object.
type problem struct {
	Type       string     `json:"type"`
	Title      string     `json:"title"`
	Status     int        `json:"status"`
	Detail     string     `json:"detail"`
	Code       fault.Code `json:"code"`
	RequestID  string     `json:"request_id"`
	RetryAfter int        `json:"retry_after,omitempty"` // seconds
	TriesLeft  *int       `json:"tries_left,omitempty"`
	SignedOut  *signedOut `json:"signed_out,omitempty"`
}

// signedOut is the reason why the session of a browser was revoked or has expired.
type signedOut struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at,omitzero"`
	By     string    `json:"by,omitempty"`
}

// answerError turns every error into problem+json (and 431 into a page), and logs internal ones.
func (s *Server) answerError(c *fiber.Ctx, err error) error {
	f := faultOf(err)
	if status := statusOf[f.Code]; status >= http.StatusInternalServerError {
		s.Log.Error("request failed", "request_id", requestID(c), "route", c.Route().Path, "error",
			err)
	}
	return s.writeProblem(c, f)
}

// writeProblem also answers requests that did not pass the middleware, so it sets the headers
// again.
func (s *Server) writeProblem(c *fiber.Ctx, f *fault.Error) error {
	s.writeHeaders(c)
	c.Response().Header.DelAllCookies()
	if s.givesBrowser(c, f) {
		s.giveBrowser(c)
	}
	if f.Code == fault.HeaderTooLarge {
		return s.sendTooLargePage(c)
	}
	if f.Code == fault.MisdirectedRequest && asksForPage(c) && !s.isAtApp(&c.Context().Request) {
		return s.sendHome(c)
	}
	status := statusOf[f.Code]
	p := problem{
		Type:      "urn:sana:problem:" + string(f.Code),
		Title:     http.StatusText(status),
		Status:    status,
		Detail:    f.Message,
		Code:      f.Code,
		RequestID: requestID(c),
		TriesLeft: f.TriesLeft,
	}
	if o := f.SignedOut; o != nil {
		p.SignedOut = &signedOut{Reason: o.Reason, At: o.At.UTC(), By: o.By}
	}
	if f.RetryAfter > 0 {
		p.RetryAfter = seconds(f.RetryAfter)
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(p.RetryAfter))
	}
	return sendJSONAs(c.Status(status), "application/problem+json", p)
}

// faultOf also translates Fiber's own refusals. It uses none of their texts, because they can quote
// the request.
func faultOf(err error) *fault.Error {
	refused, ok := errors.AsType[*fiber.Error](err)
	if !ok {
		return fault.From(err)
	}
	switch refused.Code {
	case http.StatusNotFound:
		return fault.New(fault.NotFound, "There is nothing at this address.")
	case http.StatusMethodNotAllowed:
		return fault.New(fault.MethodNotAllowed,
			"This address does not answer this method; the Allow header says which ones it does.")
	default:
		return fault.From(err)
	}
}

func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
