package diagnose

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// words are the states at the beginning of a line; failures are in capitals.
var words = map[State]string{Passed: "ok", Warned: "warn", Failed: "FAIL"}

// width is the maximum number of columns of a line of text.
const width = 100

// WriteText writes a result in lines of at most width columns: the detail, and the hint after an
// arrow.
func WriteText(w io.Writer, r Result) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%-4s  %-14s  ", words[r.State], r.Name)
	indent := text.Len()
	writeWrapped(&text, r.Detail, indent)
	if r.Hint != "" {
		fmt.Fprintf(&text, "%*s-> ", indent, "")
		writeWrapped(&text, r.Hint, indent+len("-> "))
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// WriteJSON writes the whole report as a JSON object.
func (r Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// writeWrapped continues a line at column indent, and indents further lines to it.
func writeWrapped(text *strings.Builder, content string, indent int) {
	column := indent
	for i, word := range strings.Fields(content) {
		switch {
		case i == 0:
		case column+1+utf8.RuneCountInString(word) > width:
			fmt.Fprintf(text, "\n%*s", indent, "")
			column = indent
		default:
			text.WriteByte(' ')
			column++
		}
		text.WriteString(word)
		column += utf8.RuneCountInString(word)
	}
	text.WriteByte('\n')
}

// Printable returns text from outside as one line: without control characters, and of at most the
// given number of bytes.
func Printable(s string, most int) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// Counted returns a number with its noun: 1 proxy, 2 proxies.
func Counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
