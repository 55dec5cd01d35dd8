package smtp

import (
	"errors"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"

	"sana/backend/mail"

	gomail "github.com/wneessen/go-mail"
)

// reply is a server's answer to a command.
type reply struct {
	code     int    // 0 if no answer came
	enhanced string // RFC 3463, such as 5.1.1; "" if the server gave none
	text     string // the rest, as the server wrote it
}

var enhancedStatus = regexp.MustCompile(`^([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)`)

// readReply returns the answer in an error of go-mail. The enhanced status code comes from the
// text, because go-mail reads it only if the server has announced such codes, and servers do not
// always.
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

// words returns the answer's enhanced status code and text for the log.
func (r reply) words(secrets ...string) string {
	return mail.Quote(r.enhanced+" "+r.text, secrets...)
}
