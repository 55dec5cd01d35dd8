package session

import "testing"

// The cost of every request with a cookie before its session is looked up.
func BenchmarkKeyOf(b *testing.B) {
	token := NewToken()
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := keyOf(token); !ok {
			b.Fatal("a token is malformed")
		}
	}
}

// The cost of a read of a sealed cookie.
func BenchmarkSealedRead(b *testing.B) {
	_, store := sealedSubject(b, "k1:"+secret1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := store.Read(b.Context(), sealedV1); err != nil {
			b.Fatal(err)
		}
	}
}
