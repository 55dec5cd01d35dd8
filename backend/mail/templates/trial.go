package templates

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"sana/backend/mail"
)

// TestMail has the values of the test message of an operator.
type TestMail struct {
	Word      string    // letters and digits that identify this message
	When      time.Time // shown in UTC, to the minute
	PublicURL *url.URL  // as in SignInCode
}

// testMessages are in English, as all output for operators.
var testMessages = catalogue{
	"test_subject": "Sana test mail {word}",
	"test_what": "Mail from {site} arrives: this is the test mail {word}, sent by sana doctor " +
		"at {when}.",
	"test_from": "The mails with codes come from the same sender by the same way. If this one " +
		"was in the spam folder, they will be too.",
	"test_why": "You are getting this message because the people who run {site} sent it to you. " +
		"There is nothing to do.",
}

// TestMail writes the message. It returns an error if word, time or URL is missing or
// invalid.
func (t *Set) TestMail(to, from string, m TestMail) (mail.Message, error) {
	if m.Word == "" || strings.ContainsFunc(m.Word, mail.IsNotDigitOrLetter) {
		return mail.Message{}, errors.New("mail: the word is not letters and digits")
	}
	l, err := t.message("test", details{when: m.When, publicURL: m.PublicURL})
	if err != nil {
		return mail.Message{}, err
	}
	l.messages = testMessages
	l.Brand.HelpURL, l.Brand.PrivacyURL, l.Brand.TermsURL, l.values["support"] = "", "", "", ""
	l.values["word"] = m.Word
	return t.write(to, from, "test", "test_mail", l)
}
