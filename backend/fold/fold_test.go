package fold

import (
	"encoding/json"
	"os"
	"testing"
	"unicode"
)

// The vectors are those of the pages, too.
func TestFold_Vectors(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct{ Typed, Text, Digits string }
	if err := json.Unmarshal(file, &vectors); err != nil || len(vectors) == 0 {
		t.Fatalf("got %d vectors (%v)", len(vectors), err)
	}
	for _, v := range vectors {
		if got := Text(v.Typed); got != v.Text {
			t.Errorf("Text(%+q): got %+q, want %+q", v.Typed, got, v.Text)
		}
		if got := Digits(v.Typed); got != v.Digits {
			t.Errorf("Digits(%+q): got %+q, want %+q", v.Typed, got, v.Digits)
		}
	}
}

// The values of digits follow from their places: that holds only while each range of the table is
// whole runs of ten.
func TestDigits_RangesAreRunsOfTen(t *testing.T) {
	t.Parallel()
	count := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !unicode.Is(unicode.Nd, r) {
			continue
		}
		if digit, ok := digitOf(r); !ok || digit != '0'+rune(count%10) {
			t.Fatalf("%U is digit %d of its run, got %q", r, count%10, digit)
		}
		count++
	}
	if count < 650 || count%10 != 0 {
		t.Errorf("got %d digits, want whole runs of ten", count)
	}
}

// Folding makes ASCII of full-width characters, full stops and digits alone: no look-alike passes
// for a letter.
func TestFold_MakesASCIIOfNothingElse(t *testing.T) {
	t.Parallel()
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		isFullWidth := r >= 0xff01 && r <= 0xff5e || r == 0x3002 || r == 0xff61
		text, digits := Text(string(r)), Digits(string(r))
		if text != "" && text[0] < 0x80 && !isFullWidth {
			t.Errorf("Text(%U): got %q", r, text)
		}
		if digits != "" && digits[0] < 0x80 && !isFullWidth && !unicode.Is(unicode.Nd, r) {
			t.Errorf("Digits(%U): got %q", r, digits)
		}
	}
}

func FuzzFold_IsStable(f *testing.F) {
	f.Add("ａｄａ＠example。org")
	f.Fuzz(func(t *testing.T, input string) {
		if once := Text(input); Text(once) != once {
			t.Errorf("%+q becomes %+q, and that becomes %+q", input, once, Text(once))
		}
		if once := Digits(input); Digits(once) != once {
			t.Errorf("%+q becomes %+q, and that becomes %+q", input, once, Digits(once))
		}
	})
}
