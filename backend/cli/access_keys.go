package cli

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"sana/backend/auth"
	"sana/backend/session"
)

type accessKeysCommand struct {
	List listAccessKeysCommand `cmd:"" help:"List the access keys of a user."`
	Make makeAccessKeyCommand  `cmd:"" help:"Create a key with which a program uses one app as a user, and print it once. The user gets a mail about it."`
	End  endAccessKeyCommand   `cmd:"" help:"Revoke an access key, on every instance within two seconds."`
}

// accessKeyJSON is an access key in JSON. Times are in UTC.
type accessKeyJSON struct {
	ID         string     `json:"id"`
	App        string     `json:"app"`
	Name       string     `json:"name"`
	ByOperator bool       `json:"by_operator"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  time.Time  `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
	LastUsedIP string     `json:"last_used_ip"`
}

func accessKeysJSONOf(list []session.AccessKey) []accessKeyJSON {
	keys := []accessKeyJSON{}
	for _, k := range list {
		keys = append(keys, accessKeyJSON{
			k.ID, k.App, k.Name, k.ByOperator, k.CreatedAt.UTC(), k.ExpiresAt.UTC(),
			inUTC(k.LastUsedAt), k.LastUsedIP,
		})
	}
	return keys
}

// accessKeysText returns a line for each key.
func accessKeysText(list []session.AccessKey) string {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tAPP\tNAME\tEXPIRES\tLAST USED\tFROM")
	for _, k := range list {
		used := "never"
		if k.LastUsedAt != nil {
			used = minute(*k.LastUsedAt)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.App, k.Name, minute(k.ExpiresAt),
			used, k.LastUsedIP)
	}
	_ = table.Flush() // writes into memory
	return strings.TrimSuffix(b.String(), "\n")
}

type listAccessKeysCommand struct{ person }

// Run prints the access keys of a user.
func (l listAccessKeysCommand) Run(in invocation) error {
	return l.do(in, func(ctx context.Context, useCases *auth.Service) (any, string, error) {
		found, err := useCases.FindUserDetails(ctx, l.Address)
		return accessKeysJSONOf(found.Keys), accessKeysText(found.Keys), err
	})
}

type makeAccessKeyCommand struct {
	Address string `arg:"" help:"Address of the user."`
	App     string `arg:"" help:"The id of the app in the apps file, which must have access_keys: true."`
	Name    string `required:"" help:"Name of the key."`
	Days    int    `default:"90" help:"How long it is valid, 1 to 365 days."`
	JSON    bool   `name:"json" help:"Print a JSON object."`
}

// Run prints the key.
func (m makeAccessKeyCommand) Run(in invocation) error {
	if m.Days < 1 {
		return fmt.Errorf("--days is %d; it must be 1 to 365", m.Days)
	}
	return withUseCases(in, func(ctx context.Context, useCases *auth.Service) error {
		made, err := useCases.CreateAccessKeyAsOperator(ctx, m.Address, auth.KeyRequest{
			App: m.App, Name: m.Name, Lifetime: time.Duration(m.Days) * 24 * time.Hour,
		})
		if err != nil {
			return err
		}
		if m.JSON {
			return printJSON(in.stdout, map[string]any{
				"key":        made.Text,
				"access_key": accessKeysJSONOf([]session.AccessKey{made.AccessKey})[0],
			})
		}
		_, err = fmt.Fprintln(in.stdout, made.Text)
		return err
	})
}

type endAccessKeyCommand struct {
	ID string `arg:"" help:"Id of the key, from sana access-keys list."`
}

// Run revokes a key.
func (e endAccessKeyCommand) Run(in invocation) error {
	return withUseCases(in, func(ctx context.Context, useCases *auth.Service) error {
		if useCases.Shared == nil {
			return errNoList
		}
		ended, err := useCases.RevokeAccessKeyAsOperator(ctx, e.ID)
		if err != nil {
			return err
		}
		if !ended {
			return fmt.Errorf(
				"no access key has the id %s; sana access-keys list ADDRESS lists them", e.ID)
		}
		_, err = fmt.Fprintln(in.stdout, "Revoked.")
		return err
	})
}
