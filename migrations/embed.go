// Package migrations holds the schema's history. A released file never changes: a later change is a
// new file, which the previous release can live with.
package migrations

import "embed"

// Schema is what every installation has.
//
//go:embed *.sql
var Schema embed.FS

// Development is what only development has: the inbox.
//
//go:embed development/*.sql
var Development embed.FS
