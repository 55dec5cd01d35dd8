package pages

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"sana/backend/brand"
)

var kinds = []Kind{Refused, SendAgain, Unavailable, Cookies, SignOut, SignedOut, TooMany, Unknown}

func TestTexts_AreCompleteInEveryLanguage(t *testing.T) {
	t.Parallel()
	english := texts[languages[0]]
	used := map[string]bool{}
	for _, kind := range kinds {
		for _, what := range []string{"title", "text", "next", "action"} {
			used[string(kind)+"_"+what] = true
		}
	}
	for _, name := range languages {
		for key, text := range texts[name] {
			got, want := placeholder.FindAllString(text, -1),
				placeholder.FindAllString(english[key], -1)
			slices.Sort(got)
			slices.Sort(want)
			if strings.TrimSpace(text) == "" || !used[key] ||
				!slices.Equal(slices.Compact(got), slices.Compact(want)) {
				t.Errorf("%s: %s is empty, unknown, or has other values than in English: %q", name,
					key, text)
			}
			if strings.Contains(placeholder.ReplaceAllString(text, ""), "{") ||
				strings.Contains(text, "'") && name == "fr" {
				t.Errorf("%s: %s has a brace or a straight apostrophe too many: %q", name, key,
					text)
			}
		}
		if len(texts[name]) != len(english) {
			t.Errorf("%s has %d texts, want %d", name, len(texts[name]), len(english))
		}
	}
}

func TestRender_EveryPageInEveryLanguage(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		for _, name := range languages {
			page := string(
				Page{Kind: kind, App: "Wiki", Email: "ada@example.org", Link: "/there?a=b&c",
					Brand: brand.Default}.Render(name))
			if !strings.Contains(page, `<html lang="`+name+`">`) ||
				strings.Count(page, "<h1>") != 1 ||
				strings.Contains(page, "<h1></h1>") || strings.Contains(page, "<script") ||
				strings.ContainsAny(page, "{}") == false {
				t.Errorf("%s in %s:\n%s", kind, name, page)
			}
			_, hasAction := texts[name][string(kind)+"_action"]
			if strings.Contains(page, "/there?a=b&amp;c") != hasAction {
				t.Errorf("%s in %s has its action: %v, want %v", kind, name, !hasAction, hasAction)
			}
		}
	}
}

func TestRender_ValuesAreText(t *testing.T) {
	t.Parallel()
	const evil = `<img src=x onerror=1>"{{.}}`
	page := string(
		Page{Kind: Refused, App: evil, Email: evil, Link: "javascript:alert(1)",
			Brand: brand.Default}.Render("en"))
	if strings.Contains(page, "<img") || strings.Contains(page, "href=\"javascript:") {
		t.Errorf("it was not escaped:\n%s", page)
	}
}

func TestRender_LanguageFallsBackToEnglish(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"": "en", "xx": "en", "de-AT,en;q=0.5": "de", "fr;q=0.2, ja": "ja",
		strings.Repeat("x", 5000): "en", ";;;": "en",
	} {
		if got := match(header); got != want {
			t.Errorf("%.20q: got %s, want %s", header, got, want)
		}
	}
}

func TestRender_ShowsTheOperatorsBrand(t *testing.T) {
	t.Parallel()
	const name = `Müller's "Bäckerei"`
	page := Page{Kind: Unavailable, App: "Wiki", Brand: brand.Brand{
		Name: name, Light: brand.Accent{Color: "#717171", On: "#fefefe"},
		Dark: brand.Accent{Color: "#cccccc", On: "#010101"},
	}}
	for _, language := range languages {
		rendered := string(page.Render(language))
		for _, want := range []string{"M\u00fcller&#39;s", "#717171", "#fefefe", "#cccccc",
			"#010101"} {
			if !strings.Contains(rendered, want) {
				t.Errorf("in %s: got a page without %s:\n%s", language, want, rendered)
			}
		}
		for _, own := range []string{"Sana", brand.Default.Light.Color, brand.Default.Dark.Color} {
			if strings.Contains(rendered, own) {
				t.Errorf("in %s: got a page with %s:\n%s", language, own, rendered)
			}
		}
	}
}

// Browsers refuse the page's style unless its hash is the one in the policy.
func TestPolicy_HasTheHashOfTheStyle(t *testing.T) {
	t.Parallel()
	for _, b := range []brand.Brand{brand.Default,
		{Name: "Acme", Light: brand.Accent{Color: "#717171", On: "#ffffff"}}} {
		page := Page{Kind: Unavailable, App: "Wiki", Brand: b}
		_, after, _ := strings.Cut(string(page.Render("en")), "<style>")
		rendered, _, _ := strings.Cut(after, "</style>")
		digest := sha256.Sum256([]byte(rendered))
		if want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) +
			"'"; !strings.Contains(page.Policy(), want) {
			t.Errorf("%s: got the policy %s, want %s in it", b.Name, page.Policy(), want)
		}
	}
}
