package gate_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sana/backend/test/harness"
)

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

// Handoffs of one session are rate-limited, and the response has the wait.
func TestLimits_HandoffsOfASessionAreBounded(t *testing.T) {
	t.Parallel()
	i := run(t, harness.NewWorld(t), appsFile)
	s := newAppBrowser(t, i)
	s.signIn(ada)
	s.client.CheckRedirect = stay
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
