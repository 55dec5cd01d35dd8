package session

import "testing"

// What every request with a cookie costs before anything is looked up: its token is read strictly, and hashed.
func BenchmarkTokenKey(b *testing.B) {
	token := newToken()
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := tokenKey(token); !ok {
			b.Fatal("a token is refused")
		}
	}
}

// What a read of a sealed cookie costs, which is all of it: nobody is asked.
func BenchmarkReadASealedSession(b *testing.B) {
	store, _ := newSealed(b, "k1:"+secret1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := store.Read(b.Context(), frozenV1); err != nil {
			b.Fatal(err)
		}
	}
}
