package templates

import (
	"errors"
	"net/url"
	"slices"
	"time"

	"sana/backend/mail"
)

// NewDevice notifies a user of a sign-in from a browser that had not signed in with the account
// before.
type NewDevice struct {
	Language  string    // one of Languages; anything else is English
	Browser   string    // "Firefox on Linux" or "Firefox"; omitted if unknown
	IP        string    // of the sign-in, "203.0.113.7"; "" if unknown
	NotYou    string    // token of the link that ends the session; "" for a link to all devices
	When      time.Time // shown to the minute
	PublicURL *url.URL  // as in SignInCode
	UTCOffset int       // as in SignInCode
}

// AddressChanged notifies a user that the address of the account was changed.
type AddressChanged struct {
	Language  string    // one of Languages; anything else is English
	Old, New  string    // bare addresses
	When      time.Time // shown to the minute
	PublicURL *url.URL  // as in SignInCode
	UTCOffset int       // as in SignInCode
}

// AccountDeleted notifies a user that the account was deleted.
type AccountDeleted struct {
	Language  string    // one of Languages; anything else is English
	When      time.Time // shown to the minute
	PublicURL *url.URL  // as in SignInCode
	UTCOffset int       // as in SignInCode
}

// AccountBlocked notifies a user who requested a code that their account is blocked.
type AccountBlocked struct {
	Language  string    // one of Languages; anything else is English
	Browser   string    // that requested the code, as in NewDevice
	When      time.Time // shown to the minute
	PublicURL *url.URL  // as in SignInCode
	UTCOffset int       // as in SignInCode
}

// AccessKeyMade notifies a user of a new access key. It omits the name, which the creator of the
// key has chosen.
type AccessKeyMade struct {
	Language  string    // one of Languages; anything else is English
	Browser   string    // as in NewDevice
	IP        string    // as in NewDevice
	App       string    // name of the app that the key is for
	ExpiresAt time.Time // of the key; shown as When
	When      time.Time // shown to the minute
	PublicURL *url.URL  // as in SignInCode
	UTCOffset int       // as in SignInCode
}

// signInChanges are the names of the messages about how an account signs in.
var signInChanges = []string{
	"passkey_added", "passkey_removed", "codes_for_sign_in", "codes_for_recovery",
	"codes_suspended", "recovery_begun", "recovery_stopped", "recovered",
}

// SignInChanges lists the names that SignInChange can have.
func SignInChanges() []string { return slices.Clone(signInChanges) }

// SignInChange notifies a user of a change of how their account signs in.
type SignInChange struct {
	Name      string    // one of SignInChanges
	Language  string    // one of Languages; anything else is English
	Browser   string    // as in NewDevice
	IP        string    // as in NewDevice
	Passkey   string    // its maker, "" if unknown; of passkey_added and passkey_removed
	Until     time.Time // when the recovery ends; of recovery_begun
	StopToken string    // what stops the recovery; of recovery_begun
	When      time.Time // shown to the minute
	UTCOffset int       // as in SignInCode
	PublicURL *url.URL  // as in SignInCode
}

// SignInChange writes the message about a change of how an account signs in. It returns an error
// for an unknown name, and when time, URL or what belongs to the name is missing.
func (t *Set) SignInChange(to, from string, c SignInChange) (mail.Message, error) {
	isBegun := c.Name == "recovery_begun"
	switch {
	case !slices.Contains(signInChanges, c.Name):
		return mail.Message{}, errors.New("mail: there is no such change")
	case isBegun && (c.Until.IsZero() || c.StopToken == ""):
		return mail.Message{}, errors.New("mail: a change without what belongs to it")
	}
	l, err := t.message(c.Name, details{
		c.Language, c.Browser, c.When, c.PublicURL, c.UTCOffset,
	})
	if err != nil {
		return mail.Message{}, err
	}
	l.values["ip"] = plainIP(c.IP)
	if l.values["passkey"], err = l.messages.passkey(c.Passkey); err != nil {
		return mail.Message{}, err
	}
	if isBegun {
		l.Link, l.LinkName = link(c.PublicURL, "recovery", "stop="+c.StopToken),
			"recovery_begun_link"
		if l.values["until"], err = l.messages.dateTime(c.Until.In(l.zone)); err != nil {
			return mail.Message{}, err
		}
	}
	return t.write(to, from, c.Name, "notice", l)
}

// NewDevice writes the message about a sign-in from a new browser. It returns an error when time or
// URL is missing.
func (t *Set) NewDevice(to, from string, d NewDevice) (mail.Message, error) {
	l, err := t.message("new_device", details{
		d.Language, d.Browser, d.When, d.PublicURL, d.UTCOffset,
	})
	if err != nil {
		return mail.Message{}, err
	}
	l.Link, l.LinkName = link(d.PublicURL, "sessions", ""), "new_device_link"
	if d.NotYou != "" {
		l.Link, l.LinkName = link(d.PublicURL, "not-you", "t="+d.NotYou), "new_device_end_link"
	}
	l.values["ip"] = plainIP(d.IP)
	return t.write(to, from, "new_device", "notice", l)
}

// AddressChanged writes the message about a changed address. There are two, and `to` says which:
// the old mailbox may be in other hands by now, so the message to Old has New masked,
// "g•••@people.example"; the one to New has both. It returns an error when `to` is neither, when
// Old or New is not a bare address, and when time or URL is missing.
func (t *Set) AddressChanged(to, from string, a AddressChanged) (mail.Message, error) {
	if !mail.IsPlainAddress(a.Old) || !mail.IsPlainAddress(a.New) {
		return mail.Message{},
			errors.New("mail: the old or the new address is not one plain address")
	}
	name, shown := "address_changed_new", a.New
	switch to {
	case a.Old:
		name, shown = "address_changed_old", mask(a.New)
	case a.New:
	default:
		return mail.Message{},
			errors.New("mail: the recipient has neither the old address nor the new one")
	}
	l, err := t.message(name, details{
		language: a.Language, when: a.When, publicURL: a.PublicURL, utcOffset: a.UTCOffset,
	})
	if err != nil {
		return mail.Message{}, err
	}
	l.values["old"], l.values["new"] = a.Old, shown
	return t.write(to, from, "address_changed", "notice", l)
}

// AccountDeleted writes the message about a deleted account. It returns an error when time or URL
// is missing.
func (t *Set) AccountDeleted(to, from string, a AccountDeleted) (mail.Message, error) {
	l, err := t.message("account_deleted", details{
		language: a.Language, when: a.When, publicURL: a.PublicURL, utcOffset: a.UTCOffset,
	})
	if err != nil {
		return mail.Message{}, err
	}
	return t.write(to, from, "account_deleted", "notice", l)
}

// AccountBlocked writes the message that a blocked user gets instead of a code. It returns an error
// when time or URL is missing.
func (t *Set) AccountBlocked(to, from string, b AccountBlocked) (mail.Message, error) {
	l, err := t.message("account_blocked", details{
		b.Language, b.Browser, b.When, b.PublicURL, b.UTCOffset,
	})
	if err != nil {
		return mail.Message{}, err
	}
	return t.write(to, from, "account_blocked", "notice", l)
}

// AccessKeyMade writes the message about a new access key. It returns an error when a time, the URL
// or the app is missing.
func (t *Set) AccessKeyMade(to, from string, k AccessKeyMade) (mail.Message, error) {
	if k.App == "" || k.ExpiresAt.IsZero() {
		return mail.Message{}, errors.New("mail: the access key has no app or no end")
	}
	l, err := t.message("access_key_made", details{
		k.Language, k.Browser, k.When, k.PublicURL, k.UTCOffset,
	})
	if err != nil {
		return mail.Message{}, err
	}
	l.values["ip"], l.values["app"] = plainIP(k.IP), k.App
	if l.values["until"], err = l.messages.dateTime(k.ExpiresAt.In(l.zone)); err != nil {
		return mail.Message{}, err
	}
	return t.write(to, from, "access_key_made", "notice", l)
}
