package session

import "testing"

// What every request with a cookie costs before a session is looked up.
func BenchmarkKeyOf(b *testing.B) {
	token := NewToken()
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := keyOf(token); !ok {
			b.Fatal("a token is malformed")
		}
	}
}

// What a read of a sealed cookie costs altogether.
func BenchmarkSealedRead(b *testing.B) {
	_, store := sealedSubject(b, "k1:"+secret1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := store.Read(b.Context(), sealedV1); err != nil {
			b.Fatal(err)
		}
	}
}
