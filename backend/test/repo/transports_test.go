package repo_test

import (
	"regexp"
	"strings"
	"testing"

	"sana/backend/config"
)

// transportConstant matches a value of MAIL_TRANSPORT in config/config.go: its name and its text.
var transportConstant = regexp.MustCompile(`(?m)^\t(\w+)\s+= "(\w+)"`)

// A MAIL_TRANSPORT that one of these files does not know would fail at the start, or have no check.
func TestMailTransports_AreKnownEverywhere(t *testing.T) {
	constants := map[string]string{}
	for _, found := range transportConstant.FindAllStringSubmatch(
		read(t, "../../config/config.go"), -1) {
		constants[found[2]] = found[1]
	}
	for _, transport := range config.MailTransports {
		if constants[transport] == "" {
			t.Fatalf("%s: config/config.go has no constant for it", transport)
		}
		name := "config." + constants[transport]
		for _, file := range []string{"app/senders.go", "cli/doctor_examine.go"} {
			if !strings.Contains(read(t, "../../"+file), name) {
				t.Errorf("%s: backend/%s does not name %s", transport, file, name)
			}
		}
		if transport != config.Console && !strings.Contains(
			read(t, "../../../docs/deploy/README.md"), "MAIL_TRANSPORT="+transport) {
			t.Errorf("%s: docs/deploy/README.md does not say how to set it", transport)
		}
	}
}
