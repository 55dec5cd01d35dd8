package web_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"sana/backend/test/harness"

	"github.com/andybalholm/brotli"
)

// A file that Vite has compressed is sent to clients that accept the coding, with the name and the
// type of the file itself. The same holds for the page, which the server compresses.
func TestFiles_AreCompressedByAcceptEncoding(t *testing.T) {
	t.Parallel()
	spa := fstest.MapFS{
		"index.html":              {Data: []byte(`<html lang="en">`)},
		"assets/index-B3xQ.js":    {Data: []byte("plain")},
		"assets/index-B3xQ.js.br": {Data: []byte("small")},
		"assets/index-B3xQ.js.gz": {Data: []byte("older")},
		"favicon.svg":             {Data: []byte("plain")},
	}
	b := serve(t, newServer(t, spa, false)).Open(t)
	const script, page = "/assets/index-B3xQ.js", `<html data-session="none" lang="en">`
	for _, c := range []struct{ path, accept, body, coding, vary string }{
		{script, "gzip, deflate, br, zstd", "small", "br", "Accept-Encoding"},
		{script, "gzip;q=0.5, BR ; q=0.5", "small", "br", "Accept-Encoding"},
		{script, "gzip, br;q=0", "older", "gzip", "Accept-Encoding"},
		{script, "gzip, brotli", "older", "gzip", "Accept-Encoding"},
		{script, "br; q=0.000, gzip;q=0", "plain", "", "Accept-Encoding"},
		{script, "identity", "plain", "", "Accept-Encoding"},
		{script, "*", "plain", "", "Accept-Encoding"},
		{"/favicon.svg", "br, gzip", "plain", "", ""},
		{"/", "br", page, "br", "Accept-Encoding"},
		{"/", "gzip", page, "gzip", "Accept-Encoding"},
		{"/", "identity", page, "", "Accept-Encoding"},
	} {
		a := b.Get(c.path, harness.With("Accept-Encoding", c.accept)).Want(http.StatusOK)
		what := c.path + " for " + c.accept
		body := string(a.Body)
		if c.path == "/" {
			body = inflated(t, c.coding, a.Body)
		}
		harness.WantEqual(t, what+": body", body, c.body)
		harness.WantEqual(t, what+": Content-Encoding", a.Header.Get("Content-Encoding"), c.coding)
		harness.WantEqual(t, what+": Vary", a.Header.Get("Vary"), c.vary)
		head := b.Do(http.MethodHead, c.path, "",
			harness.With("Accept-Encoding", c.accept)).Want(http.StatusOK)
		harness.WantEqual(t, what+": Content-Length for HEAD", head.Header.Get("Content-Length"),
			strconv.Itoa(len(a.Body)))
	}
	kind := b.Get(script, harness.With("Accept-Encoding", "br")).Header.Get("Content-Type")
	harness.WantEqual(t, "Content-Type", kind, "text/javascript; charset=utf-8")
	b.Get(script+".br", harness.With("Accept-Encoding", "br")).Want(http.StatusNotFound,
		"not_found")
}

// inflated decodes a coding.
func inflated(t *testing.T, coding string, body []byte) string {
	t.Helper()
	reader := io.Reader(bytes.NewReader(body))
	switch coding {
	case "br":
		reader = brotli.NewReader(reader)
	case "gzip":
		unzipped, err := gzip.NewReader(reader)
		if err != nil {
			t.Fatal(err)
		}
		reader = unzipped
	}
	plain, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// A file that the browser has in this coding is 304. The page for unknown paths is never 304.
func TestETag_UnchangedFilesAre304(t *testing.T) {
	t.Parallel()
	spa := fstest.MapFS{"index.html": {Data: []byte("<html >")},
		"favicon.svg": {Data: []byte("<svg/>")}}
	b := serve(t, newServer(t, spa, false)).Open(t)
	b.Get("/").Want(http.StatusOK) // sets the browser token: a page that sets a cookie has no tag
	seen := map[string]bool{}
	for _, c := range []struct{ path, accept string }{{"/", "br"}, {"/", "gzip"}, {"/", "identity"},
		{"/favicon.svg", "br"}} {
		coding := harness.With("Accept-Encoding", c.accept)
		tag := b.Get(c.path, coding).Want(http.StatusOK).Header.Get("ETag")
		if seen[tag] || tag == "" {
			t.Errorf("%s for %s has the tag %q, want one of its own", c.path, c.accept, tag)
		}
		seen[tag] = true
		for known, status := range map[string]int{
			tag: 304, "W/" + tag: 304, `"other", ` + tag: 304, "*": 304, `"other"`: 200,
			strings.Trim(tag, `"`): 200,
		} {
			a := b.Get(c.path, coding, harness.With("If-None-Match", known)).Want(status)
			harness.WantEqual(t, c.path+" with "+known+": ETag", a.Header.Get("ETag"), tag)
			harness.WantEqual(t, c.path+" with "+known+": has a body", len(a.Body) > 0,
				status == 200)
		}
	}
	html := harness.With("Accept", "text/html")
	tag := b.Get("/none", html).Want(http.StatusNotFound).Header.Get("ETag")
	b.Get("/none", html, harness.With("If-None-Match", tag)).Want(http.StatusNotFound)
}

// The policy allows the page's own style by its hash, and no other one.
func TestPolicy_AllowsThePagesOwnStyle(t *testing.T) {
	t.Parallel()
	for page, want := range map[string]string{
		"<html ><style>a{color:red}</style><style>b{}</style>": "style-src 'self' 'sha256-6hWWMOcF+mJesSJGYhmK2lkIIEw9Xc5XKGLPVzh8yxs=';",
		"<html >": "style-src 'self';",
	} {
		b := serve(t, newServer(t, fstest.MapFS{"index.html": {Data: []byte(page)}}, false)).Open(t)
		if policy := b.Get("/").Want(http.StatusOK).Header.Get(
			"Content-Security-Policy"); !strings.Contains(policy, want) {
			t.Errorf("for %s got %s, want %s", page, policy, want)
		}
	}
}
