package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"sana/backend/brand"
	"sana/backend/test/harness"
	"sana/backend/web"
)

// The page names the picture. A picture that is opened by itself runs nothing.
func TestBrand_LogoOfThePageIsServed(t *testing.T) {
	t.Parallel()
	const picture = `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`
	logo, err := brand.ParseLogo(strings.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	own := brand.Default
	own.Name, own.Logo = "Müller's Bäckerei", logo
	page := `<html lang="en"><head><title>Sana</title></head>` +
		`<header><a><svg class="Frame-mark"></svg>Sana</a></header>`
	b := serve(t, newServerWith(t, func(o *web.Options) {
		o.SPA = fstest.MapFS{"index.html": {Data: []byte(page)}}
		o.Brand = own
	})).Open(t)
	identity := harness.With("Accept-Encoding", "identity")
	body := string(b.Get("/", identity).Want(http.StatusOK).Body)
	found := regexp.MustCompile(`<img class="Frame-mark" src="([^"]+)"`).FindStringSubmatch(body)
	if found == nil || !strings.Contains(body, "<title>Müller&#39;s Bäckerei</title>") {
		t.Fatalf("got a page without the name or the logo:\n%s", body)
	}
	a := b.Get(found[1], identity).Want(http.StatusOK)
	harness.WantEqual(t, "body", string(a.Body), picture)
	for name, want := range map[string]string{
		"Content-Type":            "image/svg+xml",
		"Content-Security-Policy": "default-src 'none'; sandbox",
		"X-Content-Type-Options":  "nosniff",
		"Cache-Control":           "public, max-age=31536000, immutable",
	} {
		harness.WantEqual(t, name, a.Header.Get(name), want)
	}
}
