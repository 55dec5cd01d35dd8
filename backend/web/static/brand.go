package static

import (
	"bytes"
	"fmt"
	"html"
	"regexp"

	"sana/backend/brand"
)

// The parts of the built page that show Sana's own brand.
var (
	ownMark    = regexp.MustCompile(`(?s)<svg class="Frame-mark".*?</svg>`)
	ownPicture = regexp.MustCompile(
		`\s*<meta (?:property="og:image[^"]*"|name="twitter:card")[^>]*>`)
)

// withBrand replaces Sana's brand in a page by b. The page's script reads it there.
func withBrand(page []byte, b brand.Brand) []byte {
	if b.Logo != nil {
		page = ownMark.ReplaceAllLiteral(page,
			[]byte(`<img class="Frame-mark" src="`+b.Logo.Path+`" alt="">`))
	}
	if b.Name != brand.Default.Name {
		page = ownPicture.ReplaceAllLiteral(page, nil)
		page = bytes.ReplaceAll(page, []byte(brand.Default.Name), []byte(html.EscapeString(b.Name)))
	}
	var links string
	for _, link := range []struct{ kind, address string }{
		{"help", b.HelpURL}, {"privacy-policy", b.PrivacyURL}, {"terms-of-service", b.TermsURL},
		{"author", mailto(b)},
	} {
		if link.address != "" {
			links += `<link rel="` + link.kind + `" href="` + html.EscapeString(link.address) +
				`" />`
		}
	}
	page = bytes.Replace(page, []byte("</head>"), []byte(links+"</head>"), 1)
	if !b.IsOwn {
		return page
	}
	style := fmt.Sprintf(":root{--pine:light-dark(%s,%s);--on-pine:light-dark(%s,%s);"+
		"--pine-deep:color-mix(in oklab,var(--pine),var(--ink) 25%%);"+
		"--pine-soft:color-mix(in oklab,var(--pine) 12%%,var(--surface))}",
		b.Light.Color, b.Dark.Color, b.Light.On, b.Dark.On)
	return bytes.Replace(page, []byte("</style>"), []byte(style+"</style>"), 1)
}

func mailto(b brand.Brand) string {
	if b.SupportEmail == "" {
		return ""
	}
	return "mailto:" + b.SupportEmail
}
