package system_test

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"strings"
	"testing"

	"sana/backend/test/harness"
	"sana/backend/test/mailgunfake"

	"github.com/jackc/pgx/v5"
)

// dump returns every value of every table as text, with bytea decoded too.
func dump(t *testing.T, w *harness.World) []string {
	t.Helper()
	rows, err := w.DB.Query(t.Context(), `
		SELECT quote_ident(table_schema) || '.' || quote_ident(table_name)
		FROM information_schema.tables
		WHERE table_type = 'BASE TABLE'
		  AND table_schema NOT IN ('pg_catalog', 'information_schema')`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, table := range tables {
		rows, err := w.DB.Query(t.Context(),
			`SELECT value FROM `+table+
				` AS r, jsonb_each_text(to_jsonb(r)) WHERE value IS NOT NULL`)
		if err != nil {
			t.Fatal(err)
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range found {
			values = append(values, value)
			if raw, err := hex.DecodeString(strings.TrimPrefix(value, `\x`)); err == nil &&
				strings.HasPrefix(value, `\x`) {
				values = append(values, string(raw))
			}
		}
	}
	return values
}

// ASVS 5.0, 6.5.2, and A-20: an attacker with a dump of the database can neither sign in with it
// nor find a code by trying all. The mail is in flight when the dump is taken: Mailgun has it and
// does not answer.
func TestDump_HasNoCodeAndNoToken(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	app := w.Run(t)
	signedIn := app.Open(t)
	signedIn.SignIn(w, "grace@sana.example")
	release := make(chan struct{})
	w.Mailgun.Script(mailgunfake.Answer{Stall: release})
	waiting := app.Open(t)
	waiting.RequestCode("ada@sana.example").Want(http.StatusAccepted)
	stalled, err := w.Mailgun.Wait(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	code := stalled[1].Subject[:6]

	values := dump(t, w)
	close(release)

	text := strings.Join(values, "\n")
	if !strings.Contains(text, "ada@sana.example") ||
		!strings.Contains(text, "grace@sana.example") {
		t.Fatal("the dump lacks the addresses: it does not show what it should")
	}
	for name, token := range map[string]string{
		"session token": signedIn.Cookies()[sessionCookie],
		"browser token": waiting.Cookies()[browserCookie],
		"browser token of the one that is signed in": signedIn.Cookies()[browserCookie],
	} {
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil || len(raw) != 32 {
			t.Fatalf("the %s %q is not 32 bytes", name, token)
		}
		if strings.Contains(text, token) || strings.Contains(text, hex.EncodeToString(raw)) ||
			strings.Contains(text, string(raw)) {
			t.Errorf("the dump holds the %s", name)
		}
	}
	if device := signedIn.Cookies()[deviceCookie]; device == "" || strings.Contains(text, device) {
		t.Errorf("the dump holds the device token %q", device)
	}
	for _, value := range values {
		if digitsIn(value, code) {
			t.Errorf("a column holds the code as it is: %.200q", value)
		}
	}
	wantNoHashOfACode(t, text)
}

// digitsIn reports whether value contains code, not as part of a longer number.
func digitsIn(value, code string) bool {
	isDigit := func(i int) bool {
		return i >= 0 && i < len(value) && value[i] >= '0' &&
			value[i] <= '9'
	}
	for start := 0; ; {
		i := strings.Index(value[start:], code)
		if i < 0 {
			return false
		}
		i += start
		if !isDigit(i-1) && !isDigit(i+len(code)) && (i == 0 || value[i-1] != '.') {
			return true
		}
		start = i + 1
	}
}

// wantNoHashOfACode compares all codes of six digits under the usual hashes.
func wantNoHashOfACode(t *testing.T, text string) {
	t.Helper()
	known := decodedWords(text)
	hashes := map[string]func() hash.Hash{
		"MD5": md5.New, "SHA-1": sha1.New, "SHA-224": sha256.New224, "SHA-256": sha256.New,
		"SHA-384": sha512.New384, "SHA-512": sha512.New,
	}
	for name, newHash := range hashes {
		h, code, sum := newHash(), []byte("000000"), make([]byte, 0, 64)
		for n := range 1_000_000 {
			for i, rest := 5, n; i >= 0; i, rest = i-1, rest/10 {
				code[i] = byte('0' + rest%10)
			}
			h.Reset()
			h.Write(code)
			if sum = h.Sum(sum[:0]); known[string(sum)] {
				t.Errorf("the dump holds the %s of %s", name, code)
			}
		}
	}
}

// decodedWords returns every run of characters in text that could be a hash, decoded from hex and
// from base64.
func decodedWords(text string) map[string]bool {
	known := map[string]bool{text: true}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' ||
			strings.ContainsRune("+/-_", r))
	}) {
		for _, decode := range []func(string) ([]byte, error){
			hex.DecodeString, base64.RawStdEncoding.DecodeString,
			base64.RawURLEncoding.DecodeString,
		} {
			if raw, err := decode(word); err == nil {
				known[string(raw)] = true
			}
		}
	}
	return known
}

// The search above finds a planted hash.
func TestDump_SearchFindsAPlantedHash(t *testing.T) {
	t.Parallel()
	for _, word := range []string{
		fmt.Sprintf("x:%x;", md5.Sum([]byte("000123"))),
		base64.RawURLEncoding.EncodeToString(sha512.New().Sum(nil)),
	} {
		if len(decodedWords("before "+word+" after")) < 3 {
			t.Errorf("%q is not decoded", word)
		}
	}
	sum := md5.Sum([]byte("000123"))
	if !decodedWords(fmt.Sprintf("key=%x", sum))[string(sum[:])] {
		t.Error("the MD5 of a code is not found")
	}
	if !digitsIn(`{"code": "123456"}`, "123456") || digitsIn("91234567", "123456") {
		t.Error("a code as it stands is not told from a longer number")
	}
}

// canaries pass through the program at debug level, and the log contains none of them.
func TestLog_HasNoCodeTokenOrAddress(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	p := w.Run(t, "LOG_LEVEL=debug")
	w.Mailgun.Script(
		mailgunfake.Answer{Status: 500, Body: "no luck for canary.address@sana.example"})
	b := p.Open(t)
	var secrets []string
	addTokens := func() {
		for _, value := range b.Cookies() {
			secrets = append(secrets, value)
		}
	}

	b.RequestCode("canary.address@sana.example").Want(http.StatusAccepted)
	addTokens()
	code := w.Code(t, "canary.address@sana.example", 1)
	b.Get("/api/auth/code").Want(http.StatusOK)
	b.Resend().Want(http.StatusAccepted)
	b.Verify(harness.WrongCode(code)).Want(http.StatusUnauthorized)
	b.Verify("canary").Want(http.StatusBadRequest)
	b.Post("/api/auth/verify",
		`{"code":"`+code+`","canary":"canary-field"}`).Want(http.StatusBadRequest)
	b.Verify(code).Want(http.StatusOK)
	addTokens()
	b.Get("/api/auth/session?canary-query=1").Want(http.StatusOK)
	b.Get("/canary-path/x.js").Want(http.StatusNotFound)
	b.Get("/verify%23c=" + code) // the link of the mail, as programs that rewrite links change it
	b.Post("/api/auth/sign-out", "{}").Want(http.StatusNoContent)
	addTokens()
	b.Do("CANARYMETHOD", "/", "")
	w.Exec(t, `ALTER TABLE challenges RENAME TO challenges_away`)
	b.RequestCode("canary.address@sana.example").Want(http.StatusInternalServerError,
		"internal_error")
	w.Exec(t, `ALTER TABLE challenges_away RENAME TO challenges`)
	if err := p.Terminate(t); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}

	log := p.Log.String()
	if !strings.Contains(log, "/api/auth/verify") || !strings.Contains(log, "mail sent") {
		t.Fatalf("the log lacks what it should show:\n%s", log)
	}
	secrets = append(secrets, code, code[:3]+" "+code[3:], "canary", "CANARY", "key-canary-mailgun",
		"c2FuYS10ZXN0")
	for _, secret := range secrets {
		if digitsIn(log, secret) || len(secret) > 7 && strings.Contains(log, secret) ||
			strings.Contains(strings.ToLower(secret), "canary") && strings.Contains(log, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	if password := w.DB.Config().ConnConfig.Password; strings.Contains(log, "password="+password) {
		t.Error("the log holds the database's password")
	}
}
