package check

import (
	"fmt"
	"io"
	"strings"
)

// words are the statuses as they stand at the beginning of a line; what needs somebody stands out.
var words = map[Status]string{OK: "ok", Warn: "warn", Fail: "FAIL"}

// WriteText writes one line for a result, and a second one where there is something to do.
func WriteText(w io.Writer, r Result) error {
	line := strings.TrimRight(fmt.Sprintf("%-4s  %-12s  %s", words[r.Status], r.Name, r.Detail), " ") + "\n"
	if r.Hint != "" {
		line += fmt.Sprintf("%20s-> %s\n", "", r.Hint)
	}
	_, err := io.WriteString(w, line)
	return err
}
