// Package apps has the apps behind the gate: their names, their hosts, and their allowed users. An
// operator defines them in a file, which Parse reads.
package apps

import (
	"cmp"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// App is an application behind a proxy that requires a sign-in.
type App struct {
	ID         string // lower case; names the app in the proxy's configuration, in logs and metrics
	Name       string // shown to users
	Hosts      []Host
	Fresh      time.Duration // maximum age of a sign-in; 0 for any
	Until      time.Time     // end of access for all users; zero if there is none
	Since      time.Time     // app cookies issued before it are void; zero if there is none
	AccessKeys bool          // programs may use keys

	allow rule   // the union of rules
	rules []Rule // in the order of the file
}

// Rule is an entry of an app's allow list.
type Rule struct {
	Text string // as in the file
	Line int    // of the file

	members rule
}

// Allows reports whether the app is open to the user with an address, which must be canonical (see
// account.ParseAddress), at a time.
func (a *App) Allows(email string, now time.Time) bool {
	return a.isOpen(now) && a.allow.matches(email)
}

// Matching returns the entries of the app's allow list that name the user with a canonical address,
// in the order of the file. Any one of them is enough.
func (a *App) Matching(email string) (matching []Rule) {
	for _, r := range a.rules {
		if r.members.matches(email) {
			matching = append(matching, r)
		}
	}
	return matching
}

// IsVoid reports whether an app cookie that was issued at a time is void by the app's Since. A
// Since in the future voids nothing: a new cookie would be void again.
func (a *App) IsVoid(issuedAt, now time.Time) bool {
	return issuedAt.Before(a.Since) && !now.Before(a.Since)
}

func (a *App) isOpen(now time.Time) bool { return a.Until.IsZero() || now.Before(a.Until) }

// Serves reports whether a host as NormalizeHost returns it is one of the app's.
func (a *App) Serves(host string) bool {
	return slices.ContainsFunc(a.Hosts, func(h Host) bool { return h.matches(host) })
}

// Set is the content of an apps file. It does not change.
type Set struct {
	apps   []*App          // in the order of the file
	byID   map[string]*App //
	exact  map[string]*App // by host
	wild   map[string]*App // by the part after the first label of a host, with its dot
	groups []group
}

// group is a named list of users.
type group struct {
	name    string
	members rule
}

// everyone is the group of all users who are signed in.
const everyone = "everyone"

// List returns the apps in the order of the file.
func (s *Set) List() []*App { return slices.Clone(s.apps) }

// Find returns the app with an id.
func (s *Set) Find(id string) (app *App, ok bool) {
	app, ok = s.byID[id]
	return app, ok
}

// FindHost returns the app with a host as NormalizeHost returns it.
func (s *Set) FindHost(host string) (app *App, ok bool) {
	if app, ok = s.exact[host]; ok {
		return app, true
	}
	dot := strings.IndexByte(host, '.')
	if dot < 0 {
		return nil, false
	}
	app, ok = s.wild[host[dot:]]
	return app, ok && app.Serves(host)
}

// For returns the apps that are open to a user at a time, in the order of the file.
func (s *Set) For(email string, now time.Time) []*App {
	return slices.DeleteFunc(s.List(), func(a *App) bool { return !a.Allows(email, now) })
}

// AllowsAnywhere reports whether some app is open to the user with an address at a time.
func (s *Set) AllowsAnywhere(email string, now time.Time) bool { return len(s.For(email, now)) > 0 }

// Groups returns the names of a user's groups, in alphabetical order: "everyone" alone if there is
// no other.
func (s *Set) Groups(email string) []string {
	var names []string
	for _, g := range s.groups {
		if g.members.matches(email) {
			names = append(names, g.name)
		}
	}
	if names == nil {
		return []string{everyone}
	}
	return names
}

// rule is a list of users.
type rule struct {
	everyone  bool
	addresses map[string]bool // canonical
	domains   map[string]bool // the part after the @ of an address
}

func (r rule) matches(email string) bool {
	_, domain, ok := strings.Cut(email, "@")
	return ok && (r.everyone || r.addresses[email] || r.domains[domain])
}

// Current is the set in use. It is safe for concurrent use; nil and the zero value have no apps.
type Current struct{ set atomic.Pointer[Set] }

// noApps is the set of a Current without one.
var noApps Set

// Load returns the set in use.
func (c *Current) Load() *Set {
	if c == nil {
		return &noApps
	}
	return cmp.Or(c.set.Load(), &noApps)
}

// Store replaces the set in use.
func (c *Current) Store(set *Set) { c.set.Store(set) }

// IsFresh reports whether a sign-in is recent enough for the app. A time more than a minute ahead
// is from before the database's clock was set back, and counts as old.
func (a *App) IsFresh(signedInAt, now time.Time) bool {
	age := now.Sub(signedInAt)
	return a.Fresh == 0 || age < a.Fresh && age > -time.Minute
}

// FrontHost returns the host at which users open the app, "" if all of its hosts have a *.
func (a *App) FrontHost() string {
	for _, host := range a.Hosts {
		if !host.IsWild() {
			return host.String()
		}
	}
	return ""
}
