package static

import (
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"sana/backend/brand"
)

const builtPage = `<html lang="en"><head><title>Sana</title><style>a{}</style>
<meta property="og:site_name" content="Sana" />` +
	`<meta property="og:image" content="/social-card.png" />
</head><body><header><a><svg class="Frame-mark"><circle></circle></svg>Sana</a></header>` +
	`</body></html>`

func TestRead_AppliesTheOperatorsBrand(t *testing.T) {
	t.Parallel()
	logo, err := brand.ParseLogo(strings.NewReader(`<svg xmlns="http://www.w3.org/2000/svg"/>`))
	if err != nil {
		t.Fatal(err)
	}
	light, err := brand.LightAccent("#717171")
	if err != nil {
		t.Fatal(err)
	}
	files, err := Read(fstest.MapFS{"index.html": {Data: []byte(builtPage)}},
		&url.URL{Scheme: "https", Host: "sana.example"}, brand.Brand{
			Name: `Müller's "Bäckerei" <&>`, Light: light, Dark: brand.DarkAccentFor(light),
			IsOwn:   true,
			Logo:    logo,
			HelpURL: "https://example.org/help?a=1&b=2", SupportEmail: "help@example.org",
		})
	if err != nil {
		t.Fatal(err)
	}
	page := string(files[IndexPath].Plain.Body)
	const name = `Müller&#39;s &#34;Bäckerei&#34; &lt;&amp;&gt;`
	for _, want := range []string{
		"<title>" + name + "</title>", `content="` + name + `"`, name + "</a>",
		`<img class="Frame-mark" src="` + logo.Path + `" alt="">`,
		"--pine:light-dark(#717171,", "--on-pine:light-dark(#ffffff,",
		`<link rel="help" href="https://example.org/help?a=1&amp;b=2" />`,
		`<link rel="author" href="mailto:help@example.org" />`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("got a page without %s:\n%s", want, page)
		}
	}
	for _, own := range []string{"Sana", "social-card", "<svg"} {
		if strings.Contains(page, own) {
			t.Errorf("got a page with %s:\n%s", own, page)
		}
	}
	if picture := files[logo.Path]; picture.Policy != "default-src 'none'; sandbox" ||
		picture.ContentType != "image/svg+xml" {
		t.Errorf("got the logo with %q and %q", picture.Policy, picture.ContentType)
	}
	if policy := files[IndexPath].Policy; policy != policyOf([]byte(page)) ||
		!strings.Contains(policy, "sha256-") {
		t.Errorf("got the policy %q, which does not allow the page's own style", policy)
	}
}

func TestRead_DefaultBrandChangesNothing(t *testing.T) {
	t.Parallel()
	files, err := Read(fstest.MapFS{"index.html": {Data: []byte(builtPage)}},
		&url.URL{Scheme: "https", Host: "sana.example"}, brand.Default)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(builtPage, `content="/`, `content="https://sana.example/`)
	if page := string(files[IndexPath].Plain.Body); page != want {
		t.Errorf("got another page:\n%s", page)
	}
}
