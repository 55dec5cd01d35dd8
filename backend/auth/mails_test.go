package auth

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sana/backend/brand"
	"sana/backend/challenge"
	"sana/backend/keyring"
	"sana/backend/mail/templates"
	"sana/backend/test/postgrestest"
)

// addForeign inserts a challenge whose mail was queued some time ago and whose key is in no ring.
func addForeign(t *testing.T, s *Service, queued time.Duration) challenge.Challenge {
	t.Helper()
	id := challenge.NewID()
	_, err := s.DB.Exec(t.Context(), `
		INSERT INTO challenges (
		    id, browser, email, purpose, key_id, code_kind, code_length, verifier, language,
		    platform, sent_at, resend_at, expires_at)
		VALUES ($1, 'browser', 'ada@sana.example', 'sign_in', 'gone', 'digits', 6, 'verifier', 'en',
		        '', now() - $2::interval, now(), now() + interval '10 minutes')`, id, queued)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, s, id)
}

func read(t *testing.T, s *Service, id string) challenge.Challenge {
	t.Helper()
	c, err := challenge.ByID(t.Context(), s.DB, id)
	if err != nil || c.ID != id {
		t.Fatalf("got %+v (%v)", c, err)
	}
	return c
}

// During a key rotation another instance may have the key: its mail has the right code.
func TestKeyFor_WaitsForTheKeyBeforeReplacingTheCode(t *testing.T) {
	t.Parallel()
	ring, err := keyring.Parse("here:c2FuYS10ZXN0LWtleS1zYW5hLXRlc3Qta2V5LXNhbmEhIQ==")
	if err != nil {
		t.Fatal(err)
	}
	s := &Service{Parts: Parts{DB: postgrestest.Pool(t, postgrestest.URL(t)), Keys: ring}}

	fresh := addForeign(t, s, 4*time.Second)
	fresh.Now = fresh.SentAt.Add(4 * time.Second) // independent of the duration of the insert
	if _, err := s.keyFor(t.Context(), fresh); !errors.Is(err, errUnknownKey) {
		t.Errorf("queued just now: got %v, want errUnknownKey", err)
	}
	if c := read(t, s, fresh.ID); c.KeyID != "gone" || c.Verifier == nil {
		t.Errorf("queued just now: the challenge has the key %q and the verifier %x", c.KeyID,
			c.Verifier)
	}

	old := addForeign(t, s, 5*time.Second)
	if key, err := s.keyFor(t.Context(), old); err != nil || key.ID != "here" {
		t.Errorf("queued a while ago: got the key %q (%v), want ours", key.ID, err)
	}
	if c := read(t, s, old.ID); c.KeyID != "here" || c.Verifier != nil {
		t.Errorf("queued a while ago: the challenge has the key %q and the verifier %x", c.KeyID,
			c.Verifier)
	}
	if _, err := s.keyFor(t.Context(), old); err == nil {
		t.Error("two instances replaced the code, and each mails its own")
	}
}

// A notice without a writer would be logged and retried for a day, and then dropped.
func TestNotices_EveryMailHasAWriter(t *testing.T) {
	t.Parallel()
	mails, err := templates.Parse(brand.Default)
	if err != nil {
		t.Fatal(err)
	}
	s := &Service{Settings: Settings{Mail: MailSettings{Templates: mails}}}
	writers := s.noticeWriters()
	for _, name := range mails.Names() {
		// One template writes to the old and to the new address; mails about a challenge are no
		// notices.
		name = strings.TrimSuffix(strings.TrimSuffix(name, "_old"), "_new")
		if strings.HasPrefix(name, "code_") || name == "code" ||
			name == "account_blocked" {
			continue
		}
		if writers[name] == nil {
			t.Errorf("no writer of mail %s", name)
		}
	}
}
