package web_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"sana/backend/fault"
	"sana/backend/test/harness"
	"sana/backend/web"
)

// P-14: a body is one JSON value, of the exact content type, with known keys, each once.
func TestBody_IsReadStrictly(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	b := w.Run(t).Open(t)
	good := `{"email":"` + ada + `"}`
	b.Get("/api/auth/session").Want(http.StatusUnauthorized) // sets the browser token
	for _, c := range []struct {
		promise string
		body    string
		headers []harness.Header
		status  int
		code    string
	}{
		{"no body", "", []harness.Header{harness.With("Content-Type", "application/json")}, 400,
			"invalid_request"},
		{"not JSON", "email=" + ada, nil, 400, "invalid_request"},
		{"an array", "[" + good + "]", nil, 400, "invalid_request"},
		{"a string", `"` + ada + `"`, nil, 400, "invalid_request"},
		{"two values", good + good, nil, 400, "invalid_request"},
		{"something behind the value", good + "x", nil, 400, "invalid_request"},
		{"an unknown key", `{"email":"` + ada + `","admin":true}`, nil, 400, "invalid_request"},
		{"a key twice", `{"email":"` + ada + `","email":"` + grace + `"}`, nil, 400,
			"invalid_request"},
		{"a key in another case", `{"Email":"` + ada + `"}`, nil, 400, "invalid_request"},
		{"a value of another type", `{"email":["` + ada + `"]}`, nil, 400, "invalid_request"},
		{"bytes that are not UTF-8", "{\"email\":\"\xff\xfe@sana.example\"}", nil, 400,
			"invalid_request"},
		{"deep nesting", `{"email":` + strings.Repeat("[", 4000) + `}`, nil, 400,
			"invalid_request"},
		{"a missing key is an empty address", `{}`, nil, 400, "invalid_email"},
		{"null is no object", `null`, nil, 400, "invalid_email"},
		{"a form", good,
			[]harness.Header{harness.With("Content-Type", "application/x-www-form-urlencoded")},
			415,
			"unsupported_media_type"},
		{"text", good, []harness.Header{harness.With("Content-Type", "text/plain")}, 415,
			"unsupported_media_type"},
		{"no content type", good, []harness.Header{harness.With("Content-Type", "")}, 415,
			"unsupported_media_type"},
		{"nearly the content type", good,
			[]harness.Header{harness.With("Content-Type", "application/json-seq")}, 415,
			"unsupported_media_type"},
		{"another charset", good,
			[]harness.Header{harness.With("Content-Type", "application/json; charset=utf-16")}, 415,
			"unsupported_media_type"},
		{"compressed", good, []harness.Header{harness.With("Content-Encoding", "gzip")}, 415,
			"unsupported_media_type"},
		{"too large", `{"email":"` + strings.Repeat("a", 9000) + `"}`, nil, 413,
			"request_too_large"},
	} {
		t.Run(c.promise, func(t *testing.T) {
			b.Post("/api/auth/code", c.body, c.headers...).Want(c.status, c.code)
		})
	}
	for _, body := range []string{`null`, `[]`, `{"a":1}`} {
		b.Post("/api/auth/sign-out", body).Want(400, "invalid_request")
		b.Post("/api/auth/code/resend", body).Want(400, "invalid_request")
	}
	for _, id := range []string{`""`, `"x"`, `1`, `["x"]`,
		`"0b4b2f0e-7d1c-4a3e-9c55-1f2e3d4c5b6a\u0000"`} {
		b.Post("/api/auth/code/resend", `{"id":`+id+`}`).Want(400, "invalid_request")
	}
	for _, kind := range []string{"application/json; charset=UTF-8",
		`Application/JSON;	charset="utf-8"`} {
		b.Post("/api/auth/code", good, harness.With("Content-Type", kind)).Want(http.StatusAccepted)
	}
	harness.WantEqual(t, "challenges", w.Count(t, `SELECT count(*) FROM challenges`), 1)
}

// ASVS 5.0, 3.5.1 to 3.5.3: a write comes from our own page, or from a program that sends our
// origin.
func TestOrigin_ForeignWritesAreRefused(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	b := w.Run(t).Open(t)
	allowed := map[[2]string]bool{}
	for _, site := range []string{"same-origin", "same-site", "cross-site", "none", "Same-Origin",
		""} {
		for _, origin := range []string{harness.PublicURL, "https://evil.example",
			"https://sana.example.evil.example", "http://sana.example", "null", ""} {
			allowed[[2]string{site, origin}] = site == "same-origin" || site == "" &&
				origin == harness.PublicURL
		}
	}
	for pair, ok := range allowed {
		headers := []harness.Header{harness.With("Sec-Fetch-Site", pair[0]),
			harness.With("Origin", pair[1])}
		for _, a := range []*harness.Answer{
			b.Post("/api/auth/sign-out", "{}", headers...),
			b.Do(http.MethodDelete, "/api/auth/code", "", headers...),
		} {
			if ok {
				a.Want(http.StatusNoContent)
			} else {
				a.Want(http.StatusForbidden, "cross_origin_request")
			}
		}
		b.Get("/api/auth/session", headers...).Want(http.StatusUnauthorized, "not_signed_in")
	}
}

// Only declared routes are answered: other methods are 405 with Allow, other paths 404.
func TestRoutes_OnlyDeclaredOnesAreAnswered(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	b := w.Run(t).Open(t)
	for path, allow := range map[string]string{
		"/api/auth/code":        "GET, HEAD, POST, DELETE",
		"/api/auth/code/resend": "POST",
		"/api/auth/verify":      "POST",
		"/api/auth/session":     "GET, HEAD",
		"/livez":                "GET, HEAD",
		"/":                     "GET, HEAD",
		"/account":              "GET, HEAD",
		"/start.js":             "GET, HEAD",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS",
			"TRACE"} {
			if strings.Contains(allow, method) {
				continue
			}
			a := b.Do(method, path, "")
			a.Want(http.StatusMethodNotAllowed, "method_not_allowed")
			harness.WantEqual(t, "Allow of "+method+" "+path,
				setOf(strings.Split(a.Header.Get("Allow"), ", ")),
				setOf(strings.Split(allow, ", ")))
			harness.WantEqual(t, "CORS", a.Header.Get("Access-Control-Allow-Origin"), "")
		}
	}
	for _, path := range []string{
		"/api", "/api/", "/api/unknown", "/API/auth/session", "/api/auth/session/",
		"//api/auth/session",
		"/api/auth/session.css",
		"/api/auth/session;x.js", "/api/%61uth/session", "/api/auth/..%2fsession", "/auth",
		"/auth/session-debug", "/dev", "/dev/inbox", "/dev/inbox.json",
	} {
		b.Get(path, harness.With("Accept", "text/html")).Want(http.StatusNotFound, "not_found")
	}
	b.Get("/metrics").Want(http.StatusNotFound, "not_found")
	b.Do("FOO", "/", "").Want(http.StatusMethodNotAllowed, "method_not_allowed")
	b.Post("/unknown", "{}").Want(http.StatusNotFound, "not_found")
	if a := b.Do(http.MethodHead, "/api/auth/session", ""); a.Status != http.StatusUnauthorized ||
		len(a.Body) != 0 {
		t.Errorf("HEAD answers %d with %d bytes", a.Status, len(a.Body))
	}
}

// A request id of a client is kept if it is harmless, and replaced otherwise (P-22).
func TestRequestID_FromOutsideIsKeptIfHarmless(t *testing.T) {
	t.Parallel()
	b := harness.NewWorld(t).Run(t).Open(t)
	for given, kept := range map[string]bool{
		"abc-123": true, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false,
		"a b": false,
		"a{b": false, "": false,
	} {
		a := b.Get("/api/auth/session", harness.With("X-Request-Id", given))
		got := a.Header.Get("X-Request-Id")
		if (got == given) != kept || len(got) < 7 {
			t.Errorf("for %q got %q", given, got)
		}
		harness.WantEqual(t, "id in the problem", a.Problem().RequestID, got)
	}
}

// Every fault has a status, and the contract knows every fault.
func TestContract_HasEveryFault(t *testing.T) {
	t.Parallel()
	contract, err := harness.Contract()
	if err != nil {
		t.Fatal(err)
	}
	var named []fault.Code
	problem := contract.Components.Schemas["Problem"].Value
	for _, code := range problem.Properties["code"].Value.Enum {
		named = append(named, fault.Code(code.(string)))
	}
	slices.Sort(named)
	harness.WantEqual(t, "codes in the contract", named, web.FaultCodes())
}

// The contract has exactly the routes of production.
func TestContract_HasEveryRoute(t *testing.T) {
	t.Parallel()
	contract, err := harness.Contract()
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	for path, item := range contract.Paths.Map() {
		for method := range item.Operations() {
			declared[method+" "+strings.NewReplacer("{", ":", "}", "").Replace(path)] = true
		}
	}
	routed := setOf(routesOf(t, false))
	for operation := range declared {
		if !routed[operation] {
			t.Errorf("openapi.yaml has %s, routes.go has not: add it to routes there", operation)
		}
	}
	for route := range routed {
		if !declared[route] {
			t.Errorf("routes.go has %s, openapi.yaml has not: add it to paths there", route)
		}
	}
}
