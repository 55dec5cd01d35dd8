package auth

import (
	"fmt"
	"math"
	"time"

	"sana/backend/fault"
	"sana/backend/throttle"
)

// errBrowserTokenMissing is the error of a request for a code without a browser token. The response
// sets the token, so that a repeat succeeds unless the browser blocks cookies.
func errBrowserTokenMissing() error {
	return fault.New(fault.BrowserTokenMissing,
		"Your browser sent no cookie. Try again; if this happens twice, allow cookies for this "+
			"site.")
}

// after returns a fault that ends after a wait.
func after(wait time.Duration, code fault.Code, message string) error {
	err := fault.New(code, message)
	err.RetryAfter = wait
	return err
}

// errLimit is the error of an attempt that a limit refused.
func errLimit(v throttle.Verdict) error {
	switch v.Refused.Name {
	case throttle.ConsecutiveWrong.Name:
		return fault.New(fault.CodeExpired,
			"There were too many wrong codes for this address, so this code is not accepted any "+
				"more. Request a new one; it will be longer.")
	case throttle.WrongByNetwork.Name:
		return errNetwork("wrong codes", v.Wait)
	default:
		return after(v.Wait, fault.TooManyWrongCodes, fmt.Sprintf(
			"There were too many wrong codes for this address. Try again in %s; you may need a "+
				"new code by then.", inWords(v.Wait)))
	}
}

// errNewerKey is the error of the repeat of a code that an instance with another key accepted.
func errNewerKey() error {
	return after(2*time.Second, fault.Unavailable,
		"This code was accepted a moment ago by a server with newer keys. Try again in a few "+
			"seconds.")
}

// errNetwork is the error of a network that has used up a limit.
func errNetwork(what string, wait time.Duration) error {
	return after(wait, fault.TooManyRequests,
		fmt.Sprintf("Too many %s from your network. Try again in %s.", what, inWords(wait)))
}

// errAccount is the error of an account that has used up a limit.
func errAccount(v throttle.Verdict) error {
	what := "Your account was changed too often."
	switch v.Refused.Name {
	case throttle.ExportsByAccount.Name:
		what = "Your data was downloaded a moment ago, or often today."
	case throttle.KeysByAccount.Name:
		what = "Too many access keys were made."
	}
	return after(v.Wait, fault.TooManyRequests,
		fmt.Sprintf("%s Try again in %s.", what, inWords(v.Wait)))
}

func errWrongCode(triesLeft int) error {
	message := "That is not the code in the mail. Check it and type it again."
	if triesLeft == 0 {
		message = "That is not the code in the mail, and this code is now locked. Request a new " +
			"one."
	}
	err := fault.New(fault.WrongCode, message)
	err.TriesLeft = &triesLeft
	return err
}

func errSignUpClosed() error {
	return fault.New(fault.SignUpClosed,
		"Your code was right, but there is no account with this address and new accounts are not "+
			"created here. "+
			"Sign in with the address of your account, or ask the operator for one.")
}

func errRecoveryRequired() error {
	return fault.New(fault.RecoveryRequired,
		"Your code was right, but this account signs in with a passkey. Without one it can be "+
			"recovered in 24 hours.")
}

func errEmailTaken() error {
	return fault.New(fault.EmailTaken,
		"Your code was right, but another account has this address. Sign in to that account "+
			"with it, or choose another address for this one.")
}

// inWords rounds up to whole minutes or hours, so that the wait is long enough.
func inWords(d time.Duration) string {
	count := func(n float64, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return fmt.Sprintf("%.0f %ss", n, unit)
	}
	if minutes := math.Ceil(d.Minutes()); minutes < 60 {
		return count(max(1, minutes), "minute")
	}
	return count(math.Ceil(d.Hours()), "hour")
}
