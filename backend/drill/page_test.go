package drill

import (
	"fmt"
	"strings"
)

// text is the report for a terminal, 120 columns wide.
func (r *report) text() string {
	const line = "  %-52s%6s%6s%7s%7s%5s  %s\n"
	const noteWidth = 33
	var b strings.Builder
	for _, store := range stores {
		fmt.Fprintf(&b, "\n%s: %s\n", strings.ToUpper(store.id), store.title)
		fmt.Fprintf(&b, line, "", "people", "codes", "signed", "failed", "401s", "")
		fmt.Fprintf(&b, line, "", "", "lost", "out", "", "away", "")
		for _, c := range cases {
			o := r.outcomes[store.id][c.id]
			notes := wrap(r.note(store, c), noteWidth)
			fmt.Fprintf(&b, line, c.title, fmt.Sprint(o.People), fmt.Sprint(o.LostCodes), fmt.Sprint(o.SignedOut),
				fmt.Sprint(o.Failed), fmt.Sprint(o.Away401), notes[0])
			for _, more := range notes[1:] {
				fmt.Fprintf(&b, line, "", "", "", "", "", "", more)
			}
		}
	}
	b.WriteString("\nWHAT THEY COST\n")
	const costs = "  %-15s%15s%12s%20s%20s%11s%13s\n"
	fmt.Fprintf(&b, costs, "", "Cookie, bytes", "Set-Cookie", "GET session, nobody", "GET session, in", "POST code", "POST verify")
	for _, store := range stores {
		f := r.figures[store.id]
		fmt.Fprintf(&b, costs, store.id, fmt.Sprint(f.CookieHeader), fmt.Sprint(f.SetCookie),
			statements(f.Anonymous), statements(f.SignedIn), statements(f.Code), statements(f.Verify))
	}
	b.WriteByte('\n')
	return b.String()
}

func statements(n int) string { return fmt.Sprintf("%d SQL", n) }

// wrap breaks a text between words into lines of at most width characters.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}

const introduction = `# What a cloud does to sessions

This page is made by ` + "`npm run drill`" + `, and ` + "`npm test`" + ` holds it to what happens.

A cloud restarts an app, kills it, runs two of it, replaces one by the next under load, and sometimes its database is away.
The drill does all that to real processes of Sana on a real Postgres, each time with people who are signed in and people
between code and typing, and counts who lost what. It does so with both of Sana's session stores, and with the two
defects of its predecessor, which are stores that exist in the test only:

`

const legend = `
## At a glance

`

const details = `
## Store by store

- **codes lost**: people between code and typing who could not finish with the code that they were mailed.
- **signed out**: people who were signed in before and are not after; where a case is about ending a session, people whose
  session was ended and who are still signed in.
- **failed**: requests that did not get the answer that was due, because of what was done. Some cases try on purpose when
  nothing can answer. *many* depends on the machine.
- **401s away**: answers that said "not signed in" because the database was away. There must be none: 503 says the truth.

With ` + "`npm run drill -- --json FILE`" + ` the same goes to a file, as ` + "`[{store, case, people, lost_codes, signed_out, failed_requests, answers_401_while_away, note}]`" + `.
`

const costs = `
## What they cost

Bytes of the session's cookie alone, for an address of 20 characters; statements to Postgres without BEGIN and COMMIT and
without the job queue's own.

| store | Cookie line of each request | Set-Cookie line at sign-in | GET session, nobody | GET session, signed in | POST code | POST verify |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
`

const verdict = `
## What the cookie is good for nevertheless

It asks no database who somebody is, and goes on while the database is away. That is worth something where most requests
do nothing else, and a session's end need not be exact. It costs: no list of one's sessions, no ending one from elsewhere or by
an operator, a copy that lives on after sign-out, everybody signed out when a key must go, ends by each machine's own
clock, and more bytes with every request. Codes are in Postgres with both stores: their tries are counted there, and no
copied cookie gives more of them.
`

// markdown is docs/contrast.md.
func (r *report) markdown() string {
	var b strings.Builder
	b.WriteString(introduction)
	for _, store := range stores {
		fmt.Fprintf(&b, "- `%s`: %s\n", store.id, store.title)
	}
	b.WriteString(legend + "| case |")
	for _, store := range stores {
		fmt.Fprintf(&b, " %s |", store.id)
	}
	b.WriteString("\n| --- |" + strings.Repeat(" --- |", len(stores)) + "\n")
	for _, c := range cases {
		fmt.Fprintf(&b, "| %s |", c.title)
		for _, store := range stores {
			fmt.Fprintf(&b, " %s |", glance(c, r.outcomes[store.id][c.id]))
		}
		b.WriteByte('\n')
	}
	b.WriteString(details)
	for _, store := range stores {
		r.writeStore(&b, store)
	}
	b.WriteString(costs)
	for _, store := range stores {
		f := r.figures[store.id]
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %d |\n",
			store.id, f.CookieHeader, f.SetCookie, f.Anonymous, f.SignedIn, f.Code, f.Verify)
	}
	b.WriteString(verdict)
	return b.String()
}

func (r *report) writeStore(b *strings.Builder, store drillStore) {
	fmt.Fprintf(b, "\n### %s\n\n", store.id)
	b.WriteString("| case | people | codes lost | signed out | failed | 401s away | what happened |\n")
	b.WriteString("| --- | ---: | ---: | ---: | ---: | ---: | --- |\n")
	for _, c := range cases {
		o := r.outcomes[store.id][c.id]
		failed := fmt.Sprint(o.Failed)
		if c.of(store.id).failed == many {
			failed = "many"
		}
		fmt.Fprintf(b, "| %s | %d | %d | %d | %s | %d | %s |\n",
			c.title, o.People, o.LostCodes, o.SignedOut, failed, o.Away401, r.note(store, c))
	}
}

// glance is an outcome in a few words.
func glance(c drillCase, o outcome) string {
	var losses []string
	if o.LostCodes > 0 {
		losses = append(losses, count(o.LostCodes, "code")+" lost")
	}
	switch {
	case o.SignedOut > 0 && c.ends:
		losses = append(losses, "still signed in")
	case o.SignedOut > 0:
		losses = append(losses, fmt.Sprint(o.SignedOut)+" signed out")
	}
	if len(losses) == 0 {
		return "✓"
	}
	return "**" + strings.Join(losses, ", ") + "**"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
