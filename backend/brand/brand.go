// Package brand holds the operator's name, colors, logo and links, which pages and mails show.
package brand

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Brand is the appearance of the operator to users. The zero value of each field but Name and
// Accents means that there is none.
type Brand struct {
	Name string
	// Light and Dark are the accents of the two themes. IsOwn is false for those that Sana has by
	// itself.
	Light, Dark                   Accent
	IsOwn                         bool
	Logo                          *Logo
	HelpURL, PrivacyURL, TermsURL string
	SupportEmail                  string
}

// Accent is a color (#rrggbb) with that of text on it.
type Accent struct{ Color, On string }

// Default is Sana's own look.
var Default = Brand{
	Name:  "Sana",
	Light: Accent{"#1d5a4c", "#ffffff"},
	Dark:  Accent{"#8fd1b8", "#0d1f19"},
}

// maxName is the length of a name in characters.
const maxName = 40

// CheckName returns an error that says what to do about a name that does not fit into a title or
// the subject of a mail, or that could be read as an address.
func CheckName(name string) error {
	switch {
	case name != strings.TrimSpace(name) || name == "":
		return errors.New("must have no space at its beginning or end")
	case utf8.RuneCountInString(name) > maxName:
		return fmt.Errorf("has %d characters; at most %d fit into a title",
			utf8.RuneCountInString(name), maxName)
	case strings.ContainsAny(name, ":/@"):
		return errors.New("must not contain : / or @, which would make it look like an address")
	case !utf8.ValidString(name) || strings.ContainsFunc(name, isHidden):
		return errors.New(
			"must not contain control characters or characters that change the direction of " +
				"writing")
	}
	return nil
}

// isHidden reports control, format and separator characters; bidi controls are of category Cf. The
// joiners of some scripts and of emoji change what is seen only together with their neighbours.
func isHidden(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	return r != nonJoiner && r != joiner &&
		unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// CheckLink returns an error unless address is an absolute https URL, or http where insecure is
// true.
func CheckLink(address string, insecure bool) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" &&
		(!insecure || u.Scheme != "http") {
		return errors.New("must be an address like https://example.org/help")
	}
	return nil
}

// maxLogo is the size of a logo in bytes.
const maxLogo = 64 << 10

// Logo is an image beside the name.
type Logo struct {
	Body []byte
	// Path names the picture by its content, so that browsers may keep it for ever.
	Path string
}

// ParseLogo reads a PNG or SVG file of at most 64 kB. The error says what to do.
func ParseLogo(r io.Reader) (*Logo, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxLogo+1))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	if len(body) > maxLogo {
		return nil, errors.New("is larger than 64 kB; make it smaller")
	}
	extension := ".png"
	if http.DetectContentType(body) != "image/png" {
		if !isSVG(body) {
			return nil, errors.New("is neither a PNG nor an SVG file")
		}
		extension = ".svg"
	}
	digest := sha256.Sum256(body)
	return &Logo{Body: body,
		Path: "/brand/" + base64.RawURLEncoding.EncodeToString(digest[:12]) + extension}, nil
}

// isSVG reports whether the first element of an XML document is svg.
func isSVG(body []byte) bool {
	decoder := xml.NewDecoder(strings.NewReader(string(body)))
	for {
		token, err := decoder.Token()
		if err != nil {
			return false
		}
		if start, ok := token.(xml.StartElement); ok {
			return start.Name.Local == "svg"
		}
	}
}
