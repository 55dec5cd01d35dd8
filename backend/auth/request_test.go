package auth

import (
	"testing"

	"sana/backend/fault"
	"sana/backend/session"
	"sana/backend/test/postgrestest"
)

// A code request for a user waits for the concurrent deletion of that user, and leaves no data
// behind.
func TestRequestCode_StoresNoUserDuringDeletion(t *testing.T) {
	t.Parallel()
	s, db := newService(t, postgrestest.URL(t)+"&lock_timeout=60s&statement_timeout=60s")
	v := newVisitor("Firefox on Linux")
	in, err := s.VerifyCode(t.Context(), v, session.Session{}, ada, codeFor(t, s, v))
	if err != nil {
		t.Fatal(err)
	}

	deletion := postgrestest.Begin(t, db)
	if _, err := deletion.Exec(t.Context(), `DELETE FROM users`); err != nil {
		t.Fatal(err)
	}
	requested := make(chan error, 1)
	go func() {
		_, err := s.RequestEmailChange(t.Context(), v, in.Session, "grace@sana.example")
		requested <- err
	}()
	awaitLock(t, db)
	if err := deletion.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-requested; !fault.Is(err, fault.NotSignedIn) {
		t.Errorf("got %v, want not_signed_in", err)
	}
	if n := count(t, db, `SELECT count(*) FROM challenges WHERE purpose = 'change_email'`); n != 0 {
		t.Errorf("%d challenges name the deleted user", n)
	}
}
