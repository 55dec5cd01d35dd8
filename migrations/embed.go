// Package migrations holds the schema's history. A published file never changes; the next change is a new file that
// the previous release can live with.
package migrations

import "embed"

// Schema is what every installation has. Version 2, River's own tables, is made by River's migrator.
//
//go:embed *.sql
var Schema embed.FS

// Development is what only development has: the inbox.
//
//go:embed development/*.sql
var Development embed.FS
