// Package chaos exposes Sana, its database and its proxies to the events of operation: restarts,
// failovers, freezes, full disks, slow and cut networks, all while users sign in. It runs its own
// Postgres servers, an nginx and a Caddy. It consists of tests; npm run chaos runs their long
// forms.
package chaos
