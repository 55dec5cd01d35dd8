// Command sana signs people in with a six-digit code sent by e-mail.
package main

import (
	"os"

	"sana/backend/cli"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = "dev"

func main() {
	os.Exit(cli.Run(os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr, version))
}
