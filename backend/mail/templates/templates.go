// Package templates writes Sana's mails, in five languages.
package templates

import (
	"embed"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"slices"
	"strings"
	texttemplate "text/template"

	"sana/backend/brand"
)

//go:embed *.txt *.html
var templateFiles embed.FS

// Set writes Sana's messages in all its languages. It is safe for concurrent use.
type Set struct {
	brand     brand.Brand
	text      *texttemplate.Template
	html      *htmltemplate.Template
	languages map[string]catalogue
}

// Parse reads the embedded templates and the messages of every language, for mails with the name,
// palette and links of b. An error means that the binary was built from broken ones.
func Parse(b brand.Brand) (*Set, error) {
	text, err := texttemplate.ParseFS(templateFiles, "*.txt")
	if err != nil {
		return nil, fmt.Errorf("mail: parse text templates: %w", err)
	}
	html, err := htmltemplate.ParseFS(templateFiles, "*.html")
	if err != nil {
		return nil, fmt.Errorf("mail: parse HTML templates: %w", err)
	}
	folder, err := fs.Sub(languageFiles, "languages")
	if err != nil {
		return nil, fmt.Errorf("mail: open languages: %w", err)
	}
	messages, err := parseCatalogues(folder)
	if err != nil {
		return nil, err
	}
	return &Set{brand: b, text: text, html: html, languages: messages}, nil
}

// Names lists the mails to users by name: each has a message NAME_subject in every language.
func (t *Set) Names() []string {
	var names []string
	for message := range t.languages["en"] {
		if name, ok := strings.CutSuffix(message, "_subject"); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
