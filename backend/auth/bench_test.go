package auth

import (
	"fmt"
	"testing"

	"sana/backend/apps"
	"sana/backend/challenge"
	"sana/backend/session"
	"sana/backend/test/postgrestest"
)

// BenchmarkSignIn measures a code request and its verification, for another address and from
// another network each time, one after the other. No mail is sent.
func BenchmarkSignIn(b *testing.B) {
	s, _ := newService(b, postgrestest.URL(b))
	n := 0
	for b.Loop() {
		n++
		address := fmt.Sprintf("person%d@sana.example", n)
		ip := fmt.Sprintf("10.%d.%d.%d", n>>16&0xff, n>>8&0xff, n&0xff)
		v := newVisitor("Firefox on Linux")
		v.IP, v.Networks = ip, []string{ip}
		request, err := s.RequestCode(b.Context(), v, session.Session{}, address, apps.Arrival{})
		if err != nil {
			b.Fatal(err)
		}
		code := challenge.Code(s.Keys.Current(), request.Code)
		if _, err := s.VerifyCode(b.Context(), v, session.Session{}, address, code); err != nil {
			b.Fatal(err)
		}
	}
}
