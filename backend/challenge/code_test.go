package challenge

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"sana/backend/fault"
	"sana/backend/keyring"
)

func testKey(t testing.TB) keyring.Key {
	t.Helper()
	ring, err := keyring.Parse("k1:c2FuYS10ZXN0LWtleS1zYW5hLXRlc3Qta2V5LXNhbmEhIQ==")
	if err != nil {
		t.Fatal(err)
	}
	return ring.Current()
}

// codeOf is Code for a challenge of which only this matters.
func codeOf(key keyring.Key, id string, purpose Purpose, format Format) string {
	return Code(key, Challenge{ID: id, Purpose: purpose, Format: format})
}

// A new version must accept codes that the previous one has mailed: these values never change.
func TestCode_DerivationNeverChanges(t *testing.T) {
	t.Parallel()
	const id = "0b4b2f0e-7d1c-4a3e-9c55-1f2e3d4c5b6a"
	for length, want := range map[int]string{6: "374583", 7: "4942344", 8: "77732291"} {
		if got := codeOf(testKey(t), id, SignIn, Format{Digits, length}); got != want {
			t.Errorf("%d digits: got %s, want %s", length, got, want)
		}
	}
	if got, want := codeOf(testKey(t), id, SignIn, Format{Alphanumeric, 13}),
		"VTGMMWE8V1XXT"; got != want {
		t.Errorf("alphanumeric: got %s, want %s", got, want)
	}
	if got, want := hex.EncodeToString(Verifier("browser", id, "374583")),
		"2270e3da97a9834ff01b28b03082147f5974a0f99ec37807cf22579503f2fc31"; got != want {
		t.Errorf("verifier: got %s, want %s", got, want)
	}
}

func TestVerifier_DependsOnBrowserChallengeAndCode(t *testing.T) {
	t.Parallel()
	verifiers := map[string]bool{}
	for _, v := range [][]byte{
		Verifier("browser", "id", "123456"), Verifier("another", "id", "123456"),
		Verifier("browser", "another", "123456"), Verifier("browser", "id", "123457"),
	} {
		verifiers[string(v)] = true
	}
	if len(verifiers) != 4 {
		t.Errorf("got %d different verifiers, want 4", len(verifiers))
	}
}

// 65 bits: 13 characters of 32, each as likely as any other. Over 20 000 codes, chi-square stays
// below its 99.99 % quantile for 31 degrees of freedom.
func TestCode_AlphanumericIsUniform(t *testing.T) {
	t.Parallel()
	const codes, quantile = 20_000, 68.0
	counts := map[rune]int{}
	for i := range codes {
		code := codeOf(testKey(t), fmt.Sprint(i), SignIn, Format{Alphanumeric, 13})
		if len(code) != 13 {
			t.Fatalf("got %q, want 13 characters", code)
		}
		for _, r := range code {
			counts[r]++
		}
	}
	expected, chi := float64(codes*13)/32, 0.0
	for _, r := range alphabet {
		chi += (float64(counts[r]) - expected) * (float64(counts[r]) - expected) / expected
	}
	if chi > quantile || len(counts) != 32 || strings.ContainsAny(alphabet, "ILOU") {
		t.Errorf("chi-square is %.0f over %d characters, want at most %.0f over 32", chi,
			len(counts), quantile)
	}
}

func TestCleanCode_ReadsAlphanumericAsPeopleTypeIt(t *testing.T) {
	t.Parallel()
	const code = "01A23456789XZ"
	for _, input := range []string{code, "01a2 3456-789xz", "oLA23456789xz", "OiA23456789XZ",
		"０１Ａ23456789XZ"} {
		if got, err := CleanCode(input, Format{Alphanumeric, 13}); err != nil || got != code {
			t.Errorf("%q: got %q (%v)", input, got, err)
		}
	}
	for _, input := range []string{"", "123456", code + "0", "U1A23456789XZ", "ſ1A23456789XZ",
		"01A23456789X!"} {
		if got, err := CleanCode(input, Format{Alphanumeric, 13}); !fault.Is(err,
			fault.InvalidCode) {
			t.Errorf("%q: got %q (%v), want invalid_code", input, got, err)
		}
	}
}

func TestCode_DependsOnKeyChallengeAndPurpose(t *testing.T) {
	t.Parallel()
	other, err := keyring.Parse("b3RoZXIta2V5LW90aGVyLWtleS1vdGhlci1rZXktb3RoZXIh")
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]bool{
		codeOf(testKey(t), "a", SignIn, Format{Digits, 8}):       true,
		codeOf(testKey(t), "b", SignIn, Format{Digits, 8}):       true,
		codeOf(testKey(t), "a", "another", Format{Digits, 8}):    true,
		codeOf(other.Current(), "a", SignIn, Format{Digits, 8}):  true,
		codeOf(testKey(t), "a", SignIn, Format{Digits, 7}) + "7": true,
	}
	if len(codes) != 5 {
		t.Errorf("got %v, want five different codes", codes)
	}
}

// ASVS 5.0, 6.4.1: every value is as likely as any other. Over 200 000 codes in 1 000 bins,
// chi-square stays below its 99.99 % quantile for 999 degrees of freedom, and both ends of the
// range come up, with leading zeros. The ids are fixed, so that the result is too.
func TestCode_DigitsAreUniform(t *testing.T) {
	t.Parallel()
	const codes, bins, quantile = 200_000, 1000, 1172.0
	counts := make([]int, bins)
	key := testKey(t)
	for i := range codes {
		code := codeOf(key, fmt.Sprint(i), SignIn, Format{Digits, 6})
		n, err := strconv.Atoi(code)
		if err != nil || len(code) != 6 {
			t.Fatalf("got the code %q (%v), want six digits", code, err)
		}
		counts[n/1000]++
	}
	expected, chi := float64(codes)/bins, 0.0
	for _, count := range counts {
		chi += (float64(count) - expected) * (float64(count) - expected) / expected
	}
	if chi > quantile {
		t.Errorf("chi-square is %.0f, want at most %.0f", chi, quantile)
	}
	if counts[0] == 0 || counts[bins-1] == 0 {
		t.Error("an end of the range never comes up")
	}
}

func TestCleanCode_ReadsDigitsAsPeopleTypeThem(t *testing.T) {
	t.Parallel()
	for _, input := range []string{
		"123456", " 123456 ", "123 456", "123-456", "1 2 3 4 5 6", "123\u00a0456", "123–456",
		"１２３４５６",
		"１２３　４５６", "123456\r\n",
		"١٢٣٤٥٦", "१२३४५६", "𝟏𝟐𝟑𝟒𝟓𝟔", "\u200b123\u2060456\ufeff", "\u202a123456\u202c", "１２３－４５６",
		"123\u2212456",
	} {
		if got, err := CleanCode(input, Format{Length: 6}); err != nil || got != "123456" {
			t.Errorf("%q: got %q (%v)", input, got, err)
		}
	}
	for _, input := range []string{"", "12345", "1234567", "12345x", "x123456", "+123456", "0x1234",
		"①②③④⑤⑥", "¹²³456", "一二三四五六", "123.456", "123\x00456",
		strings.Repeat(" ", 200) + "123456"} {
		if got, err := CleanCode(input, Format{Length: 6}); !fault.Is(err, fault.InvalidCode) {
			t.Errorf("%q: got %q (%v), want invalid_code", input, got, err)
		}
	}
}

func FuzzCleanCode_ResultIsStable(f *testing.F) {
	for _, seed := range []string{"123456", "12 34-56", "１２３４５６", "", "123456789", "\xff123456"} {
		f.Add(seed, 6)
	}
	f.Fuzz(func(t *testing.T, input string, length int) {
		length = 6 + (length%3+3)%3
		code, err := CleanCode(input, Format{Digits, length})
		if err != nil {
			return
		}
		if again, err := CleanCode(code, Format{Digits, length}); err != nil || again != code ||
			len(code) != length || strings.Trim(code, "0123456789") != "" {
			t.Errorf("%q becomes %q, and that becomes %q (%v)", input, code, again, err)
		}
	})
}
