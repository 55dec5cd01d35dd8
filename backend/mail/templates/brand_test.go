package templates_test

import (
	"strings"
	"testing"

	"sana/backend/brand"
	"sana/backend/mail/templates"
)

func TestMails_CarryTheBrandOfTheOperator(t *testing.T) {
	t.Parallel()
	light, err := brand.LightAccent("#7a0044")
	if err != nil {
		t.Fatal(err)
	}
	set, err := templates.Parse(brand.Brand{
		Name: "Müller's Bäckerei", Light: light, Dark: brand.DarkAccentFor(light),
		HelpURL: "https://example.org/help", SupportEmail: "help@example.org",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range templates.Languages() {
		c := aSignInCode(t, "123456", "https://sana.example")
		c.Language = language
		m, err := set.SignInCode(oldAddress, "no-reply@sana.example", c)
		if err != nil {
			t.Fatal(err)
		}
		html := strings.ReplaceAll(m.HTML, "&#39;", "'")
		for _, want := range []string{"Müller's Bäckerei", "https://example.org/help",
			"help@example.org"} {
			if !strings.Contains(m.Text, want) || !strings.Contains(html, want) {
				t.Errorf("%s: got no %q in both text and HTML:\n%s", language, want, m.Text)
			}
		}
		if !strings.Contains(m.Subject, "Müller's Bäckerei") ||
			strings.Contains(m.Text+m.HTML, "Sana") {
			t.Errorf("%s: got another name than the operator's:\n%s\n%s", language, m.Subject,
				m.Text)
		}
		if !strings.Contains(html, "background:#7a0044;color:#ffffff") {
			t.Errorf("%s: got no button in the operator's color:\n%s", language, html)
		}
	}
}
