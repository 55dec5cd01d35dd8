package pages

import (
	"slices"
	"strings"
	"testing"
)

var kinds = []Kind{Refused, SendAgain, Away, Cookies, SignOut, SignedOut, TooMany, Unknown}

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
			got, want := placeholder.FindAllString(text, -1), placeholder.FindAllString(english[key], -1)
			slices.Sort(got)
			slices.Sort(want)
			if strings.TrimSpace(text) == "" || !used[key] || !slices.Equal(slices.Compact(got), slices.Compact(want)) {
				t.Errorf("%s: %s is empty, unknown, or has other values than in English: %q", name, key, text)
			}
			if strings.Contains(placeholder.ReplaceAllString(text, ""), "{") || strings.Contains(text, "'") && name == "fr" {
				t.Errorf("%s: %s has a brace or a straight apostrophe too many: %q", name, key, text)
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
			page := string(Page{Kind: kind, App: "Wiki", Email: "ada@example.org", Link: "/there?a=b&c"}.Render(name))
			if !strings.Contains(page, `<html lang="`+name+`">`) || strings.Count(page, "<h1>") != 1 ||
				strings.Contains(page, "<h1></h1>") || strings.Contains(page, "<script") || strings.ContainsAny(page, "{}") == false {
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
	page := string(Page{Kind: Refused, App: evil, Email: evil, Link: "javascript:alert(1)"}.Render("en"))
	if strings.Contains(page, "<img") || strings.Contains(page, "href=\"javascript:") {
		t.Errorf("it was not escaped:\n%s", page)
	}
}

func TestRender_LanguageFallsBackToEnglish(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"": "en", "xx": "en", "de-AT,en;q=0.5": "de", "fr;q=0.2, ja": "ja", strings.Repeat("x", 5000): "en", ";;;": "en",
	} {
		if got := match(header); got != want {
			t.Errorf("%.20q: got %s, want %s", header, got, want)
		}
	}
}

// Browsers refuse the page's style unless its hash is the one in the policy.
func TestPolicy_HasTheHashOfTheStyle(t *testing.T) {
	t.Parallel()
	rendered := Page{Kind: Away, App: "Wiki"}.Render("en")
	if got, want := style.FindSubmatch(rendered), style.FindStringSubmatch(text); string(got[1]) != want[1] {
		t.Error("the template changes the style")
	}
	if !strings.Contains(Policy(), "style-src 'sha256-") || strings.Contains(Policy(), "unsafe") {
		t.Errorf("the policy is %s", Policy())
	}
}
