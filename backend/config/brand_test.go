package config_test

import (
	"strings"
	"testing"

	"sana/backend/config"
)

const testLogo = `<svg xmlns="http://www.w3.org/2000/svg"/>`

func TestBrand_IsReadFromTheEnvironment(t *testing.T) {
	t.Parallel()
	got := load(t, production(
		"BRAND_NAME=Müller's Bäckerei", "BRAND_COLOR=#717171", "BRAND_LOGO_FILE="+file(t, testLogo),
		"HELP_URL=https://example.org/help", "PRIVACY_URL=https://example.org/privacy",
		"TERMS_URL=https://example.org/terms",
		"SUPPORT_EMAIL=help@example.org",
	)).Brand
	if got.Name != "Müller's Bäckerei" || got.Light.Color != "#717171" || !got.IsOwn ||
		got.Logo == nil {
		t.Errorf("got %+v", got)
	}
	if got.HelpURL != "https://example.org/help" ||
		got.PrivacyURL != "https://example.org/privacy" ||
		got.TermsURL != "https://example.org/terms" || got.SupportEmail != "help@example.org" {
		t.Errorf("got the links %+v", got)
	}
	if dark := load(t,
		production("BRAND_COLOR=#717171",
			"BRAND_COLOR_DARK=#ffcc00")).Brand.Dark.Color; dark != "#ffcc00" {
		t.Errorf("got %s in the dark theme, want the color that was given for it", dark)
	}
}

func TestBrand_RefusesWhatMisleadsOrCannotBeRead(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]string{
		"BRAND_NAME=" + strings.Repeat("é", 41): "BRAND_NAME has 41 characters; at most 40",
		"BRAND_NAME=acme.example/login":         "BRAND_NAME must not contain : / or @",
		"BRAND_NAME=Ac\u202eme":                 "BRAND_NAME must not contain control characters",
		"BRAND_COLOR=green":                     `BRAND_COLOR is "green"; it must be a color like #1d5a4c`,
		"BRAND_COLOR=#ffcc00":                   `BRAND_COLOR is "#ffcc00"; it has a contrast of 1.3 to the page, and text needs 4.5; the nearest that has it is #`,
		"BRAND_COLOR_DARK=#000080":              `BRAND_COLOR_DARK is "#000080"; it has a contrast of`,
		"BRAND_LOGO_FILE=" +
			file(t, "GIF89a"): "BRAND_LOGO_FILE is neither a PNG nor an SVG file",
		"BRAND_LOGO_FILE=" + file(t, "") + ".gone": "BRAND_LOGO_FILE cannot be read",
		"HELP_URL=http://example.org/":             `HELP_URL is "http://example.org/"; it must be an address like https://`,
		"PRIVACY_URL=example.org":                  `PRIVACY_URL is "example.org"; it must be an address like https://`,
		"TERMS_URL=javascript:alert(1)":            `TERMS_URL is "javascript:alert(1)"; it must be an address like https://`,
		"SUPPORT_EMAIL=Help <help@example.org>":    `SUPPORT_EMAIL is "Help <help@example.org>"; it must be an address like support@`,
		"SUPPORT_EMAIL=help":                       `SUPPORT_EMAIL is "help"; it must be an address like support@`,
	} {
		if got := faults(t, production(setting)); len(got) != 1 ||
			!strings.HasPrefix(got[0], want) {
			t.Errorf("%s: got %q, want %s", setting, got, want)
		}
	}
	if _, err := config.Load(development("HELP_URL=http://localhost:8080/help")); err != nil {
		t.Errorf("http in development: got %v", err)
	}
}
