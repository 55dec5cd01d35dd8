package keyring_test

import (
	"strings"
	"testing"
	"time"

	"sana/backend/keyring"
)

func ring(t *testing.T, list string) keyring.Ring {
	t.Helper()
	parsed, err := keyring.Parse(list)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestAProofIsGoodForAMinuteAndForHoldersOfTheKeyOnly(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 14, 5, 0, 0, time.UTC)
	older, newer := keyring.New(now.AddDate(-1, 0, 0)), keyring.New(now)
	proof := ring(t, older).NewProof(now)
	_, other, _ := strings.Cut(older, ":")
	for name, test := range map[string]struct {
		ring  keyring.Ring
		proof string
		at    time.Duration
		want  bool
	}{
		"at once":        {ring(t, older), proof, 0, true},
		"after a minute": {ring(t, older), proof, keyring.ProofLifetime, true},
		"later": {ring(t, older), proof, keyring.ProofLifetime + time.Second,
			false},
		"from a clock that is ahead": {ring(t, older), proof, -keyring.ProofLifetime - time.Second,
			false},
		"after a rotation":       {ring(t, newer+","+older), proof, 0, true},
		"after the key has gone": {ring(t, newer), proof, 0, false},
		"with another key of the same id": {
			ring(t, strings.Replace(newer, newer[:13], older[:13], 1)),
			proof, 0, false},
		"of the same key with another id": {ring(t, "x:"+other), proof, 0, false},
		"with another time": {ring(t, older), strings.Replace(proof, ":17", ":18", 1), 0,
			false},
		"cut off": {ring(t, older), proof[:len(proof)-1], 0, false},
		"longer":  {ring(t, older), proof + ":", 0, false},
		"empty":   {ring(t, older), "", 0, false},
		"without a signature": {ring(t, older), proof[:strings.LastIndexByte(proof, ':')+1], 0,
			false},
	} {
		if got := test.ring.ValidProof(test.proof, now.Add(test.at)); got != test.want {
			t.Errorf("%s: got %t, want %t", name, got, test.want)
		}
	}
}
