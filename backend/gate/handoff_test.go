package gate_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sana/backend/test/harness"
)

const bob = "bob@sana.example"

// One sign-in opens two apps on unrelated domains, and the handoff shows no page.
func TestHandoff_OneSignInOpensAppsOnUnrelatedDomains(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	s := newAppBrowser(t, i)
	s.signIn(ada)
	for _, address := range []string{
		"https://wiki.example.org/deep/link?a=b%20c&d=/..//&e", "https://bank.example.com/",
		"https://wiki.example.org/",
	} {
		s.wantPage(s.open(address), address, "page for "+ada)
	}
	if s.cookieAt(wiki, "__Host-sana_app") == s.cookieAt(bank, "__Host-sana_app") {
		t.Error("two hosts have the same cookie")
	}
	if s.cookieAt(wiki, "__Host-sana_session") != "" ||
		s.cookieAt("sana.example", "__Host-sana_app") != "" {
		t.Error("a cookie is at the wrong host")
	}
	harness.WantEqual(t, "handoffs left", i.w.Count(t, `SELECT count(*) FROM handoffs`), 0)
	harness.WantEqual(t, "events", i.w.Count(t, `
		SELECT count(*)
		FROM account_events
		WHERE kind = 'app_opened'
		  AND platform = 'Firefox on Linux'
		  AND details ->> 'app' IN ('Wiki', 'Bank')`), 2)
}

// A browser without a session gets the sign-in page, whose address has the destination.
func TestHandoff_SignInPageHasTheDestination(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	s := newAppBrowser(t, i)
	p := s.open("https://wiki.example.org/deep?a=b")
	if p.url.Host != "sana.example" || p.url.Path != "/" || p.url.Query().Has("fresh") {
		t.Fatalf("at %s, want the sign-in page", p.url)
	}
	s.signIn(ada)
	s.wantPage(s.open("https://sana.example"+p.url.Query().Get("next")),
		"https://wiki.example.org/deep?a=b", "page for "+ada)
}

// The challenge stores the app from which the browser came, for the page of the link in the mail.
func TestHandoff_ChallengeStoresTheArrival(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	s := newAppBrowser(t, i)
	back, err := url.Parse(s.open("https://wiki.example.org/deep?a=b").url.Query().Get("next"))
	if err != nil {
		t.Fatal(err)
	}
	q := back.Query()
	b := i.Open(t)
	request := func(host, path, hash string) *harness.Answer {
		body := fmt.Sprintf(`{"email":%q,"arrival":{"host":%q,"path":%q,"nonce_hash":%q}}`, ada,
			host, path, hash)
		b.Post("/api/auth/code", body) // may get the browser token only
		return b.Post("/api/auth/code", body)
	}
	for _, spoilt := range [][2]string{{"evil example", q.Get("nonce_hash")},
		{"evil.example", q.Get("nonce_hash")}, {wiki, "short"}} {
		var pending map[string]any
		request(spoilt[0], "/", spoilt[1]).Want(http.StatusAccepted)
		b.Get("/api/auth/code").Want(http.StatusOK).JSON(&pending)
		if pending["app"] != nil {
			t.Errorf("%v is accepted as an app: %v", spoilt, pending["app"])
		}
		b.Delete("/api/auth/code").Want(http.StatusNoContent)
		i.w.Pass(t, 24*time.Hour) // limits on mails
	}
	i.w.AwaitMails(t)
	i.w.Mailgun.Forget()
	request(q.Get("host"), q.Get("path"), q.Get("nonce_hash")).Want(http.StatusAccepted)

	mail := i.w.Mails(t, "sign_in_code", ada, 1)[0]
	if !strings.Contains(mail.Text, "Use it to continue to Wiki.") ||
		strings.Contains(mail.Text, wiki) || strings.Contains(mail.Subject, "Wiki") {
		t.Errorf("the mail does not name the app, or its host, or names it in its subject: %s\n%s",
			mail.Subject, mail.Text)
	}
	type arrival struct {
		App struct{ ID, Name, Enter string }
	}
	var pending, in arrival
	b.Get("/api/auth/code").Want(http.StatusOK).JSON(&pending)
	b.VerifyFor(ada, i.w.Code(t, ada, 1)).Want(http.StatusOK).JSON(&in)
	if pending != in || in.App.ID != "wiki" || in.App.Name != "Wiki" {
		t.Errorf("pending %+v, signed in %+v, want Wiki", pending, in)
	}
	s.take(b)
	s.wantPage(s.open("https://sana.example"+in.App.Enter), "https://wiki.example.org/deep?a=b",
		"page for "+ada)
}

// The rule of the app decides. A page shows refused users their account, with a sign-out button.
func TestHandoff_UsersWithoutAccessGetAPageAndCanChangeAccounts(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	s := newAppBrowser(t, i)
	s.signIn(ada)
	p := s.open("https://vault.example.org/x")
	s.wantPage(p, "https://vault.example.org/x", "You can’t use Vault")
	if p.status != http.StatusForbidden || !strings.Contains(p.body, ada) ||
		!strings.Contains(p.body, `href="/_sana/sign-out"`) {
		t.Errorf("%d without the account and a sign-out: %s", p.status, p.body)
	}
	s.wantPage(s.open("https://vault.example.org/_sana/refused"),
		"https://vault.example.org/_sana/refused", "You can’t use Vault")

	s.wantPage(s.open("https://vault.example.org/_sana/sign-out"),
		"https://vault.example.org/_sana/sign-out", `<form method="post"`)
	s.wantPage(s.send(http.MethodPost, "https://vault.example.org/_sana/sign-out", "navigate"),
		"https://vault.example.org/_sana/sign-out", "You’re signed out")
	if p := s.open("https://vault.example.org/x"); p.url.Host != "sana.example" ||
		p.url.Path != "/" {
		t.Errorf("after the sign-out at %s, want the sign-in page", p.url)
	}
	s.signIn("grace@sana.example")
	s.wantPage(s.open("https://vault.example.org/x"), "https://vault.example.org/x",
		"page for grace@sana.example")
}

// A sign-out at one app revokes the session at every app and at Sana. Only the app's own page can
// request it.
func TestSignOut_AtOneAppRevokesEverywhere(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	s := newAppBrowser(t, i)
	b := s.signIn(ada)
	s.open("https://wiki.example.org/")
	s.open("https://bank.example.com/")
	const signOut = "https://wiki.example.org/_sana/sign-out"
	for name, change := range map[string]func(*http.Request){
		"image":         func(r *http.Request) { r.Method = http.MethodGet },
		"other site":    set("Sec-Fetch-Site", "cross-site"),
		"neighbour":     set("Sec-Fetch-Site", "same-site"),
		"Sana's origin": combine(without("Sec-Fetch-Site"), set("Origin", "https://sana.example")),
		"no origin":     without("Sec-Fetch-Site"),
	} {
		s.send(http.MethodPost, signOut, "no-cors", change)
		if p := s.open("https://bank.example.com/"); p.body != "page for "+ada {
			t.Fatalf("%s: signed out", name)
		}
	}
	if p := s.send(http.MethodPost, signOut, "navigate",
		combine(without("Sec-Fetch-Site"),
			set("Origin", "https://wiki.example.org"))); p.status != 200 {
		t.Errorf("from its own page: %d %s", p.status, p.body)
	}
	if s.cookieAt(wiki, "__Host-sana_app") != "" {
		t.Error("the app cookie was not deleted")
	}
	if p := s.open("https://bank.example.com/"); p.url.Host != "sana.example" {
		t.Errorf("the other app is open: %s", p.body)
	}
	reason := b.Get("/api/auth/session").Want(http.StatusUnauthorized).Problem().SignedOut.Reason
	harness.WantEqual(t, "reason", reason, "signed_out")
}

// A sign-in that is too old for the app leads to a fresh code and, with the same session, to the
// app.
func TestHandoff_FreshSignInIsRequired(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	s := newAppBrowser(t, i)
	b := s.signIn(ada)
	session := b.Get("/api/auth/session").SignedIn().Session.ID
	s.wantPage(s.open("https://bank.example.com/a"), "https://bank.example.com/a", "page for "+ada)
	signedInAgo(13*time.Hour)(t, i, session, b)
	var p page
	harness.Eventually(t, "the bank still opens", func() error {
		if p = s.open("https://bank.example.com/a"); p.url.Host != "sana.example" {
			return fmt.Errorf("at %s", p.url)
		}
		return nil
	})
	if p.url.Query().Get("fresh") != "1" ||
		!strings.Contains(p.url.Query().Get("next"), "host="+bank) {
		t.Fatalf("at %s, want the page for a code", p.url)
	}
	i.w.Pass(t, time.Hour) // limits on mails
	b.Verify(b.GetCode(i.w, ada)).Want(http.StatusOK)
	s.take(b)
	s.wantPage(s.open("https://sana.example"+p.url.Query().Get("next")),
		"https://bank.example.com/a",
		"page for "+ada)
}

// ticketFor runs the handoff of a browser up to finish and returns that address, unused.
func ticketFor(t *testing.T, s *appBrowser, address string) string {
	t.Helper()
	finish := ""
	s.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/_sana/finish" {
			finish = r.URL.String()
			return http.ErrUseLastResponse
		}
		return nil
	}
	defer func() { s.client.CheckRedirect = nil }()
	s.open(address)
	if finish == "" {
		t.Fatalf("no ticket; steps: %v", s.steps)
	}
	return finish
}

// A ticket is valid once, for a minute, at its host, in the browser that requested it.
func TestTicket_IsValidOnceForAMinuteAtItsHost(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	const address = "https://wiki.example.org/secret"
	for name, use := range map[string]func(s, other *appBrowser, finish string) (page, *appBrowser){
		"another browser": func(_, other *appBrowser, finish string) (page, *appBrowser) {
			other.open(address) // so that it has a nonce
			return other.open(finish), other
		},
		"a browser without a nonce": func(_, other *appBrowser, finish string) (page, *appBrowser) {
			return other.open(finish), other
		},
		"another host": func(s, _ *appBrowser, finish string) (page, *appBrowser) {
			// With the same nonce, only the host differs.
			same := &http.Cookie{Name: "__Host-sana_enter",
				Value: s.cookieAt(wiki, "__Host-sana_enter"),
				Path:  "/", Secure: true}
			s.jar.SetCookies(&url.URL{Scheme: "https", Host: bank, Path: "/"}, []*http.Cookie{same})
			return s.open(strings.Replace(finish, wiki, bank, 1)), nil
		},
		"another host of the same app": func(s, _ *appBrowser, finish string) (page, *appBrowser) {
			const other = "a.preview.example.net"
			same := &http.Cookie{Name: "__Host-sana_enter",
				Value: s.cookieAt(wiki, "__Host-sana_enter"),
				Path:  "/", Secure: true}
			s.jar.SetCookies(&url.URL{Scheme: "https", Host: other, Path: "/"},
				[]*http.Cookie{same})
			s.client.CheckRedirect = func(*http.Request,
				[]*http.Request) error {
				return http.ErrUseLastResponse
			}
			p := s.open(strings.Replace(finish, wiki, other, 1))
			s.client.CheckRedirect = nil
			if s.cookieAt(other, "__Host-sana_app") == "" {
				s.steps = append(s.steps, other+" /_sana/start")
			}
			return p, nil
		},
		"after more than a minute": func(s, _ *appBrowser, finish string) (page, *appBrowser) {
			i.w.Exec(t, `UPDATE handoffs SET made_at = made_at - interval '61 seconds'`)
			return s.open(finish), nil
		},
		"from before the clock change": func(s, _ *appBrowser, finish string) (page, *appBrowser) {
			i.w.Exec(t, `UPDATE handoffs SET made_at = made_at + interval '1 hour'`)
			return s.open(finish), nil
		},
		"twice": func(s, other *appBrowser, finish string) (page, *appBrowser) {
			s.wantPage(s.open(finish), address, "page for "+ada)
			return other.open(finish), other
		},
		"made up": func(_, other *appBrowser, finish string) (page, *appBrowser) {
			other.open(address)
			return other.open(finish + "x"), other
		},
	} {
		t.Run(name, func(t *testing.T) {
			i.w.Pass(t, 24*time.Hour)
			s, other := newAppBrowser(t, i), newAppBrowser(t, i)
			s.signIn(ada)
			finish := ticketFor(t, s, address)
			used := len(s.steps)
			got, victim := use(s, other, finish)
			if victim == nil &&
				!slices.ContainsFunc(s.steps[used:],
					func(step string) bool { return strings.HasSuffix(step, "/_sana/start") }) {
				t.Errorf("it was accepted: at %s, %v", got.url, s.steps[used:])
			}
			if victim != nil && victim.cookieAt(wiki, "__Host-sana_app") != "" {
				t.Error("it got an app cookie")
			}
			if n := i.w.Count(t, `SELECT count(*) FROM handoffs`); n != 0 && name != "made up" {
				t.Errorf("%d tickets are left: it was presented", n)
			}
			i.w.Exec(t, `TRUNCATE handoffs`)
		})
	}
}

// No input of a browser makes the handoff lead to another host.
func TestHandoff_LeadsToItsHostOnly(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	s := newAppBrowser(t, i)
	s.signIn(ada)
	for _, path := range []string{"//evil.example", `/\evil.example`, "https://evil.example/",
		"/\t/evil.example", "javascript:alert(1)"} {
		s.jar.SetCookies(&url.URL{Scheme: "https", Host: wiki, Path: "/"}, []*http.Cookie{
			{Name: "__Host-sana_app", MaxAge: -1, Path: "/", Secure: true},
			{Name: "__Host-sana_enter", MaxAge: -1, Path: "/", Secure: true},
		})
		s.wantPage(
			s.open("https://wiki.example.org/_sana/start?rd=https://evil.example&path="+
				url.QueryEscape(path)),
			"https://wiki.example.org/", "page for "+ada)
	}
	hash := strings.Repeat("A", 43)
	for _, q := range []url.Values{
		{"host": {"evil.example"}, "path": {"/"}, "nonce_hash": {hash}},
		{"host": {"sana.example"}, "path": {"/"}, "nonce_hash": {hash}},
		{"host": {wiki + ":8443"}, "path": {"/"}, "nonce_hash": {hash}},
		{"host": {wiki + "@evil.example"}, "path": {"/"}, "nonce_hash": {hash}},
		{"host": {wiki, "evil.example"}, "path": {"/"}, "nonce_hash": {hash}},
		{"host": {wiki}, "path": {"/"}, "nonce_hash": {"x"}},
		{"host": {wiki}, "path": {"/"}},
		{},
	} {
		if p := s.open(
			"https://sana.example/enter?" + q.Encode()); p.status != http.StatusNotFound ||
			p.url.Host != "sana.example" {
			t.Errorf("%s: %d at %s, want 404", q.Encode(), p.status, p.url)
		}
	}
}

// Ten tabs that open an app at once all arrive.
func TestHandoff_TenTabsAtOnceArrive(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	s := newAppBrowser(t, i)
	s.signIn(ada)
	var tabs sync.WaitGroup
	for n := range 10 {
		tabs.Go(func() {
			address := fmt.Sprintf("https://wiki.example.org/tab/%d", n)
			if p := s.open(address); p.url.String() != address || p.body != "page for "+ada {
				t.Errorf("tab %d is at %s: %.200s", n, p.url, p.body)
			}
		})
	}
	tabs.Wait()
}

// A browser that stores no cookies gets a page about that, and no loop.
func TestHandoff_BlockedCookiesGetAPage(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	wantCookiePage(t, func() *appBrowser { return newAppBrowser(t, i) })
}

// wantCookiePage checks that a browser that loses the cookies of the app gets a page about that.
func wantCookiePage(t *testing.T, open func() *appBrowser) {
	t.Helper()
	for name, lost := range map[string]func(u *url.URL, cookie *http.Cookie) bool{
		"all at the app": func(u *url.URL, _ *http.Cookie) bool { return u.Host == wiki },
		"the app cookie only": func(_ *url.URL, cookie *http.Cookie) bool {
			return cookie.Name == "__Host-sana_app"
		},
	} {
		s := open()
		s.i.w.Pass(t, 24*time.Hour) // limits on mails
		s.signIn(ada)
		s.lost = lost
		p := s.open("https://wiki.example.org/a")
		if p.status != http.StatusBadRequest ||
			!strings.Contains(p.body, "Your browser blocked a cookie") ||
			!strings.Contains(p.body, "path=%2Fa") {
			t.Errorf("%s: %d at %s: %.300s", name, p.status, p.url, p.body)
		}
	}
}

// Sana serves only paths below /_sana/ at the host of an app, and none of them at its own host.
func TestHosts_AppsServeTheirPathsOnly(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	request := func(host, path string) gateResponse {
		t.Helper()
		request, err := http.NewRequest(http.MethodGet, i.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = host
		request.Header.Set("Accept", "text/html")
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return gateResponse{response.StatusCode, response.Header, ""}
	}
	for _, path := range []string{"/", "/api/auth/session", "/enter", "/livez", "/_sana",
		"/_SANA/start", "/verify"} {
		a := request(wiki, path)
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
		a := request(wiki, path)
		if a.status != want || a.header.Get("Strict-Transport-Security") != "" ||
			a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s at an app's host: %d, HSTS %q, want %d", path, a.status,
				a.header.Get("Strict-Transport-Security"), want)
		}
		if a := request("sana.example", path); a.status != http.StatusNotFound {
			t.Errorf("%s at Sana's own host: %d, want 404", path, a.status)
		}
		if a := request("evil.example", path); a.status != http.StatusMisdirectedRequest &&
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
		request, err := http.NewRequest(http.MethodGet, i.URL+"/_sana/start", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = wiki
		request.Header.Set("Cookie", "theirs="+strings.Repeat("a", size))
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want || response.Header.Get("Clear-Site-Data") != "" ||
			response.Header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%d bytes: %d with Clear-Site-Data %q and HSTS %q, want %d", size,
				response.StatusCode, response.Header.Get("Clear-Site-Data"),
				response.Header.Get("Strict-Transport-Security"), want)
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

// With SIGN_UP=apps only users of the apps may sign up.
func TestSignUp_IsOpenToUsersOfApps(t *testing.T) {
	t.Parallel()
	file := strings.Replace(appsFile, "allow: [group:everyone], until",
		"allow: [\"@old.example\"], until", 1)
	i := run(t, harness.NewWorld(t), file, "SIGN_UP=apps")
	for email, want := range map[string]int{bob: 200, "grace@sana.example": 200,
		"eve@evil.example": 403, "eve@old.example": 403} {
		b := i.Open(t)
		if got := b.Verify(b.GetCode(i.w, email)).Status; got != want {
			t.Errorf("%s: %d, want %d", email, got, want)
		}
	}
}

// Handoffs of one session are rate-limited, and the response has the wait.
func TestLimits_HandoffsOfASessionAreBounded(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	s := newAppBrowser(t, i)
	s.signIn(ada)
	s.client.CheckRedirect = func(*http.Request,
		[]*http.Request) error {
		return http.ErrUseLastResponse
	}
	enter := "https://sana.example/enter?" + url.Values{
		"host": {wiki}, "path": {"/"}, "nonce_hash": {strings.Repeat("A", 43)},
	}.Encode()
	for n := range 100 {
		if p := s.open(enter); p.status != http.StatusSeeOther {
			t.Fatalf("handoff %d: %d", n, p.status)
		}
	}
	p := s.open(enter)
	if p.status != http.StatusTooManyRequests || !strings.Contains(p.body, "Too many attempts") ||
		p.header.Get("Retry-After") == "" {
		t.Errorf("one too many: %d %s", p.status, p.body)
	}
}

// Deleting an account removes its app cookies' sessions and its pending handoffs.
func TestDeletion_RemovesAppSessionsAndHandoffs(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	s := newAppBrowser(t, i)
	b := s.signIn(ada)
	s.open("https://wiki.example.org/")
	ticketFor(t, s, "https://bank.example.com/private")
	b.Delete("/api/account").Want(http.StatusNoContent)
	harness.WantEqual(t, "handoffs", i.w.Count(t, `SELECT count(*) FROM handoffs`), 0)
	if p := s.open("https://wiki.example.org/"); p.url.Host != "sana.example" {
		t.Errorf("after the deletion: %d at %s", p.status, p.url)
	}
}

// The sweep deletes a ticket's destination soon after the ticket has expired.
func TestSweep_DeletesHandoffsAfterAMinute(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	i := run(t, w, appsFile)
	s := newAppBrowser(t, i)
	s.signIn(ada)
	ticketFor(t, s, "https://wiki.example.org/private")
	w.Exec(t, `UPDATE handoffs SET made_at = made_at - interval '61 seconds'`)
	w.Exec(t, `UPDATE periodic SET period = period - interval '1 hour'`)
	run(t, w, appsFile) // runs the sweep at its start
	harness.Eventually(t, "the handoff is not deleted", func() error {
		return harness.CountError(w.Count(t, `SELECT count(*) FROM handoffs`), 0)
	})
}
