package apps

import (
	"fmt"
	"strings"
	"time"
)

// Explain describes to an operator whether an app is open to the user with a canonical address at a
// time, and the entries of the file that decide that. isOpen is the result of App.Allows.
func (s *Set) Explain(a *App, email string, now time.Time) (text string, isOpen bool) {
	isOpen = a.Allows(email, now)
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }

	verdict := "may open"
	if !isOpen {
		verdict = "may not open"
	}
	say("%s %s %s (%s).", email, verdict, a.Name, a.ID)
	matching := a.Matching(email)
	for _, r := range matching {
		say("Line %d: allow has %s, which names them.", r.Line, r.Text)
	}
	if len(matching) == 0 {
		var all []string
		for _, r := range a.rules {
			all = append(all, r.Text)
		}
		say("Nothing in allow names them: %s.", strings.Join(all, ", "))
	}

	// These rules apply to every user.
	switch {
	case !a.isOpen(now):
		say("until: the app closed for everyone at %s.", moment(a.Until))
	case !a.Until.IsZero():
		say("until: the app closes for everyone at %s.", moment(a.Until))
	}
	if a.Fresh > 0 {
		say("fresh: with a sign-in older than %s they type a code first.", a.Fresh)
	}
	if !a.Since.IsZero() {
		say("since: app cookies issued before %s are void.", moment(a.Since))
	}
	say("Groups: %s. Access keys: %s.", strings.Join(s.Groups(email), ", "), onOrOff(a.AccessKeys))
	return strings.Join(lines, "\n") + "\n", isOpen
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func onOrOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
