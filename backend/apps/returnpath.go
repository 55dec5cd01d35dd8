package apps

import "strings"

// ReservedPath is where Sana answers on the hosts of apps; a path there is no page of an app.
const ReservedPath = "/_sana/"

// maxReturnPath is the longest path that is kept, with its query.
const maxReturnPath = 2048

// ReturnPath returns the path to which a browser goes back after it got its app cookie: the target
// of a request if it is a path on the same host, else "/". The path may have a query. Browsers take
// a second slash or backslash for the beginning of a host, and drop control characters before they
// look.
func ReturnPath(target string) string {
	isPath := strings.HasPrefix(target, "/") && !strings.HasPrefix(target, "//") &&
		!strings.HasPrefix(target, `/\`)
	isOdd := func(r rune) bool { return r <= ' ' || r > '~' || r == '#' }
	if !isPath || len(target) > maxReturnPath || strings.ContainsFunc(target, isOdd) ||
		strings.HasPrefix(target, ReservedPath) {
		return "/"
	}
	return target
}
