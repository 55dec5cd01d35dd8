package apps

import "strings"

// ReservedPath is the prefix of Sana's paths on the hosts of apps; apps cannot use it.
const ReservedPath = "/_sana/"

// maxReturnPath is the maximum length of a path with its query.
const maxReturnPath = 2048

// ReturnPath returns the path to which a browser returns with its app cookie: the target of a
// request if it is a path on the same host, else "/". The path may have a query. Browsers parse a
// second slash or backslash as the start of a host, after they have removed control characters.
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
