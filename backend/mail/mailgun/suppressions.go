package mailgun

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"sana/backend/mail"

	"github.com/mailgun/mailgun-go/v4"
)

// Unsuppress takes an address off the lists of addresses to which Mailgun sends nothing any more
// for our domain, and returns the names of those it was on: "bounces", "complaints",
// "unsubscribes". After an error, it returns those it is off already. A key that may only send is
// refused: ErrCredentials.
func (s *Sender) Unsuppress(ctx context.Context, address string) (lists []string, err error) {
	if !mail.IsPlainAddress(address) {
		return nil, errors.New("mail: mailgun: the address is not one plain address")
	}
	for _, list := range []struct {
		name   string
		delete func(context.Context, string) error
	}{
		{"bounces", s.client.DeleteBounce},
		{"complaints", s.client.DeleteComplaint},
		{"unsubscribes", s.client.DeleteUnsubscribe},
	} {
		removed, err := takeOff(ctx, list.delete, address)
		if err != nil {
			return lists, err
		}
		if removed {
			lists = append(lists, list.name)
		}
	}
	return lists, nil
}

// takeOff calls one of mailgun-go's deletions, which put the address into the path as it is.
func takeOff(
	ctx context.Context, remove func(context.Context, string) error, address string,
) (removed bool, err error) {
	ctx, seen := withAnswer(ctx)
	err = remove(ctx, url.PathEscape(address))
	switch {
	case err == nil:
		return true, nil
	case seen.status == 0:
		return false, noAnswer(ctx, err)
	case seen.status == http.StatusNotFound && !lacksDomain(err):
		return false, nil
	case seen.status == http.StatusNotFound:
		return false, fmt.Errorf("mail: mailgun: %d domain unknown", seen.status)
	}
	return false, refusal(seen)
}

// lacksDomain reports whether a 404 is about our domain and not about the address.
func lacksDomain(err error) bool {
	answer, ok := errors.AsType[*mailgun.UnexpectedResponseError](err)
	return ok && strings.Contains(string(answer.Data), "Domain not found")
}
