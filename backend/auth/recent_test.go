package auth

import (
	"testing"
	"time"

	"sana/backend/fault"
	"sana/backend/session"
	"sana/backend/test/postgrestest"
)

// F-18: a sign-in in the future is not recent.
func TestRecent_IsASignInOfTheLastTenMinutes(t *testing.T) {
	t.Parallel()
	s, db := newService(t, postgrestest.URL(t))
	var now time.Time
	if err := db.QueryRow(t.Context(), `SELECT now()`).Scan(&now); err != nil {
		t.Fatal(err)
	}
	for ago, recent := range map[time.Duration]bool{
		5 * time.Minute: true, 10 * time.Minute: false,
		-time.Hour: false, // recorded before the database's clock was set back
	} {
		current := session.Session{User: session.User{SignedInAt: now.Add(-ago)}}
		err := s.requireRecent(t.Context(), current)
		if recent && err != nil || !recent && !fault.Is(err, fault.ReauthenticationRequired) {
			t.Errorf("%s ago: got %v", ago, err)
		}
	}
}
