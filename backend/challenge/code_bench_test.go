package challenge

import (
	"crypto/subtle"
	"testing"
)

// BenchmarkCheckCode measures what checking a code costs besides the statements: it is cleaned,
// derived and compared.
func BenchmarkCheckCode(b *testing.B) {
	key := testKey(b)
	c := Challenge{ID: "0b4b2f0e-7d1c-4a3e-9c55-1f2e3d4c5b6a", Purpose: SignIn,
		Format: Format{Digits, 6}}
	typed := Code(key, c)
	b.ReportAllocs()
	for b.Loop() {
		code, err := CleanCode(typed, c.Format)
		if err != nil {
			b.Fatal(err)
		}
		if subtle.ConstantTimeCompare([]byte(code), []byte(Code(key, c))) != 1 {
			b.Fatal("the right code is wrong")
		}
	}
}
