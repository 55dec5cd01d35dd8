package mail

import (
	"errors"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	gomail "github.com/wneessen/go-mail"
)

// reply is a server's answer to a command.
type reply struct {
	code     int    // 0 if no answer came
	enhanced string // RFC 3463, such as 5.1.1; "" if the server gave none
	text     string // the rest, as the server wrote it
}

var enhancedStatus = regexp.MustCompile(`^([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)`)

// readReply returns the answer in an error of go-mail. The enhanced status code comes from the text,
// because go-mail reads it only if the server has announced such codes, and servers do not always.
func readReply(err error) (r reply) {
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		r.code, r.text = answer.Code, answer.Msg
	} else if refused, ok := errors.AsType[*gomail.SendError](err); ok {
		r.code, r.text = refused.ErrorCode(), replyText(refused)
	}
	if found := enhancedStatus.FindStringSubmatch(r.text); found != nil {
		r.enhanced, r.text = found[1], r.text[len(found[0]):]
	}
	return r
}

// replyText cuts the server's words out of go-mail's text, which is the only place that has them:
// `reason: 550 "words", affected recipient(s): …`.
func replyText(e *gomail.SendError) string {
	_, answer, _ := strings.Cut(e.Error(), e.Reason.String()+": ")
	_, answer, _ = strings.Cut(answer, " ")
	quoted, err := strconv.QuotedPrefix(answer)
	if err != nil {
		return ""
	}
	text, err := strconv.Unquote(quoted)
	if err != nil {
		return ""
	}
	return text
}

// maxWords is how many bytes of a server's words are kept.
const maxWords = 200

const struckOut = "[…]"

var addressInText = regexp.MustCompile(`[^\s<>()"',;:]*@[^\s<>()"',;:]*`)

// words returns the answer's enhanced status code and text for the log: one printable line, in which
// addresses and the given secrets are struck out.
func (r reply) words(secrets ...string) string {
	line := strings.Join(strings.Fields(strings.Map(printableOrSpace, r.enhanced+" "+r.text)), " ")
	line = addressInText.ReplaceAllString(line, struckOut)
	for _, secret := range secrets {
		if secret != "" {
			line = regexp.MustCompile(`(?i)`+regexp.QuoteMeta(secret)).ReplaceAllString(line, struckOut)
		}
	}
	if len(line) > maxWords {
		line = strings.ToValidUTF8(line[:maxWords], "") + "…"
	}
	return line
}

func printableOrSpace(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return ' '
}

// secretsOf returns what a server may repeat of a message and the log must not show: the mailbox's
// name, and the words of the subject, one of which is the code.
func secretsOf(m Message) []string {
	mailbox, _, _ := strings.Cut(m.To, "@")
	secrets := []string{m.To, mailbox}
	for _, word := range strings.FieldsFunc(m.Subject, isNotDigitOrLetter) {
		if len(word) >= minCode {
			secrets = append(secrets, word)
		}
	}
	return secrets
}

// minCode is the length of the shortest code.
const minCode = 6
