package mailgun_test

import (
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"sana/backend/mail"
	"sana/backend/mail/mailgun"
	"sana/backend/test/mailtest"

	"github.com/google/go-cmp/cmp"
)

// request is what of an HTTP request Mailgun's documentation speaks of.
type request struct {
	Method, Path, Query, ContentType string
	User, Password                   string
	Fields                           url.Values
	Files                            int
}

// requestFor sends a message to a server that records the request, below the path of base.
func requestFor(t *testing.T, base string, m mail.Message) request {
	t.Helper()
	var got request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			t.Error(err)
			return
		}
		got = request{r.Method, r.URL.Path, r.URL.RawQuery, kind, user, password,
			r.MultipartForm.Value,
			len(r.MultipartForm.File)}
		_, _ = io.WriteString(w, `{"id":"<1@mg.sana.example>","message":"Queued. Thank you."}`)
	}))
	t.Cleanup(server.Close)
	sender := senderTo(t,
		mailgun.Config{Domain: domain, APIKey: apiKey, APIBase: server.URL + base})
	if err := sender.Send(mailtest.WithDeadline(t), m); err != nil {
		t.Fatal(err)
	}
	return got
}

// The request, whole, as documentation.mailgun.com has it under API Reference, Messages (POST
// /v3/{domain_name}/messages) and under Sending Messages, Sending Options. No field more: what is
// not named here keeps its default, such as DKIM on, delivery at once, and the check of the
// certificate of the recipient's server.
func TestMailgunsRequestIsTheDocumentedOne(t *testing.T) {
	t.Parallel()
	m := mailtest.Message()
	m.From = "Sana サインイン <sign-in@mg.sana.example>"
	m.Subject, m.Text, m.HTML = mailtest.Code+" は Sana のコードです", "コード: "+mailtest.Code+"\n",
		"<p>コード</p>"
	m.Ref = "01980a6e-b8a0-7000-8000-000000000001/1"
	want := request{
		Method:      "POST",
		Path:        "/v3/mg.sana.example/messages",
		ContentType: "multipart/form-data",
		User:        "api", // basic authentication with this name and the key
		Password:    apiKey,
		Fields: url.Values{
			"from":       {m.From},    // "Friendly Name <email@domain.com>"
			"to":         {m.To},      // commas separate recipients: there is none in it
			"subject":    {m.Subject}, // UTF-8; Mailgun encodes it
			"text":       {m.Text},
			"html":       {m.HTML},
			"o:tag":      {m.Kind}, // for statistics
			"o:tracking": {"no"},   // "yes", "no", "true", "false", "htmlonly"
			// the same; else links would lead over Mailgun, with the code
			"o:tracking-clicks": {"no"},
			// "yes", "no", "true", "false"; else there would be an image
			"o:tracking-opens": {"no"},
			// "yes", "no", "true", "false": rather not at all than in plain text
			"o:require-tls":    {"true"},
			"h:Auto-Submitted": {"auto-generated"},
			"v:ref":            {m.Ref}, // in user-variables of every event
		},
	}
	// of both regions: api.mailgun.net/v3, api.eu.mailgun.net/v3
	for _, base := range []string{"/v3", "/v3/"} {
		if diff := cmp.Diff(want, requestFor(t, base, m)); diff != "" {
			t.Errorf("the request (-want +got):\n%s", diff)
		}
	}
}

// "Send options (parameters starting with o:, h:, v:, or t:) are limited to 16KB total", and
// statistics and events keep them.
func TestNothingPersonalIsInMailgunsOptions(t *testing.T) {
	t.Parallel()
	for field, values := range requestFor(t, "/v3", mailtest.Message()).Fields {
		if !strings.Contains(field, ":") {
			continue
		}
		for _, secret := range []string{mailtest.Address, mailtest.Code} {
			if strings.Contains(strings.Join(values, " "), secret) {
				t.Errorf("got %s: %q, want nothing personal in it", field, values)
			}
		}
	}
}

func TestAMessageWithoutAReferenceHasNoVariable(t *testing.T) {
	t.Parallel()
	if fields := requestFor(t, "/v3", mailtest.Message()).Fields; fields.Has("v:ref") {
		t.Errorf("got v:ref %q, want none", fields["v:ref"])
	}
}
