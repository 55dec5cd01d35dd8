package templates

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"sana/backend/mail"
)

// SignInCode has the values of the message with a sign-in code.
type SignInCode struct {
	Language string // one of Languages; anything else is English
	// that requested the code, "Firefox on Linux" or "Firefox"; omitted if unknown
	Browser string
	Code    string // 6 to 16 ASCII digits or letters
	// http or https with a host; a path is kept, query and fragment are not
	PublicURL *url.URL
	ExpiresAt time.Time // shown rounded down to the minute, so never later than it is
	UTCOffset int       // minutes east of UTC of the zone that the time is shown in
	App       string    // name of the app to which the sign-in leads; omitted if ""
	ForChange bool      // the code confirms a new address instead of signing in
}

// SignInCode writes the message with a sign-in code: from one mailbox, to one bare address. It
// returns an error, which holds neither address nor code, if the code, the URL or the time is
// invalid.
//
// The link carries the code in its fragment, which browsers do not send to servers.
func (t *Set) SignInCode(to, from string, c SignInCode) (mail.Message, error) {
	if len(c.Code) < 6 || len(c.Code) > 16 ||
		strings.ContainsFunc(c.Code, mail.IsNotDigitOrLetter) {
		return mail.Message{}, errors.New("mail: the sign-in code is not 6 to 16 digits or letters")
	}
	name := "code"
	if c.ForChange {
		name = "code_change"
	}
	l, err := t.message(name, details{
		c.Language, c.Browser, c.ExpiresAt, c.PublicURL, c.UTCOffset,
	})
	if err != nil {
		return mail.Message{}, err
	}
	l.Code, l.ForChange = c.Code, c.ForChange
	l.Link = link(c.PublicURL, "verify", "c="+c.Code)
	l.values["code"] = c.Code
	l.values["app"] = c.App
	return t.write(to, from, "sign_in_code", "sign_in_code", l)
}
