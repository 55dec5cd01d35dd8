package doctor_test

import (
	"strings"
	"testing"

	"sana/backend/diagnose/doctor"
	"sana/backend/test/postgrestest"
)

func TestPasskeys_OtherHostsAreFound(t *testing.T) {
	t.Parallel()
	db := postgrestest.Pool(t, postgrestest.URL(t))
	want := func(host, text string) {
		t.Helper()
		result := doctor.Passkeys{Pool: db, Host: host}.Checks()[0].Do(t.Context())
		if got := string(result.State) + " " + result.Detail; !strings.HasPrefix(got, text) {
			t.Errorf("%q: got %q, want %q", host, got, text)
		}
	}
	want("sana.example", "ok 0 passkeys for sana.example")
	want("", "warn there are no passkeys")
	_, err := db.Exec(t.Context(), `
		WITH owner AS (INSERT INTO users (email) VALUES ('ada@sana.example') RETURNING id)
		INSERT INTO passkeys (
		    id, user_id, rp_id, public_key, sign_count, backup_eligible, backed_up, aaguid, name)
		SELECT '\x01', id, 'sana.example', '\x01', 0, false, false, gen_random_uuid(), 'Passkey'
		FROM owner`)
	if err != nil {
		t.Fatal(err)
	}
	want("sana.example", "ok 1 passkey for sana.example")
	want("login.example", "warn 1 passkey was made for another host, such as sana.example")
}
