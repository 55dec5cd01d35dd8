package gate_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"sana/backend/test/harness"
)

// get requests a page of Sana at a host, with cookies.
func (i *instance) get(t *testing.T, host, path, cookies string) gateResponse {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, i.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	request.Header.Set("Accept", "text/html")
	if cookies != "" {
		request.Header.Set("Cookie", cookies)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return readResponse(t, response)
}

// Sana serves only paths below /_sana/ at the host of an app, and none of them at its own host.
func TestHosts_AppsServeTheirPathsOnly(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	for _, path := range []string{"/", "/api/auth/session", "/enter", "/livez", "/_sana",
		"/_SANA/start", "/verify"} {
		a := i.get(t, wiki, path, "")
		if a.status != http.StatusMisdirectedRequest || a.header.Get("Location") != "" ||
			a.header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s at an app's host: %d to %q, HSTS %q, want 421", path, a.status,
				a.header.Get("Location"),
				a.header.Get("Strict-Transport-Security"))
		}
	}
	for path, want := range map[string]int{
		"/_sana/start": 303, "/_sana/me": 401, "/_sana/finish": 400, "/_sana/away": 503,
		"/_sana/sign-out": 200, "/_sana/none": 404,
	} {
		a := i.get(t, wiki, path, "")
		if a.status != want || a.header.Get("Strict-Transport-Security") != "" ||
			a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s at an app's host: %d, HSTS %q, want %d", path, a.status,
				a.header.Get("Strict-Transport-Security"), want)
		}
		if a := i.get(t, "sana.example", path, ""); a.status != http.StatusNotFound {
			t.Errorf("%s at Sana's own host: %d, want 404", path, a.status)
		}
		if a := i.get(t, "evil.example", path, ""); a.status != http.StatusMisdirectedRequest &&
			a.status != http.StatusPermanentRedirect {
			t.Errorf("%s at another host: %d, want 421", path, a.status)
		}
	}
}

// Large cookies of an app must not lock users out, and too large ones must not clear the app's
// storage.
func TestHosts_LargeCookiesOfAppsAreTheirOwn(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	for size, want := range map[int]int{40 << 10: http.StatusSeeOther,
		70 << 10: http.StatusRequestHeaderFieldsTooLarge} {
		a := i.get(t, wiki, "/_sana/start", "theirs="+strings.Repeat("a", size))
		if a.status != want || a.header.Get("Clear-Site-Data") != "" ||
			a.header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%d bytes: %d with Clear-Site-Data %q and HSTS %q, want %d", size, a.status,
				a.header.Get("Clear-Site-Data"), a.header.Get("Strict-Transport-Security"), want)
		}
	}
}

func TestMe_ReturnsTheCurrentUser(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	s := newAppBrowser(t, i)
	const me = "https://wiki.example.org/_sana/me"
	if p := s.send(http.MethodGet, me, "cors"); p.status != http.StatusUnauthorized ||
		!strings.Contains(p.body, "sign_in_required") {
		t.Errorf("new: %d %s", p.status, p.body)
	}
	s.signIn(ada)
	s.open("https://wiki.example.org/")
	p := s.send(http.MethodGet, me, "cors")
	if p.status != http.StatusOK || !strings.Contains(p.body, `"email":"`+ada+`"`) ||
		!strings.Contains(p.body, `"groups":["ops","staff"]`) {
		t.Errorf("in: %d %s", p.status, p.body)
	}
}

func TestApps_AreListedForAllowedUsers(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	b := i.Open(t)
	b.Get("/api/apps").Want(http.StatusUnauthorized, "not_signed_in")
	b.SignIn(i.w, ada)
	var list struct {
		Apps []struct{ ID, Name, Host string }
	}
	b.Get("/api/apps").Want(http.StatusOK).JSON(&list)
	var names []string
	for _, app := range list.Apps {
		names = append(names, app.ID+" "+app.Name+" "+app.Host)
	}
	if want := []string{"wiki Wiki " + wiki, "bank Bank " + bank}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	var one struct{ ID, Name string }
	otherBrowser := i.Open(t)
	otherBrowser.Get("/api/apps/" + wiki).Want(http.StatusOK).JSON(&one)
	if one.Name != "Wiki" {
		t.Errorf("got %+v", one)
	}
	otherBrowser.Get("/api/apps/evil.example").Want(http.StatusNotFound, "not_found")
}

// The list of devices has the apps that a session has opened.
func TestSessions_ListTheirOpenedApps(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	s := newAppBrowser(t, i)
	b := s.signIn(ada)
	s.open("https://wiki.example.org/")
	s.open("https://bank.example.com/")
	s.open("https://wiki.example.org/")
	if body := string(b.Get("/api/sessions").Want(http.StatusOK).Body); !strings.Contains(body,
		`"apps":["Bank","Wiki"]`) {
		t.Errorf("got %s", body)
	}
}
