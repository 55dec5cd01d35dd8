package drill

import (
	"cmp"
	"fmt"
	"strings"
)

// text returns the report for a terminal, less than 120 columns wide.
func (r *report) text() string {
	var b strings.Builder
	line := func(format string, columns ...any) {
		b.WriteString(strings.TrimRight(fmt.Sprintf(format, columns...), " ") + "\n")
	}
	const glances = "%-54s%-14s%-14s%-17s%-17s"
	line("\n"+glances, "CODES LOST, PEOPLE SIGNED OUT", stores[0].id, stores[1].id, stores[2].id,
		stores[3].id)
	for _, c := range cases {
		columns := []any{c.title}
		for _, store := range stores {
			columns = append(columns, cmp.Or(glance(c, r.outcomes[store.id][c.id]), "-"))
		}
		line(glances, columns...)
	}
	const counts = "%-54s%-8v%-12v%-12v%-8v%-15v"
	for _, store := range stores {
		line("\n%s\n", strings.ToUpper(store.id)+", "+store.title)
		line(counts, "", "people", "lost codes", "signed out", "failed", "401 while away")
		for _, c := range cases {
			o := r.outcomes[store.id][c.id]
			line(counts, c.title, o.People, o.LostCodes, o.SignedOut, o.Failed, o.Away401)
			for _, part := range wrap(r.note(store, c), 112) {
				line("    %s", part)
			}
		}
	}
	const costs = "%-15s%-15v%-13v%-21v%-18v%-12v%-12v"
	line("\nWHAT THEY COST, in bytes and in round trips to Postgres\n")
	line(costs, "", "Cookie bytes", "Set-Cookie", "GET session, nobody", "GET session, in",
		"POST code", "POST verify")
	for _, store := range stores {
		f := r.figures[store.id]
		line(costs, store.id, f.CookieHeader, f.SetCookie, f.Anonymous, f.SignedIn, f.Code, f.Verify)
	}
	return b.String()
}

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
defects of its predecessor. These exist in the test only: a proxy in front of each instance keeps Sana's cookies in the
predecessor's store, and gives the browser the predecessor's one cookie instead.

`

const legend = `
## At a glance

How many people lost the code that they were mailed (*lost*) and how many their session (*out*); *still in* is who should
not be any more.

`

const details = `
## Store by store

- **codes lost**: people between code and typing who could not finish with the code that they were mailed.
- **signed out**: people who were signed in before and are not after; where a case is about ending a session, people whose
  session was ended and who are still signed in.
- **failed**: requests that did not get the answer that was due, because of what was done. Some cases try on purpose when
  nothing can answer. *many* depends on the machine.
- **401s away**: answers that said "not signed in" because the database was away. There must be none: 503 says the truth.

` + "`npm run drill -- --json FILE`" + ` writes the same for programs, as
` + "`[{store, case, people, lost_codes, signed_out, failed_requests, answers_401_while_away, " +
	"note}]`" + `.
`

const costs = `
## What they cost

Bytes of the session's cookie alone, for an address of 20 characters; the predecessor's holds, or names, Sana's other
cookies too. Round trips to Postgres, BEGIN and COMMIT included.

| store | Cookie line of each request | Set-Cookie line at sign-in | GET session, nobody | GET session, signed in | POST code | POST verify |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
`

const verdict = `
## What the cookie is good for nevertheless

It asks no database who somebody is, and goes on while the database is away. That is worth something where most requests
do nothing else, and a session's end need not be exact. It costs: no list of one's sessions, no ending one from elsewhere or by
an operator, a copy that lives on after sign-out, everybody signed out when a key must go, ends by each machine's own
clock, and more bytes with every request. Codes are in Postgres with both stores, and name the browser that asked: no key
and no restart loses one, their tries are counted there, and no copied cookie gives more of them.
`

// markdown returns docs/contrast.md.
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
			fmt.Fprintf(&b, " %s |", r.cell(store, c))
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
		fmt.Fprintf(b, "| %s | %d | %d | %d | %s | %d | %s |\n",
			c.title, o.People, o.LostCodes, o.SignedOut, r.failed(store, c), o.Away401, r.note(store, c))
	}
}

// failed returns the number of failed requests for the page, which is the same on every machine.
func (r *report) failed(store drillStore, c drillCase) string {
	if c.of(store.id).failed == many {
		return "many"
	}
	return fmt.Sprint(r.outcomes[store.id][c.id].Failed)
}

// cell returns an outcome as a table cell of the page.
func (r *report) cell(store drillStore, c drillCase) string {
	cell := "✓"
	if losses := glance(c, r.outcomes[store.id][c.id]); losses != "" {
		cell = "**" + losses + "**"
	}
	if failed := r.failed(store, c); failed != "0" {
		cell += " (failed requests: " + failed + ")"
	}
	return cell
}

// glance returns the losses in a few words, "" for none.
func glance(c drillCase, o outcome) string {
	var losses []string
	if o.LostCodes > 0 {
		losses = append(losses, fmt.Sprintf("%d lost", o.LostCodes))
	}
	if o.SignedOut > 0 && c.ends {
		losses = append(losses, "still in")
	} else if o.SignedOut > 0 {
		losses = append(losses, fmt.Sprintf("%d out", o.SignedOut))
	}
	return strings.Join(losses, ", ")
}
