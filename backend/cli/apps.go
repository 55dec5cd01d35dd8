package cli

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"sana/backend/account"
	"sana/backend/app"
	"sana/backend/apps"
	"sana/backend/config"
	"sana/backend/gate/proxies"
)

type appsCommand struct {
	Check   appsCheckCommand   `cmd:"" help:"Read an apps file and print its apps, or every mistake with its line."`
	Explain appsExplainCommand `cmd:"" help:"Print whether a user may open an app, and which rule decides. Exits with 1 if they may not."`
	Nginx   nginxCommand       `cmd:"" help:"Print the configuration of nginx for an app."`
	Caddy   caddyCommand       `cmd:"" help:"Print the configuration of Caddy for an app."`
	Traefik traefikCommand     `cmd:"" help:"Print the dynamic configuration of Traefik for an app."`
}

type appsCheckCommand struct {
	File string `arg:"" optional:"" help:"The file; default: APPS_FILE. With PUBLIC_URL and APP_ENV it is checked as at startup."`
}

// Run prints the apps, one a line: id, name, hosts.
func (c appsCheckCommand) Run(in invocation) error {
	set, err := readApps(in, c.File, "name the apps file, or set APPS_FILE")
	if err != nil {
		return err
	}
	for _, one := range set.List() {
		var hosts []string
		for _, host := range one.Hosts {
			hosts = append(hosts, host.String())
		}
		if _, err := fmt.Fprintf(in.stdout, "%s\t%s\t%s\n", one.ID, one.Name,
			strings.Join(hosts, " ")); err != nil {
			return err
		}
	}
	return nil
}

type appsExplainCommand struct {
	App     string `arg:"" help:"The id of the app in the apps file."`
	Address string `arg:"" help:"Address of the user. They need no account."`
	File    string `help:"The apps file; default: APPS_FILE." placeholder:"FILE"`
}

// errMayNotOpen makes apps explain exit with 1 for a user who may not open the app.
var errMayNotOpen = errors.New("this user may not open the app")

// Run uses the file only: it does not know whether the user is blocked or signed in.
func (c appsExplainCommand) Run(in invocation) error {
	set, err := readApps(in, c.File, "set APPS_FILE, or use --file")
	if err != nil {
		return err
	}
	one, err := findApp(set, c.App)
	if err != nil {
		return err
	}
	email, err := account.ParseAddress(c.Address)
	if err != nil {
		return errNoCodesTo(c.Address)
	}
	text, isOpen := set.Explain(one, email, time.Now())
	if _, err := fmt.Fprint(in.stdout, text); err != nil {
		return err
	}
	if !isOpen {
		return errMayNotOpen
	}
	return nil
}

// proxyFlags are the flags of the commands that print the configuration of a proxy.
type proxyFlags struct {
	App      string `arg:"" help:"The id of the app in the apps file."`
	File     string `help:"The apps file; default: APPS_FILE." placeholder:"FILE"`
	Upstream string `help:"Address of the app itself; default: ${default}." default:"127.0.0.1:8080" placeholder:"HOST:PORT"`
	Sana     string `help:"Address of Sana for browsers; default: LISTEN_ADDR, else PORT." placeholder:"HOST:PORT"`
	Gate     string `help:"Address of Sana for proxies; default: GATE_ADDR." placeholder:"HOST:PORT"`
}

type (
	nginxCommand   struct{ proxyFlags }
	caddyCommand   struct{ proxyFlags }
	traefikCommand struct{ proxyFlags }
)

// Run prints the configuration.
func (c nginxCommand) Run(in invocation) error { return c.print(in, proxies.Nginx) }

// Run prints the configuration.
func (c caddyCommand) Run(in invocation) error { return c.print(in, proxies.Caddy) }

// Run prints the configuration.
func (c traefikCommand) Run(in invocation) error { return c.print(in, proxies.Traefik) }

func (c proxyFlags) print(in invocation, kind proxies.Kind) error {
	settings := config.LoadGate(in.environ)
	c.File, c.Gate = cmp.Or(c.File, settings.AppsFile), cmp.Or(c.Gate, settings.GateAddr)
	if c.File == "" || c.Gate == "" {
		return errors.New("set APPS_FILE and GATE_ADDR, or use --file and --gate")
	}
	if c.Sana == "" {
		address, err := config.LoadListenAddr(in.environ)
		if err != nil {
			return err
		}
		c.Sana = address
	}
	set, err := app.ReadAppsFile(c.File, settings.PublicURL, settings.Env)
	if err != nil {
		return err
	}
	one, err := findApp(set, c.App)
	if err != nil {
		return err
	}
	return proxies.Write(in.stdout, kind,
		proxies.Site{App: one, Upstream: c.Upstream, Sana: c.Sana, Gate: c.Gate})
}

// readApps reads the apps file that an argument names, else that of APPS_FILE. unnamed is the error
// without both.
func readApps(in invocation, file, unnamed string) (*apps.Set, error) {
	settings := config.LoadGate(in.environ)
	if file = cmp.Or(file, settings.AppsFile); file == "" {
		return nil, errors.New(unnamed)
	}
	return app.ReadAppsFile(file, settings.PublicURL, settings.Env)
}

func findApp(set *apps.Set, id string) (*apps.App, error) {
	if one, ok := set.Find(id); ok {
		return one, nil
	}
	var known []string
	for _, one := range set.List() {
		known = append(known, one.ID)
	}
	return nil, fmt.Errorf("there is no app %q in the file; known are %s",
		id, strings.Join(known, ", "))
}
