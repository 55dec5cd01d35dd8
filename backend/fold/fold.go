// Package fold turns text as keyboards and input methods of the world write it into the ASCII that
// Sana compares. It maps characters one by one and never uses a compatibility normalization (NFKC),
// which would make ASCII of look-alikes. The pages fold by the same rules in
// frontend/src/shared/fold.ts; testdata/vectors.json holds both to them.
package fold

import (
	"strings"
	"unicode"
)

// Text removes white space (general category Zs) and default-ignorable code points, and makes ASCII
// of full-width characters (U+FF01 to U+FF5E) and of ideographic full stops. It leaves everything
// else as it is, control characters included.
func Text(s string) string {
	return strings.Map(foldRune, s)
}

// Digits is Text, and makes 0 to 9 of the decimal digits of every script (general category Nd).
func Digits(s string) string {
	return strings.Map(func(r rune) rune {
		if digit, ok := digitOf(r); ok {
			return digit
		}
		return foldRune(r)
	}, s)
}

func foldRune(r rune) rune {
	switch {
	case r <= '~' && r != ' ':
		return r
	case unicode.Is(unicode.Zs, r) || isIgnorable(r):
		return -1
	case r >= '\uff01' && r <= '\uff5e':
		return r - '\uff01' + '!'
	case r == '\u3002' || r == '\uff61':
		return '.'
	}
	return r
}

// isIgnorable reports whether a code point has the property Default_Ignorable_Code_Point, as
// DerivedCoreProperties.txt derives it.
func isIgnorable(r rune) bool {
	if !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Cf,
		unicode.Variation_Selector) {
		return false
	}
	isAnnotation := r >= '\ufff9' && r <= '\ufffb'
	isHieroglyphic := r >= '\U00013430' && r <= '\U00013440'
	return !isAnnotation && !isHieroglyphic && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// digitOf returns the ASCII digit with the value of a decimal digit. Digits of category Nd stand in
// runs of 0 to 9 (Unicode Standard, 4.6), of which neighbours share a range of the table.
func digitOf(r rune) (digit rune, ok bool) {
	for _, in := range unicode.Nd.R16 {
		if r >= rune(in.Lo) && r <= rune(in.Hi) {
			return '0' + (r-rune(in.Lo))%10, true
		}
	}
	for _, in := range unicode.Nd.R32 {
		if r >= rune(in.Lo) && r <= rune(in.Hi) {
			return '0' + (r-rune(in.Lo))%10, true
		}
	}
	return 0, false
}
