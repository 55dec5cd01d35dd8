// Package fault is the vocabulary of what can go wrong: a code for programs, a sentence for users,
// and a cause that only the log sees. It knows nothing of HTTP; package web gives each code its
// status.
package fault

import (
	"errors"
	"time"
)

// Code names a kind of fault. Codes are part of the API's contract (openapi.yaml) and never change
// their meaning.
type Code string

const (
	InvalidRequest           Code = "invalid_request"
	InvalidEmail             Code = "invalid_email"
	InvalidName              Code = "invalid_name"
	InvalidCode              Code = "invalid_code"
	EmailUnchanged           Code = "email_unchanged"
	NotSignedIn              Code = "not_signed_in"
	WrongCode                Code = "wrong_code"
	UnknownPasskey           Code = "unknown_passkey"
	PasskeyRefused           Code = "passkey_refused"
	TooManyPasskeys          Code = "too_many_passkeys"
	TwoPasskeysNeeded        Code = "two_passkeys_needed"
	RecoveryRequired         Code = "recovery_required"
	NoRecovery               Code = "no_recovery"
	CrossOriginRequest       Code = "cross_origin_request"
	InvalidSignature         Code = "invalid_signature"
	SignUpClosed             Code = "sign_up_closed"
	ReauthenticationRequired Code = "reauthentication_required"
	NotFound                 Code = "not_found"
	NoPendingCode            Code = "no_pending_code"
	BrowserTokenMissing      Code = "browser_token_missing"
	MethodNotAllowed         Code = "method_not_allowed"
	RequestTimeout           Code = "request_timeout"
	EventRefused             Code = "event_refused"
	NotWithThisStore         Code = "not_with_this_store"
	EmailTaken               Code = "email_taken"
	CodeExpired              Code = "code_expired"
	RequestTooLarge          Code = "request_too_large"
	UnsupportedMediaType     Code = "unsupported_media_type"
	MisdirectedRequest       Code = "misdirected_request"
	TooManyTries             Code = "too_many_tries"
	TooManyWrongCodes        Code = "too_many_wrong_codes"
	TooManyRequests          Code = "too_many_requests"
	HeaderTooLarge           Code = "header_too_large"
	Internal                 Code = "internal_error"
	Unavailable              Code = "unavailable"
)

// Error is a fault with a public face (Code, Message and the details) and a private cause.
type Error struct {
	Code       Code
	Message    string        // one or two sentences for users: what happened and what to do
	RetryAfter time.Duration // how long to wait before trying again; 0 where waiting does not help
	TriesLeft  *int          // with WrongCode: how many more tries this code has
	SignedOut  *SignedOut    // with NotSignedIn: why not any more, where that is known

	cause error
}

// SignedOut says why a session is no longer valid.
type SignedOut struct {
	Reason string    // one of the contract's
	At     time.Time // zero if unknown
	By     string    // browser and system that did it, "" if unknown
}

// New returns a fault without a cause.
func New(code Code, message string) *Error {
	return &Error{Code: code, Message: message}
}

// Wrap returns a fault whose cause goes to the log and never to the client.
func Wrap(code Code, message string, cause error) *Error {
	return &Error{Code: code, Message: message, cause: cause}
}

// StoreUnavailable means that the database did not answer. It is never an answer about the user:
// neither "signed out" nor "allowed".
func StoreUnavailable(cause error) *Error {
	return &Error{
		Code: Unavailable,
		Message: "The database cannot be reached at the moment. Nothing is lost; try again in a " +
			"few seconds.",
		RetryAfter: 2 * time.Second,
		cause:      cause,
	}
}

// Error is for logs: the code and the cause.
func (e *Error) Error() string {
	if e.cause == nil {
		return string(e.Code)
	}
	return string(e.Code) + ": " + e.cause.Error()
}

// Unwrap returns the private cause.
func (e *Error) Unwrap() error { return e.cause }

// From returns the fault in err's chain. Any other error is an internal one: its text stays
// private.
func From(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return Wrap(Internal,
		"Something went wrong on our side. Try again; if it stays, tell the operator the "+
			"request id.", err)
}

// Is reports whether err is a fault of this code.
func Is(err error, code Code) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == code
}
