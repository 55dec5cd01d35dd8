package doctor

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"sana/backend/diagnose"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Gate has the inputs of the gate's checks.
type Gate struct {
	Public Public
	Addr   string   // GATE_ADDR
	Hosts  []string // of all apps, as the apps file has them
	Apps   int      // number of apps

	Pool    *pgxpool.Pool // nil without DATABASE_URL
	KeyApps []string      // ids of the apps that accept access keys

	// Lookup returns the addresses of a host, as net.Resolver.LookupHost does.
	Lookup func(ctx context.Context, host string) ([]string, error)
}

// Checks returns the checks of the gate.
func (g Gate) Checks() []diagnose.Check {
	return []diagnose.Check{
		{Name: "apps", Needs: []string{"APPS_FILE", "PUBLIC_URL"}, Do: g.apps},
		{Name: "app-hosts", Needs: []string{"apps"}, Do: g.resolve},
		{Name: "gate", Needs: []string{"GATE_ADDR", "public-url"}, Do: g.address},
		{Name: "access-keys", Needs: []string{"APPS_FILE", "schema"}, Do: g.accessKeys},
	}
}

// apps judges the hosts of the apps. An app on Sana's own host would receive the session's cookie.
func (g Gate) apps(context.Context) diagnose.Result {
	own := strings.ToLower(g.Public.URL.Host)
	detail := fmt.Sprintf("%s at %s", diagnose.Counted(g.Apps, "app", "apps"),
		diagnose.Counted(len(g.Hosts), "host", "hosts"))
	if slices.ContainsFunc(g.Hosts, func(host string) bool { return coversHost(host, own) }) {
		return diagnose.Fail(detail+"; one host is that of PUBLIC_URL",
			"give the app a host of its own in APPS_FILE")
	}
	return diagnose.OK(detail + ", none of them PUBLIC_URL's")
}

// accessKeys finds keys of apps that accept none, and keys that expire soon.
func (g Gate) accessKeys(ctx context.Context) diagnose.Result {
	rows, err := g.Pool.Query(ctx, `
		SELECT app,
		       count(*),
		       count(*) FILTER (WHERE expires_at < now() + interval '7 days')
		FROM access_keys
		WHERE expires_at > now()
		GROUP BY app
		ORDER BY app`)
	if err != nil {
		return diagnose.Fail("access keys cannot be read: "+err.Error(), "run: sana migrate")
	}
	var app string
	var all, expiring, keys, soon int
	var stray []string
	_, err = pgx.ForEachRow(rows, []any{&app, &all, &expiring}, func() error {
		keys, soon = keys+all, soon+expiring
		if !slices.Contains(g.KeyApps, app) {
			stray = append(stray, app)
		}
		return nil
	})
	if err != nil {
		return diagnose.Fail("access keys cannot be read: "+err.Error(), "run: sana migrate")
	}
	return judgeAccessKeys(keys, soon, stray)
}

func judgeAccessKeys(keys, soon int, stray []string) diagnose.Result {
	detail := diagnose.Counted(keys, "access key", "access keys")
	if len(stray) > 0 {
		return diagnose.Warn(
			detail+"; some are for apps that APPS_FILE does not define, or that do not accept "+
				"keys: "+
				strings.Join(stray, ", "),
			"such keys are refused: set access_keys: true for the app, or revoke them with sana "+
				"access-keys end")
	}
	if soon > 0 {
		detail += fmt.Sprintf(", %d of them expire within a week", soon)
	}
	return diagnose.OK(detail)
}

// coversHost reports whether a host of the apps file, which may begin with *, is or covers another.
func coversHost(pattern, host string) bool {
	suffix, isWild := strings.CutPrefix(pattern, "*")
	label, ok := strings.CutSuffix(host, suffix)
	return pattern == host || isWild && ok && label != "" && !strings.Contains(label, ".")
}

// resolve looks up every host. For a host with * it looks up a name that the * covers.
func (g Gate) resolve(ctx context.Context) diagnose.Result {
	var missing []string
	for _, host := range g.Hosts {
		// development allows ports
		name, _, _ := strings.Cut(strings.Replace(host, "*", "sana-doctor", 1), ":")
		if _, err := g.Lookup(ctx, name); err != nil {
			missing = append(missing, host)
		}
	}
	if len(missing) > 0 {
		return diagnose.Warn("these hosts do not resolve from here: "+strings.Join(missing, ", "),
			"add DNS records for the proxy's address, or correct the hosts in APPS_FILE")
	}
	return diagnose.OK("every host resolves")
}

const hintGateAddr = "set GATE_ADDR=127.0.0.1:%s if the proxy is on the same machine; else bind " +
	"it to a private address, and let only the proxy reach it"

// address checks which clients can reach the gate. A client that reaches it can learn whether a
// stolen cookie is valid, and can send identity headers in the proxy's place to an app that trusts
// its network.
func (g Gate) address(ctx context.Context) diagnose.Result {
	host, port, err := net.SplitHostPort(g.Addr)
	if err != nil {
		return diagnose.Fail("GATE_ADDR is "+g.Addr, "set host:port, e.g. 127.0.0.1:3001")
	}
	hint := fmt.Sprintf(hintGateAddr, port)
	ip, err := netip.ParseAddr(host)
	direct := net.JoinHostPort(g.Public.URL.Hostname(), port)
	if answers, isLoopback := g.answers(ctx, direct); answers &&
		!(isLoopback && IsLoopback(g.Addr)) {
		return diagnose.Fail(
			direct+" answers as the gate: every client can reach it, not only the proxy", hint)
	}
	switch {
	case host == "" || err == nil && ip.IsUnspecified():
		return diagnose.Warn(g.Addr+" is on all interfaces of this machine", hint)
	case err == nil && !ip.IsLoopback() && !ip.IsPrivate() && !ip.IsLinkLocalUnicast():
		return diagnose.Warn(g.Addr+" is a public address", hint)
	}
	return diagnose.OK(g.Addr + " is reachable from this machine or its private network only")
}

// IsLoopback reports whether an address, host:port, is of the loopback interface.
func IsLoopback(address string) bool {
	at, err := netip.ParseAddrPort(address)
	return err == nil && at.Addr().IsLoopback()
}

// answers reports whether the gate answers at an address, and whether over the loopback interface.
func (g Gate) answers(ctx context.Context, address string) (answers, isLoopback bool) {
	ctx, cancel := context.WithTimeout(ctx, portTimeout)
	defer cancel()
	answer, err := g.Public.getFrom(ctx, &url.URL{Scheme: "http", Host: address}, "/gate/", nil)
	isGate := answer.status == http.StatusForbidden &&
		strings.Contains(string(answer.body), `"gate_misconfigured"`)
	return err == nil && isGate, answer.isLoopback
}
