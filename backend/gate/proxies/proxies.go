// Package proxies writes the configuration that a reverse proxy needs to put an app behind the
// gate.
package proxies

import (
	"embed"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/template"

	"sana/backend/apps"
)

// Kind names a reverse proxy.
type Kind string

// The proxies.
const (
	Nginx   Kind = "nginx"
	Caddy   Kind = "caddy"
	Traefik Kind = "traefik"
)

// Site is an app and the addresses that its proxy forwards to, each host:port.
type Site struct {
	App      *apps.App
	Upstream string // of the app itself
	Sana     string // address of Sana for browsers (LISTEN_ADDR)
	Gate     string // address of the gate (GATE_ADDR)
}

//go:embed nginx.conf.tmpl Caddyfile.tmpl traefik.yaml.tmpl
var files embed.FS

var templates = template.Must(template.New("").Delims("<<", ">>").Funcs(template.FuncMap{
	"identity": func() []string { return identity },
	"variable": func(header string) string {
		return "$sana_" + strings.ToLower(strings.TrimPrefix(header, "Remote-"))
	},
	"under":  func(header string) string { return strings.ReplaceAll(header, "-", "_") },
	"dotted": func(header string) string { return strings.ReplaceAll(header, "-", ".") },
	"lower":  strings.ToLower,
	"rule":   rule,
}).ParseFS(files, "*.tmpl"))

// identity are the headers that the gate sends with 200.
var identity = []string{"Remote-User", "Remote-Email", "Remote-Name", "Remote-Groups", "Remote-Id"}

var names = map[Kind]string{
	Nginx:   "nginx.conf.tmpl",
	Caddy:   "Caddyfile.tmpl",
	Traefik: "traefik.yaml.tmpl",
}

// Write writes the configuration of a site.
func Write(w io.Writer, kind Kind, s Site) error {
	name, ok := names[kind]
	if !ok {
		return fmt.Errorf("proxies: no proxy is called %q", kind)
	}
	return templates.ExecuteTemplate(w, name, s)
}

// rule returns the rule of a Traefik router for the hosts of an app.
func rule(app *apps.App) string {
	var list []string
	for _, host := range app.Hosts {
		name := host.String()
		if host.IsWild() {
			name = regexp.QuoteMeta(strings.TrimPrefix(name, "*"))
			list = append(list, "HostRegexp(`^[a-z0-9_-]+"+name+"$`)")
			continue
		}
		list = append(list, "Host(`"+name+"`)")
	}
	return "(" + strings.Join(list, " || ") + ")"
}
