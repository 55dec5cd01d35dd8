package apps

import (
	"net"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// Host is a host of an app: a name, or a name with any first label.
type Host struct {
	name   string // exact, or the part after the first label, with its dot
	isWild bool
}

// String returns the host as the file has it, in punycode.
func (h Host) String() string {
	if h.isWild {
		return "*" + h.name
	}
	return h.name
}

// IsWild reports whether the host allows any first label.
func (h Host) IsWild() bool { return h.isWild }

func (h Host) matches(host string) bool {
	if !h.isWild {
		return host == h.name
	}
	label, ok := strings.CutSuffix(host, h.name)
	return ok && isLabel(label)
}

// overlaps reports whether some host matches both.
func (h Host) overlaps(other Host) bool {
	switch {
	case h.isWild && other.isWild, !h.isWild && !other.isWild:
		return h == other
	case h.isWild:
		return h.matches(other.name)
	default:
		return other.matches(h.name)
	}
}

// maxHost is the longest name of a host (RFC 1035, 2.3.4), with a port.
const maxHost = 253 + len(":65535")

// NormalizeHost returns a Host header as FindHost and Serves compare it: in lower case. ok is false
// for values that no browser sends for the host of an app, such as a trailing dot.
func NormalizeHost(header []byte) (host string, ok bool) {
	if len(header) == 0 || len(header) > maxHost {
		return "", false
	}
	for _, c := range header {
		isName := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !isName && c != '-' && c != '.' && c != ':' && c != '_' {
			return "", false
		}
	}
	host = strings.ToLower(string(header))
	return host, !strings.HasSuffix(host, ".")
}

// isLabel reports whether a label of a host's name can stand for the * (RFC 1123, 2.1, and _).
func isLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	return !strings.ContainsFunc(label, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// parseHost parses a host of the file. mistake describes an error, "" for none.
func parseHost(text string, development bool) (host Host, mistake string) {
	name, port := text, ""
	if before, after, ok := strings.Cut(text, ":"); ok {
		number, err := strconv.ParseUint(after, 10, 16)
		switch {
		case !development:
			return Host{}, "must be a name alone, without scheme, port or path"
		case err != nil || number == 0:
			return Host{}, "has a port that does not exist"
		}
		name, port = before, ":"+after
	}
	rest, isWild := strings.CutPrefix(name, "*.")
	switch {
	case strings.ToLower(text) != text:
		return Host{}, "must be in lower case"
	case strings.HasSuffix(name, "."):
		return Host{}, "must not end in a dot"
	case strings.Contains(rest, "*"):
		return Host{}, "may have * as its whole first label only, as in *.example.org"
	case net.ParseIP(rest) != nil:
		return Host{}, "must be a name and not an address"
	}

	ascii, err := idna.Lookup.ToASCII(rest)
	if err != nil || !isName(ascii, development) {
		return Host{}, "is not the name of a host"
	}
	if isWild {
		return Host{name: "." + ascii + port, isWild: true}, ""
	}
	return Host{name: ascii + port}, ""
}

// isName reports whether browsers can reach a host by this name: labels in ASCII, two or more of
// them except in development, the last one not a number.
func isName(name string, development bool) bool {
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if !isLabel(label) {
			return false
		}
	}
	top := labels[len(labels)-1]
	return (len(labels) > 1 || development) && len(name) <= 253 &&
		strings.ContainsFunc(top, func(r rune) bool { return r > '9' })
}
