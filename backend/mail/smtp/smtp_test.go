package smtp_test

import (
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"

	"sana/backend/mail"
	"sana/backend/mail/smtp"
	"sana/backend/test/mailtest"
	"sana/backend/test/smtpfake"
)

func smtpTo(t *testing.T, c smtp.Config) *smtp.Sender {
	t.Helper()
	sender, err := smtp.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return sender
}

func TestSMTPHandsTheMessageOverEncryptedAndLoggedIn(t *testing.T) {
	t.Parallel()
	for _, encryption := range []string{"tls", "starttls"} {
		for offered, chosen := range map[string]string{"LOGIN PLAIN": "PLAIN",
			"CRAM-MD5 LOGIN": "LOGIN"} {
			t.Run(encryption+" with "+offered, func(t *testing.T) {
				t.Parallel()
				server := startSMTP(t, &smtpfake.Server{Mechanisms: strings.Fields(offered)},
					encryption)
				if err := smtpTo(t, reaching(server, encryption)).Send(mailtest.WithDeadline(t),
					mailtest.Message()); err != nil {
					t.Fatal(err)
				}
				if want := []string{
					chosen + " " + smtpfake.User + " " + smtpfake.Password}; !slices.Equal(
					server.Recorded().Logins, want) {
					t.Errorf("got logins %q, want %q", server.Recorded().Logins, want)
				}
				if !slices.Equal(server.Recorded().From, []string{"no-reply@sana.example"}) ||
					!slices.Equal(server.Recorded().To, []string{mailtest.Address}) {
					t.Errorf("got the envelope %q to %q", server.Recorded().From,
						server.Recorded().To)
				}
				if len(server.Recorded().Messages) != 1 ||
					server.Recorded().Names[0] != "sana.example" {
					t.Errorf("got %d messages from %q, want 1 from our domain",
						len(server.Recorded().Messages), server.Recorded().Names)
				}
			})
		}
	}
}

func TestWhatArrivesBySMTPIsTheMessage(t *testing.T) {
	t.Parallel()
	server := startSMTP(t, &smtpfake.Server{Mechanisms: []string{"PLAIN"}}, "tls")
	sender := smtpTo(t, reaching(server, "tls"))
	japanese := mailtest.Message()
	japanese.From = "Sana サインイン <sign-in@mg.sana.example>"
	japanese.Subject = "123456 は Sana のコードです。このコードをサインインのページに入力してください。誰にも教えないでください"
	japanese.Text = "コード: 123 456\n\n.\n..ドットで始まる行\nFrom the start\n" + strings.Repeat("長い行", 400) +
		"\n末尾の空白 \n\n@sana.example #123456"
	japanese.HTML = "<p style=\"color:#123\">コード = 123 456</p>\r\n<p>" + strings.Repeat("x", 2000) +
		"</p>"
	japanese.Headers = map[string]string{"Auto-Submitted": "auto-generated",
		"X-Note": "日本語 " + strings.Repeat("とても長い ", 40) + "end"}
	long := mailtest.Message()
	long.Subject = "123456 is  your Sana code " + strings.Repeat("and a long subject ", 20) + "end"
	textOnly := mailtest.Message()
	textOnly.HTML = ""
	for name, m := range map[string]mail.Message{"plain": mailtest.Message(), "Japanese": japanese,
		"long": long, "text only": textOnly} {
		if err := sender.Send(mailtest.WithDeadline(t), m); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		arrivedAs(t, name, server.Recorded().Messages[len(server.Recorded().Messages)-1], m)
	}
}

// arrivedAs reads a message as a mail program does.
func arrivedAs(t *testing.T, name, raw string, want mail.Message) {
	t.Helper()
	for line := range strings.SplitSeq(raw, "\r\n") {
		if len(line) > 998 || strings.ContainsAny(line, "\r\n") ||
			strings.ContainsFunc(line, func(r rune) bool { return r > 0x7e }) {
			t.Errorf("%s: got the line %.80q, want ASCII of at most 998 bytes (RFC 5322, 2.1.1)",
				name, line)
		}
	}
	got, err := netmail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	fields := map[string]string{"Subject": want.Subject, "To": "<" + want.To + ">",
		"Mime-Version": "1.0"}
	maps.Copy(fields, want.Headers)
	for field, value := range fields {
		decoded, err := new(mime.WordDecoder).DecodeHeader(strings.Join(got.Header[field], "|"))
		if err != nil || decoded != value {
			t.Errorf("%s: got %s %q, %v; want %q", name, field, decoded, err, value)
		}
	}
	for field := range got.Header {
		if _, ours := fields[field]; !ours &&
			!slices.Contains(
				[]string{"From", "Date", "Message-Id", "Content-Type", "Content-Transfer-Encoding"},
				field) {
			t.Errorf("%s: got a header %s: %q", name, field, got.Header[field])
		}
	}
	from, err := netmail.ParseAddress(got.Header.Get("From"))
	wanted, _ := netmail.ParseAddress(want.From)
	if err != nil || *from != *wanted {
		t.Errorf("%s: got From %q, %v; want %s", name, from, err, want.From)
	}
	id := got.Header.Get("Message-Id")
	if _, domain, _ := strings.Cut(wanted.Address, "@"); !strings.HasSuffix(id, "@"+domain+">") ||
		len(id) < 26 {
		t.Errorf("%s: got Message-Id %q, want one of the sender's domain", name, id)
	}
	if _, err := got.Header.Date(); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	parts := partsOf(t, got)
	onTheWire := strings.NewReplacer("\r\n", "\r\n", "\n", "\r\n")
	texts := [][2]string{{"text/plain; charset=UTF-8", onTheWire.Replace(want.Text)}}
	if want.HTML != "" {
		texts = append(texts, [2]string{"text/html; charset=UTF-8", onTheWire.Replace(want.HTML)})
	}
	if !slices.Equal(parts, texts) {
		t.Errorf("%s: got the parts %.300q, want %.300q", name, parts, texts)
	}
}

// partsOf returns type and content of each part, or of the one that there is.
func partsOf(t *testing.T, m *netmail.Message) [][2]string {
	t.Helper()
	kind, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if kind == "text/plain" {
		content, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil || m.Header.Get("Content-Transfer-Encoding") != "quoted-printable" {
			t.Fatalf("got encoding %q, %v", m.Header.Get("Content-Transfer-Encoding"), err)
		}
		return [][2]string{
			{m.Header.Get("Content-Type"), strings.TrimSuffix(string(content), "\r\n")}}
	}
	if kind != "multipart/alternative" {
		t.Fatalf("got Content-Type %s, want multipart/alternative", kind)
	}
	var parts [][2]string
	for reader := multipart.NewReader(m.Body, parameters["boundary"]); ; {
		part, err := reader.NextPart() // decodes quoted-printable
		if err == io.EOF {
			return parts
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, [2]string{part.Header.Get("Content-Type"), string(content)})
	}
}

func TestEachMessageBySMTPHasAnIDOfItsOwn(t *testing.T) {
	t.Parallel()
	server := startSMTP(t, &smtpfake.Server{Mechanisms: []string{"PLAIN"}}, "tls")
	sender := smtpTo(t, reaching(server, "tls"))
	ids := map[string]bool{}
	for range 3 {
		if err := sender.Send(mailtest.WithDeadline(t), mailtest.Message()); err != nil {
			t.Fatal(err)
		}
	}
	for _, raw := range server.Recorded().Messages {
		m, err := netmail.ReadMessage(strings.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		ids[m.Header.Get("Message-Id")] = true
	}
	if len(ids) != 3 || server.Recorded().Sessions != 1 {
		t.Errorf("got ids %v over %d sessions, want 3 over one", ids, server.Recorded().Sessions)
	}
}

func TestSMTPSendsNothingThatCouldReachAnyoneElse(t *testing.T) {
	t.Parallel()
	server := startSMTP(t, &smtpfake.Server{Mechanisms: []string{"PLAIN"}}, "tls")
	sender := smtpTo(t, reaching(server, "tls"))
	for name, m := range mailtest.BadMessages() {
		err := sender.Send(mailtest.WithDeadline(t), m)
		if !mail.IsPermanent(err) {
			t.Errorf("%s: got %v, want a permanent error", name, err)
		}
		mailtest.NoSecretIn(t, err, m.To)
	}
	if server.Recorded().Sessions != 0 {
		t.Errorf("got %d sessions, want none", server.Recorded().Sessions)
	}
}

func TestAWrongSMTPConfigurationIsRefusedWithoutItsPassword(t *testing.T) {
	t.Parallel()
	good := smtp.Config{Host: "mail.example", Port: 465, TLS: true, Username: smtpfake.User,
		Password: smtpfake.Password}
	for name, spoil := range map[string]func(*smtp.Config){
		"no host":     func(c *smtp.Config) { c.Host = "" },
		"a socket":    func(c *smtp.Config) { c.Host = "unix:///run/mail" },
		"a line":      func(c *smtp.Config) { c.Host = "mail.example\r\nQUIT" },
		"no port":     func(c *smtp.Config) { c.Port = 0 },
		"no user":     func(c *smtp.Config) { c.Username = "" },
		"no password": func(c *smtp.Config) { c.Password = "" },
	} {
		config := good
		spoil(&config)
		if _, err := smtp.New(config); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v, want an error without the password", name, err)
		}
	}
	for _, host := range []string{"mail.example", "192.0.2.1", "2001:db8::1", "localhost"} {
		good.Host = host
		if _, err := smtp.New(good); err != nil {
			t.Errorf("%s: got %v, want it taken", host, err)
		}
	}
}
