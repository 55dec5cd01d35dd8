package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"sana/backend/account"
	"sana/backend/auth"
	"sana/backend/visitor"
)

type showPersonCommand struct{ person }

// personDetailsJSON is the output of show as JSON.
type personDetailsJSON struct {
	personJSON
	SignedIn []deviceJSON    `json:"signed_in"`
	Keys     []accessKeyJSON `json:"keys"`
	Apps     []string        `json:"apps"` // ids of the apps that the user may open
	Events   []eventJSON     `json:"events"`
}

type deviceJSON struct {
	ID         string    `json:"id"`
	Browser    string    `json:"browser"` // with its system, "" if unknown
	IP         string    `json:"ip"`
	SignedInAt time.Time `json:"signed_in_at"`
	LastUsedAt time.Time `json:"last_used_at"`
	ExpiresAt  time.Time `json:"expires_at"`
	Apps       []string  `json:"apps"` // ids of the apps that it has opened
}

type eventJSON struct {
	Kind    account.Kind `json:"kind"`
	At      time.Time    `json:"at"`
	Browser string       `json:"browser"`
	IP      string       `json:"ip"`
	account.Details
}

// Run prints all that an operator can know about a user.
func (s showPersonCommand) Run(in invocation) error {
	return s.do(in, func(ctx context.Context, useCases *auth.Service) (any, string, error) {
		found, err := useCases.FindUserDetails(ctx, s.Address)
		if err != nil {
			return nil, "", err
		}
		details := personDetailsJSONOf(found)
		return details, personText(found, details), nil
	})
}

func personDetailsJSONOf(found auth.UserDetails) personDetailsJSON {
	d := personDetailsJSON{
		personJSON: personJSONOf(found.UserSummary),
		SignedIn:   []deviceJSON{}, Keys: accessKeysJSONOf(found.Keys), Apps: []string{},
		Events: []eventJSON{},
	}
	for _, l := range found.Devices {
		d.SignedIn = append(d.SignedIn, deviceJSON{
			ID: l.ID, Browser: visitor.PlatformOf(l.UserAgent).String(), IP: l.IP,
			SignedInAt: l.User.SignedInAt.UTC(), LastUsedAt: l.LastUsedAt.UTC(),
			ExpiresAt: l.ExpiresAt.UTC(),
			Apps:      append([]string{}, l.Apps...),
		})
	}
	for _, app := range found.Apps {
		d.Apps = append(d.Apps, app.ID)
	}
	for _, e := range found.Events {
		d.Events = append(d.Events, eventJSON{e.Kind, e.At.UTC(), e.Platform, e.IP, e.Details})
	}
	return d
}

// personText returns the details as text.
func personText(found auth.UserDetails, d personDetailsJSON) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s), %s. Created %s, last signed in %s. Id %s.\n", d.Email,
		cmp.Or(d.Name, "no name"), signInState(found.UserSummary), minute(d.CreatedAt),
		minute(d.LastSignedInAt), d.ID)
	fmt.Fprintf(&b, "Apps that they may open: %s.\n", cmp.Or(strings.Join(d.Apps, ", "), "none"))
	fmt.Fprintf(&b, "Passkeys: %d. %s\n", d.Passkeys, codesText(found.UserSummary))

	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nSigned in: %d\n", len(d.SignedIn))
	for _, s := range d.SignedIn {
		fmt.Fprintf(table, "%s\t%s\t%s\tlast used %s\t%s\n",
			s.ID, s.Browser, s.IP, minute(s.LastUsedAt), strings.Join(s.Apps, ", "))
	}
	_ = table.Flush() // a write to memory cannot fail
	fmt.Fprintf(table, "\nAccess keys: %d\n", len(d.Keys))
	if len(d.Keys) > 0 {
		fmt.Fprintln(table, accessKeysText(found.Keys))
	}
	_ = table.Flush()
	fmt.Fprintf(table, "\nThe newest events: %d\n", len(d.Events))
	for _, e := range d.Events {
		details, _ := json.Marshal(e.Details) // made of strings
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", minute(e.At), e.Kind, e.Browser, e.IP, details)
	}
	_ = table.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// codesText says in words what the codes of a user are for.
func codesText(p auth.UserSummary) string {
	switch {
	case p.CodesFor == auth.CodesForSignIn:
		return "Codes are for signing in."
	case p.CodesSuspended:
		return "Codes are for recovery only, but sign in: no passkey works at this PUBLIC_URL."
	case p.RecoveryEndsAt == nil:
		return "Codes are for recovery only."
	}
	return "Codes are for recovery only; one is in progress until " + minute(*p.RecoveryEndsAt) +
		"."
}
