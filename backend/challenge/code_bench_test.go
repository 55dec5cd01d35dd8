package challenge

import (
	"testing"

	"sana/backend/keyring"
)

// What checking a code costs beside the statements: it is cleaned, derived anew and compared.
func BenchmarkCheckACode(b *testing.B) {
	ring, err := keyring.Parse("k1:c2FuYS10ZXN0LWtleS1zYW5hLXRlc3Qta2V5LXNhbmEhIQ==")
	if err != nil {
		b.Fatal(err)
	}
	s := &Service{keys: ring}
	t := try{keyID: "k1", challenge: Challenge{
		ID: "0b4b2f0e-7d1c-4a3e-9c55-1f2e3d4c5b6a", Purpose: PurposeSignIn, CodeFormat: Format{Digits, 6},
	}}
	typed := deriveCode(ring.Current(), t.challenge.ID, t.challenge.Purpose, t.challenge.CodeFormat)
	b.ReportAllocs()
	for b.Loop() {
		code, err := cleanCode(typed, t.challenge.CodeFormat)
		if err != nil {
			b.Fatal(err)
		}
		if right, err := s.isRight(t, code, ""); err != nil || !right {
			b.Fatalf("the right code is wrong (%v)", err)
		}
	}
}
