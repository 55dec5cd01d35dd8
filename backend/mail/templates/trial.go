package templates

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"sana/backend/mail"
)

// TestMail is what the message of an operator who tries out the sending tells.
type TestMail struct {
	Word      string    // letters and digits by which the operator knows this one from an earlier
	When      time.Time // shown in UTC, to the minute
	PublicURL *url.URL  // as in SignInCode
}

// testMessages are in English alone, as everything that operators read.
var testMessages = catalogue{
	"test_subject": "Sana test mail {word}",
	"test_what": "Mail from {site} arrives: this is the test mail {word}, sent by sana doctor " +
		"at {when}.",
	"test_from": "The mails with codes come from the same sender by the same way. If this one was " +
		"in the spam folder, they will be too.",
	"test_why": "You are getting this message because the people who run {site} sent it to you. " +
		"There is nothing to do.",
}

// TestMail writes the message. It returns an error when word, time or URL is missing or is not as
// TestMail asks.
func (t *Set) TestMail(to, from string, m TestMail) (mail.Message, error) {
	if m.Word == "" || strings.ContainsFunc(m.Word, mail.IsNotDigitOrLetter) {
		return mail.Message{}, errors.New("mail: the word is not letters and digits")
	}
	l, err := t.message("test", circumstances{when: m.When, publicURL: m.PublicURL})
	if err != nil {
		return mail.Message{}, err
	}
	l.messages = testMessages
	l.Brand.HelpURL, l.Brand.PrivacyURL, l.Brand.TermsURL, l.values["support"] = "", "", "", ""
	l.values["word"] = m.Word
	return t.write(to, from, "test", "test_mail", l)
}
