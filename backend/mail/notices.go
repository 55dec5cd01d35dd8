package mail

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// NewDevice tells somebody of a sign-in from a browser that had not signed in for him before.
type NewDevice struct {
	Language  string    // one of Languages; anything else is English
	Browser   string    // "Firefox on Linux"; "" where it is unknown
	IP        string    // where the sign-in came from, "203.0.113.7"; "" where it is unknown
	When      time.Time // shown in UTC, to the minute
	PublicURL *url.URL  // as in SignInCode
}

// AddressChanged tells somebody that an account has another address now.
type AddressChanged struct {
	Language  string    // one of Languages; anything else is English
	Old, New  string    // bare addresses
	When      time.Time // shown in UTC, to the minute
	PublicURL *url.URL  // as in SignInCode
}

// AccountDeleted tells somebody that the account is gone.
type AccountDeleted struct {
	Language  string    // one of Languages; anything else is English
	When      time.Time // shown in UTC, to the minute
	PublicURL *url.URL  // as in SignInCode
}

// NewDevice writes the message about a sign-in from a new browser. It returns an error when time or URL is missing.
func (t *Templates) NewDevice(to, from string, d NewDevice) (Message, error) {
	return notice(to, from, "new_device", "New sign-in to your Sana account", d.PublicURL, d.When)
}

// AddressChanged writes the message about a changed address. There are two, and `to` says which: the old mailbox may
// be in other hands by now, so the message to Old has New masked ("g•••@people.example"); the one to New has both.
// It returns an error when to is neither, and when time or URL is missing.
func (t *Templates) AddressChanged(to, from string, a AddressChanged) (Message, error) {
	if to != a.Old && to != a.New {
		return Message{}, errors.New("mail: the recipient has neither the old address nor the new one")
	}
	return notice(to, from, "address_changed", "The address of your Sana account has changed", a.PublicURL, a.When)
}

// AccountDeleted writes the message about a deleted account. It returns an error when time or URL is missing.
func (t *Templates) AccountDeleted(to, from string, a AccountDeleted) (Message, error) {
	return notice(to, from, "account_deleted", "Your Sana account has been deleted", a.PublicURL, a.When)
}

func notice(to, from, kind, subject string, publicURL *url.URL, when time.Time) (Message, error) {
	if publicURL == nil || publicURL.Hostname() == "" || !isWebScheme(publicURL.Scheme) {
		return Message{}, errors.New("mail: the public URL is not http or https with a host")
	}
	if when.IsZero() {
		return Message{}, errors.New("mail: the message has no time")
	}
	at := when.UTC().Format("15:04 UTC on 2 January 2006")
	return Message{
		To:      to,
		From:    from,
		Subject: subject,
		Text:    fmt.Sprintf("%s, on %s, at %s.", strings.TrimSuffix(subject, "."), publicURL.Host, at),
		Headers: map[string]string{"Auto-Submitted": "auto-generated"},
		Kind:    kind,
	}, nil
}
