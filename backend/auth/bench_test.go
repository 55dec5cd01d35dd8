package auth

import (
	"fmt"
	"testing"

	"sana/backend/challenge"
	"sana/backend/postgres/postgrestest"
	"sana/backend/session"
	"sana/backend/visitor"
)

// BenchmarkSignIn requests and verifies a code, of another person and network each time, one after the
// other. Nobody sends the mails.
func BenchmarkSignIn(b *testing.B) {
	s, _ := newService(b, postgrestest.URL(b))
	n := 0
	for b.Loop() {
		n++
		address := fmt.Sprintf("person%d@sana.example", n)
		ip := fmt.Sprintf("10.%d.%d.%d", n>>16&0xff, n>>8&0xff, n&0xff)
		v := visitor.Visitor{Browser: visitor.NewBrowser(), Platform: "Firefox on Linux", IP: ip, Networks: []string{ip}}
		request, err := s.RequestCode(b.Context(), v, session.Session{}, address)
		if err != nil {
			b.Fatal(err)
		}
		code := challenge.Code(s.Keys.Current(), request.Code)
		if _, err := s.VerifyCode(b.Context(), v, session.Session{}, address, code); err != nil {
			b.Fatal(err)
		}
	}
}
