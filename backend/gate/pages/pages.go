// Package pages renders the pages that the gate shows to visitors: in five languages, without
// scripts.
package pages

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"regexp"
	"strings"

	"sana/backend/brand"

	"golang.org/x/text/language"
)

// Kind names a page.
type Kind string

// The pages.
const (
	Refused     Kind = "refused"    // the user may not use the app
	SendAgain   Kind = "send_again" // a form was sent without a session
	Unavailable Kind = "away"       // the database is unavailable
	Cookies     Kind = "cookies"    // the browser does not keep the app cookie
	SignOut     Kind = "sign_out"   // asks before it signs out
	SignedOut   Kind = "signed_out"
	TooMany     Kind = "too_many" // a limit is reached
	Unknown     Kind = "unknown"  // no app has this host
)

// Page is a page with its values.
type Page struct {
	Kind  Kind
	App   string // the app's name
	Email string // of the user; on Refused and SignOut
	Link  string // target of the action; "" for none
	Brand brand.Brand
}

// ContentType is the media type of pages.
const ContentType = "text/html; charset=utf-8"

//go:embed page.html
var text string

//go:embed page.css
var style string

//go:embed texts/*.json
var files embed.FS

// languages are the languages of the pages; the first one is the default.
var languages = []string{"en", "de", "fr", "es", "ja"}

var (
	page    = template.Must(template.New("").Parse(text))
	texts   = readTexts()
	matcher = newMatcher()
)

// readTexts panics if the binary was built from broken files; a test compares the languages.
func readTexts() map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, name := range languages {
		content, err := files.ReadFile("texts/" + name + ".json")
		var messages map[string]string
		if err == nil {
			err = json.Unmarshal(content, &messages)
		}
		if err != nil {
			panic("pages: " + err.Error())
		}
		all[name] = messages
	}
	return all
}

func newMatcher() language.Matcher {
	var tags []language.Tag
	for _, name := range languages {
		tags = append(tags, language.MustParse(name))
	}
	return language.NewMatcher(tags)
}

// maxAcceptLanguage is the number of bytes of the header that are read. Browsers send fewer.
const maxAcceptLanguage = 200

// match returns the language that suits an Accept-Language header best.
func match(acceptLanguage string) string {
	if len(acceptLanguage) > maxAcceptLanguage {
		whole := strings.LastIndexByte(acceptLanguage[:maxAcceptLanguage], ',')
		acceptLanguage = acceptLanguage[:max(whole, 0)]
	}
	wanted, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return languages[0]
	}
	_, index, _ := matcher.Match(wanted...)
	return languages[index]
}

// part is a section of a text: words, or an emphasised value.
type part struct {
	Text    string
	IsValue bool
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// fill puts the page's values into a text.
func (p Page) fill(text string) (parts []part) {
	values := map[string]string{"{app}": p.App, "{email}": p.Email, "{brand}": p.Brand.Name}
	end := 0
	for _, at := range placeholder.FindAllStringIndex(text, -1) {
		parts = append(parts, part{Text: text[end:at[0]]},
			part{values[text[at[0]:at[1]]], text[at[0]:at[1]] != "{brand}"})
		end = at[1]
	}
	return append(parts, part{Text: text[end:]})
}

// view is the template's data.
type view struct {
	Language   string
	Style      template.CSS
	Site       string
	Title      []part
	Paragraphs [][]part
	Action     []part
	Link       string
	IsForm     bool // the action is a POST to Link
	NewTab     bool
}

// Render returns the page in the language that suits an Accept-Language header best.
func (p Page) Render(acceptLanguage string) []byte {
	name := match(acceptLanguage)
	say := func(what string) []part { return p.fill(texts[name][string(p.Kind)+"_"+what]) }
	v := view{
		Language: name, Style: p.style(), Site: p.Brand.Name, Title: say("title"),
		Paragraphs: [][]part{say("text")},
		Link:       p.Link, IsForm: p.Kind == SignOut, NewTab: p.Kind == SendAgain,
	}
	if _, ok := texts[name][string(p.Kind)+"_next"]; ok {
		v.Paragraphs = append(v.Paragraphs, say("next"))
	}
	if _, ok := texts[name][string(p.Kind)+"_action"]; ok && p.Link != "" {
		v.Action = say("action")
	}
	var b bytes.Buffer
	if err := page.Execute(&b, v); err != nil {
		// a buffer accepts every write, and the template has only texts
		panic("pages: " + err.Error())
	}
	return b.Bytes()
}

// style returns the page's style with the brand's accents.
func (p Page) style() template.CSS {
	own := brand.Default
	return template.CSS(strings.NewReplacer(
		own.Light.Color, p.Brand.Light.Color, own.Light.On, p.Brand.Light.On,
		own.Dark.Color, p.Brand.Dark.Color, own.Dark.On, p.Brand.Dark.On,
	).Replace(style))
}

// Policy returns the Content-Security-Policy that fits the page.
func (p Page) Policy() string {
	digest := sha256.Sum256([]byte(p.style()))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) +
		"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}
