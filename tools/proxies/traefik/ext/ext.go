// Package ext has the types that Traefik embeds in its configuration. Its module is a folder of
// Traefik's repository and is published nowhere else.
package ext

// HTTP extends the configuration of HTTP.
type HTTP struct{}

// Router extends the configuration of a router.
type Router struct{}
