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
var words = map[State]string{Passed: "ok", Warned: "warn", Failed: "FAIL", Skipped: "skip"}

// width is the maximum number of columns of a line of text.
const width = 100

// WriteText writes a result in lines of at most width columns: the detail, and the hint after an
// arrow.
func WriteText(w io.Writer, r Result) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%-4s  %-14s  ", words[r.State], r.Name)
	indent := text.Len()
	text.WriteString(wrapped(r.Detail, indent))
	if r.Hint != "" {
		fmt.Fprintf(&text, "%*s-> %s", indent, "", wrapped(r.Hint, indent+len("-> ")))
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

// wrapped returns content for column indent, to which it indents further lines.
func wrapped(content string, indent int) string {
	return strings.Join(Wrap(content, width-indent), "\n"+strings.Repeat(" ", indent)) + "\n"
}

// Wrap breaks a text between words into lines of at most width characters; a longer word stays
// whole.
func Wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
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
