package templates_test

import (
	"strings"
	"testing"

	"sana/backend/mail/templates"
)

func TestATestMailReadsAsAgreedAndHasItsWord(t *testing.T) {
	t.Parallel()
	good := templates.TestMail{Word: "K7QX2M", When: aTime(),
		PublicURL: parseURL(t, "https://sana.example")}
	m, err := parsed(t).TestMail(oldAddress, "Sana <no-reply@sana.example>", good)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "test_mail.txt", m.Subject+"\n\n"+m.Text+"\n")
	golden(t, "test_mail.html", m.HTML)
	for _, bad := range []string{"", "a b", "<b>", "a\nb"} {
		wrong := good
		wrong.Word = bad
		if _, err := parsed(t).TestMail(oldAddress, "sana@sana.example", wrong); err == nil {
			t.Errorf("%q: got no error", bad)
		}
	}
	if strings.ContainsAny(m.Text, "{}") {
		t.Errorf("a place is not filled in:\n%s", m.Text)
	}
}
