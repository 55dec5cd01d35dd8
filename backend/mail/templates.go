package mail

import (
	"embed"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	texttemplate "text/template"
)

//go:embed templates/*.txt templates/*.html
var templateFiles embed.FS

// Templates writes Sana's messages in all its languages. It is safe for concurrent use.
type Templates struct {
	text      *texttemplate.Template
	html      *htmltemplate.Template
	languages map[string]catalogue
}

// ParseTemplates reads the embedded templates and the messages of every language. An error means that the binary was
// built from broken ones.
func ParseTemplates() (*Templates, error) {
	text, err := texttemplate.ParseFS(templateFiles, "templates/*.txt")
	if err != nil {
		return nil, fmt.Errorf("mail: parse text templates: %w", err)
	}
	html, err := htmltemplate.ParseFS(templateFiles, "templates/*.html")
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
	return &Templates{text: text, html: html, languages: messages}, nil
}
