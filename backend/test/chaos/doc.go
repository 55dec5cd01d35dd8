// Package chaos does to Sana, its database and its proxies what operation does: restarts, failovers, freezes, full disks,
// slow and cut networks, all while people sign in. It has Postgres servers, an nginx and a Caddy of its own, and is all
// tests; npm run chaos runs their long forms.
package chaos
